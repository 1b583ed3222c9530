"""The evaluation of helloworld."""
