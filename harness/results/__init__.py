"""What a run leaves: records, their store, manifests, evidence, metrics, and the frame that reports read."""
