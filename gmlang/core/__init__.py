"""Surface AST to core: names resolved, types known, sugar gone. Knows no graph and no data."""
