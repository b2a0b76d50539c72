"""The sections of the report, one folder each, and what they share."""
