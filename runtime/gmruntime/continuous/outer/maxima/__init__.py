"""Maxima of a log density that is known by its values, its curvature there, and its far ends."""
