"""A learned mixture that reorders the first candidates of a query."""
