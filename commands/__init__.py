"""Click commands: one module per group member, found by name through the lazy groups."""
