"""The settings of batchai."""
