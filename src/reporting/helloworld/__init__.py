"""The report of helloworld."""
