"""One file a problem of the list, and one beyond it: its figures, checks and rules, with thresholds and texts."""
