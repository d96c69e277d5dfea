"""The gmruntime engine: a factor graph and a question in, the best certified answer out.

It knows nothing of the gmlang language.
"""
