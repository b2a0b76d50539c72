"""Seams of retrieval: what the memory holds, how it is indexed, and which neighbours a query retrieves."""
