"""What becomes of the graph when something is done to a program's variables."""
