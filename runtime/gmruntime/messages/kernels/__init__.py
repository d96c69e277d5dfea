"""The message rules of every kind of factor, slow and plain, vectorised, and compiled."""
