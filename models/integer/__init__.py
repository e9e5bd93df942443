"""Bit-exact integer neurons, one per file, and the exact Markov chain of any of them."""
