"""Reals whose laws switch: histories of finite variables along a chain, merged as they grow old.

`levels.py` finds out whether a graph is a chain of narrow levels, `kernels.py` follows histories of
the last levels and goes back, `engine.py` lets them grow while that matters and there is time.
"""
