"""Programs over time followed step by step: what is believed now, at constant cost a step.

Above: `gmlang.api`. Below: `gmlang.queries`, `gmlang.graph`. **Invariant:** after each step the
answers are those of the program whose time ends there.
"""
