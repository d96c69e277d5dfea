"""The passes of an elimination: plain NumPy (`reference.py`), programs of contractions, cores, GPU.

All of them send the messages of `reference.py` and are tested against it.
"""
