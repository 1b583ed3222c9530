"""Stage 2: tables become a model."""
