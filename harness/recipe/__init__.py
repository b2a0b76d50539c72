"""A recipe is one run as frozen specs, one per seam, plus the rules to compose remedies; no module imports torch."""
