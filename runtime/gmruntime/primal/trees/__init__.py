"""Random forests re-drawn: at a falling temperature to find maxima, at 1 to draw samples."""
