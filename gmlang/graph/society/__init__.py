"""What models say of each other and of things: silences, what covers what, what exists."""
