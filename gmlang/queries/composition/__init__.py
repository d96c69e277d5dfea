"""Models against models: what a composition stands for, whether it can be, and who is to blame.

Above: the questions `compat`, `blame` and `active`. Below: sessions and what they ask of the
runtime. Invariant: an answer takes the worst status of its parts.
"""
