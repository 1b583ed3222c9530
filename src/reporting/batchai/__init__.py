"""The report of the batchai model."""
