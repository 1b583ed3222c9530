"""Inference of the batchai model."""
