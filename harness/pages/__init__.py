"""Pages on interventions, checks and rules, as Markdown and for a terminal."""
