"""Tree annealing: random forests re-drawn at a falling temperature."""
