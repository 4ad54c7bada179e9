"""astromap: infrared survey frames to calibrated maps, stacks and fluxes."""

__version__ = "0.1.0.dev0"
