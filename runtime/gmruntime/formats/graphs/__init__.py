"""Factor graphs in the formats of other tools: cost functions, libDAI's factors, parity checks."""
