"""The catalogue: one function for each mistake an author can make, a file for each phase."""
