"""What rows say: which are possible, what they leave open, and what none speaks of.

`possible.py` has rows that no numbers allow, `observed.py` what they leave open, `barren.py` the
tables that no row says anything about, `unheard.py` numbers likewise.
"""
