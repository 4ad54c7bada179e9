"""Faithful simulated frames with their truth; shares no model code with the stages."""
