"""Waking: computes with some of many activations, and proves what the others may change.

Above: nobody in the runtime; a language hands in the variables that may sleep. Below: `inference`,
which answers about what is awake. Invariant: what is answered lies within what its certificate
says of the answer about everything.
"""
