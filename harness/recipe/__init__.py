"""A recipe: one run as frozen specs, seam by seam, and how remedies compose on it; nothing here imports torch."""
