"""Tests of aml_emulator.services."""
