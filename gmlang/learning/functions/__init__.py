"""Unknown functions, found as the shortest expressions that explain what is seen: `learn def`.

`rules.py` lists the expressions, `writing.py` writes one; `stage.py` grounds the program with every
call a variable of its own, `pieces.py` cuts out what depends on functions, `scoring.py` has the
runtime work out log Z of many rules at once, `search.py` decides which; `learn.py` does all the
`learn def`s of a program, `asking.py` finds what would tell rules apart. **Invariant:** a score is
what `logZ` would say of a program with the rule written in.
"""
