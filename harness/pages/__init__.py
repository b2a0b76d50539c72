"""Pages on remedies, checks and rules, as Markdown and for a terminal."""
