"""How an elimination is laid out: its order, and tables without their known zeros."""
