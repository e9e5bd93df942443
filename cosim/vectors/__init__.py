"""Golden vectors: what a public model did, step by step, and whether ours does the same."""
