"""What to try next: rules that turn the evidence and the verdicts of a study into one study file, ready to run."""
