"""Monitoring of batchai: control charts of residuals, distances of inputs, coverage of intervals."""
