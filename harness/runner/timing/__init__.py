"""How long backbones and cells take: what earlier ones took, what a probe tells, and how long a run has left."""
