"""Core and data to a factor graph, block by block."""
