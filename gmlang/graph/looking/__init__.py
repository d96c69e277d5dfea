"""Programs that look each number up in data: grounded once for many rows of that data.

Above: `gmlang.learning.data_rows`, which asks. Below: `gmlang.graph.from_core`, which grounds.
**Invariant:** a row's graph, read off, is what grounding with its data makes.
"""
