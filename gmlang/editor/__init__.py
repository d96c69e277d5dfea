"""What editors, notebooks and terminals need to know of the language."""
