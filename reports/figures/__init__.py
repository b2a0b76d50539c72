"""Figures as pairs: one function makes the table, another draws it and adds nothing."""
