"""The settings of helloworld."""
