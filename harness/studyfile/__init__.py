"""Reading a study file: YAML with positions, the schema, arms and grids, and every mistake at once."""
