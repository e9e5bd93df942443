"""The built-in experiments (TOML)."""
