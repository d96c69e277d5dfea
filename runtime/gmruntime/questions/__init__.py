"""What may be asked of a factor graph, and how an answer is found by writing everything out."""
