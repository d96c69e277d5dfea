"""Answers and graphs as people see them: text, HTML, tables, pictures, notebooks.

Views import answers; answers import no view.
"""
