"""What to decide, and what that is worth: sums and maxima taken in turns, and policies improved.

`problem.py` is what is asked about the tables of a graph, `flags.py` makes one product of a sum of
utilities, `stages.py` says in which order variables may be eliminated, `alternating.py` eliminates
them, `evidence.py` weighs what is observed, `updating.py` improves policies one decision at a
time where memory is limited, `ceilings.py` bounds what is too wide, `answer.py` puts together.
Below: elimination. **Invariant:** what is called exact is the optimum over policies that look at
nothing but their information.
"""
