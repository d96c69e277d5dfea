"""From lines to the automaton's stack: token by token, or at once where a line's shape is known."""
