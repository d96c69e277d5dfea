"""Flooding on a GPU: graphs of pairs with a fused kernel, graphs of any kinds with two."""
