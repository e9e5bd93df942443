"""Silicon neurons, one per file: a circuit with its equation, a design function, its slow paths.

Each has nodes ``m``, the membrane, and ``spike``, and slow legs of its path; `orbit` predicts the
rate of any of them from benches, `record` simulates it.
"""
