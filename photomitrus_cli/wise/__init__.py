"""WISE stages and facts."""
