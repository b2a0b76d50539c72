"""Backbones: one folder each, behind one protocol."""
