"""Predictions, one per file; SI units in and out, arrays broadcast."""
