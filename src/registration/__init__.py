"""A model that is good enough becomes a version in the registry."""
