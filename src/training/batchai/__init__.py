"""Training of the batchai model."""
