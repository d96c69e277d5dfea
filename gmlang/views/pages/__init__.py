"""A run as one page that needs nothing else: HTML with drawings in it, from a trace alone.

Each part of the page is a file; `page.py` lists them. Drawings are SVG written by hand, colours
follow the reader's light or dark setting, and what is chosen on the page is chosen by plain inputs.
"""
