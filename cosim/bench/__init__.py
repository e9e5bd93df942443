"""Benchmarks of ``rheobase bench``, one per file: ``costs()`` measures and yields rows.

Nothing is measured, made or imported at length before `costs` is asked for its first row.
"""
