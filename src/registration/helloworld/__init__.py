"""The registration of helloworld."""
