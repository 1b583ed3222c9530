"""Stage 5: a model predicts."""
