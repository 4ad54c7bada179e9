"""Measuring products against the truth; shared by the tests and by `make truth`."""
