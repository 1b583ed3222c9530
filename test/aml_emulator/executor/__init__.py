"""Tests of aml_emulator.executor."""
