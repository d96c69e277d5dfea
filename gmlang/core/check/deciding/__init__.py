"""Choices: what they may depend on and are for, and plans that rest on luck."""
