"""Tests of aml_emulator.pages."""
