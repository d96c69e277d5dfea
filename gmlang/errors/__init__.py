"""The catalogue of mistakes: one function for each, by phase. Phases never format text.

GM1xx syntax · GM2xx names · GM3xx types and probabilities · GM4xx grounding and sizes ·
GM5xx evidence and inference · GM6xx not yet.
"""
