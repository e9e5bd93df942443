"""Floating-point simulators."""
