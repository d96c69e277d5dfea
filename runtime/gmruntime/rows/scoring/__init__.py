"""What rows say of single variables, and of families of booleans, as numbers added up at once."""
