"""Drawings of the page as PDF: vectors, text that stays text, its typeface within."""
