"""Reference rows: what an arm has to beat to have found anything."""
