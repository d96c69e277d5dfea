"""Engines that find assignments and prove nothing: each a folder with its engine and its loops.

They walk on one landscape (`landscape.py`) and share one terrain (`terrain.py`). Above: the driver.
"""
