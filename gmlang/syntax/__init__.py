"""Text to surface AST and back. Knows no names, types or graphs."""
