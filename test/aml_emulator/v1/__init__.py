"""Tests of aml_emulator.v1."""
