"""The numbers that are learned: coordinates, priors, and where they start."""
