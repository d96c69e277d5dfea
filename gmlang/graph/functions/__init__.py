"""Defs that call themselves: their values where these are known, their bodies where not."""
