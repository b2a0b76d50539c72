"""Drawings of figures as SVG, CSV and PDF."""
