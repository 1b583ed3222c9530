"""Tests of aml_emulator.store."""
