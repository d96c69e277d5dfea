"""What was learned: as a record, as an answer beside others, and written into programs."""
