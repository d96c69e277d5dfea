"""Questions about a grounded program: what to ask the runtime, and how to read its answers."""
