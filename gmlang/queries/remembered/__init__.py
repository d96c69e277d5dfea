"""Answers that are kept, so that the same question is not answered twice.

`whole.py` keeps what a question returned, found by the question itself; `parts.py` what the runtime
answered, found by all that this depends on. Both lie in one `Memory`; `folder.py` has the latter on
disk, where that is asked for.

**Invariants:** only exact answers are kept, and proofs that nothing is possible; what comes back is
nobody else's to change; what comes from disk is checked, and deleted where the check fails.
"""
