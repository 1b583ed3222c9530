"""The data preparation of helloworld."""
