"""Ridge regressions of all groups of a location at once: the mathematics of training."""
