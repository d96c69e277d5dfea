"""Questions about decisions: what a program says of them, what follows from them, what is best.

`said.py` grounds choices, what they know and what they are for, `following.py` finds what depends
on a choice, and refuses what has no meaning then, `decided.py` settles choices in the graph of any
other question, `solving.py` asks for the best policy, `rules.py` writes it in the author's words.
**Invariant:** what is maximized is in no graph but the one that asks for it.
"""
