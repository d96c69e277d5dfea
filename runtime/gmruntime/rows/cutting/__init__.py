"""A graph cut at what rows of evidence observe, and what is left gathered by likeness."""
