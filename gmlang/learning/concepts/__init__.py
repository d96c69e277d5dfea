"""Models made of others, learned from things that they apply to: `learn model`.

`stage.py` grounds the models listed about all examples, `pieces.py` cuts out what concerns each,
`scoring.py` has the runtime work out log Z of candidates and examples together, `candidates.py`
says which candidates there are, `protests.py` what speaks against the parts of one; `learn.py`
does one `learn model`, `library.py` keeps what came of it. **Invariant:** a score is what `logZ`
would say of the same evidence; shares are exact where every candidate was scored.
"""
