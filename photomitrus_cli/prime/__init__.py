"""PRIME stages and facts."""
