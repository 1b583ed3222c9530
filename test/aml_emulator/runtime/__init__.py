"""Tests of aml_emulator.runtime."""
