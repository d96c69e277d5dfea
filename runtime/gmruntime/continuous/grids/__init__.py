"""Integrals of functions whose logs are concave, between proven bounds: `concave.py`."""
