"""FTragrec as found, one file a seam: each holds the frozen specs of that seam and how they work."""
