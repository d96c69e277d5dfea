"""Loops that run a program: row by row, several rows side by side, and in logs, the reference.

They see arrays only, in the records of `records.py`.
"""
