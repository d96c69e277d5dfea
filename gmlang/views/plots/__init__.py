"""Pictures of answers and of searches, drawn by matplotlib; nothing else needs it."""
