"""One datapath per file, the same names as in ``models.integer``."""
