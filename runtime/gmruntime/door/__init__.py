"""The door of the runtime: what is handed in, checked; what is too strong to add, weighed."""
