"""Parameters learned from cases: what they are, what depends on them, and how they are found.

`numbers/` says what the numbers are, `dependence/` which entry of which table depends on which of
them; `rows.py` turns cases into evidence, `problem.py` makes all of it ready; `telling/` says what
rows allow, leave open, and say nothing of; `objective.py` is what is maximised, with counts and
gradient, `compiled.py` compiles it for rows, `aims.py` says what each method climbs; `methods/`
climbs it and says how sure its maximum is, `naming.py` puts states that nobody names in order;
`results/` is what comes of it. `learn.py` does one `learn`, `course.py` all of a program, on the
terms of whoever asks, `online.py` adds more rows to what was learned. Above: the Python interface
and the command. Below: questions, the graph, and the runtime's rows of evidence.

**Invariants:** a method changes what an answer costs, never what is maximised, but for those that
say so; nothing is called converged without an estimate of what is left to gain.
"""
