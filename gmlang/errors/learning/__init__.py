"""Mistakes about parameters, tables of cases and learning (GM7xx)."""
