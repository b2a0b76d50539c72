"""The study file: grammar, reading, mistakes, schema."""
