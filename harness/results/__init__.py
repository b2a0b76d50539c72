"""The results of runs: records, their store, manifests, evidence, metrics, and the frame that reports read."""
