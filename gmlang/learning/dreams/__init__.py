"""Recognisers: made from draws of a program, they say where its searches begin.

Above are commands and Python. Whatever is proposed here is scored before it is believed.
"""
