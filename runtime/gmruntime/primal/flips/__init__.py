"""Changes of single variables: short annealing runs, then tabu search."""
