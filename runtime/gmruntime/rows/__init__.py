"""Many rows of evidence against one graph: log Z of each, and how often each table entry was used.

Rows are merged, the graph is cut at what they observe, and components that look alike become rows
of one program of contractions, run forwards for log Z and backwards for the counts. Above: whoever
learns, or asks one question of many cases. Below: orders of elimination, decomposition. Invariant:
a sum over rows has the same bits whatever the number of threads and workers.
"""
