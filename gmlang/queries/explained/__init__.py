"""How well what was seen of a thing is explained: by which models, and how surely.

`society.py` is what is asked about, `explanations.py` explains rows of observations, and
`confusion.py` says from the program's own samples how well they are explained usually. Above: the
question `surprise`. Below: the session. Invariant: what is explained is explained by the questions
that anyone may ask; no number here is as good as certain where the runtime's is not.
"""
