"""Packaged default configuration (YAML), one file per section."""
