"""The models: plain scripts by stage, each of which runs alone."""
