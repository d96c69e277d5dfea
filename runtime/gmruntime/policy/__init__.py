"""Who answers a question, and in which order that is tried: decided here and nowhere else.

Above: the door (`inference.py`). Below: everything that answers. Invariant: what is foreseen is
said by the code that answers, so a plan cannot promise what then does not happen.
"""
