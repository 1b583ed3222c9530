"""A loopback Azure ML, for tests and rehearsals."""
