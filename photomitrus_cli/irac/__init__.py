"""Spitzer/IRAC stages and facts."""
