"""Training of the helloworld model."""
