"""Forests of pairs, such as chains through time: one pass inwards and one outwards, compiled."""
