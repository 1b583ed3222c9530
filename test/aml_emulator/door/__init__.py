"""Tests of aml_emulator.web."""
