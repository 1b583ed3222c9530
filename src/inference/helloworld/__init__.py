"""Inference of the helloworld model."""
