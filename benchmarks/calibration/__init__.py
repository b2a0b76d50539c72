"""How often the report is wrong where the truth is known."""
