"""What each model can be told: its variables, beside those of the platform (`src.common.settings`)."""
