"""The kinds of factor: what each one means, and the table it equals. Knows no graph."""
