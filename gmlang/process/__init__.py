"""What the process does beside its work: signals and deadlines, and collecting garbage."""
