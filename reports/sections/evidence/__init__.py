"""The evidence of a study: sections on checks, claims, predictions and figures, and what they share."""
