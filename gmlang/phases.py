"""What can be shown of a program on its way: the results of the phases, by name.

Apart from `gmlang.pipeline`, which makes them, so that the command knows the names before it
imports any phase.
"""

PHASES = ("syntax", "core", "world", "graph", "plan")
"""The results of parse, check, bind, of ground to validate, and of plan."""
