"""Runs pipelines: steps as local processes."""
