"""Whether a program is a chain over time, and when each of its statements is said."""
