"""The interactive session: statements are kept, questions answered at once.

Above `gmlang.api`, beside the command line. `session` holds what has been said, `entries` takes
one entry after another, `commands` and `imagine` do what its words say, `loop` reads and prints.
**Invariant:** a session never holds a program that has mistakes; an entry is refused whole.
"""
