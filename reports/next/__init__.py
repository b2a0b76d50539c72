"""What to try next: rules that write one study file, ready to run, from the evidence and the verdicts of a study."""
