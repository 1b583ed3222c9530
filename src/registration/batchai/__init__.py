"""The registration of batchai."""
