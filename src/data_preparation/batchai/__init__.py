"""Data preparation of the batchai model."""
