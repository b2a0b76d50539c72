"""Drawings of the page as PDF: vector graphics, with text as text and the typeface embedded."""
