"""From what the grammar matched to the surface AST: one method for each rule of the grammar."""
