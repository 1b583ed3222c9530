"""Pipelines: declared once, run here (DEV) or in Azure ML (PROD)."""
