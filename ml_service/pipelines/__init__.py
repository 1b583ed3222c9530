"""The scripts that run, publish and trigger the pipelines."""
