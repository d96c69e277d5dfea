"""The anytime search for the best assignment: one driver, several engines, one incumbent."""
