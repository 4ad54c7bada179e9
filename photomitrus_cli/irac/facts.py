"""Facts about IRAC: constants with their sources."""

from __future__ import annotations

# imask bit of a pixel whose saturation was not corrected (comment cards of an archive bimsk header; also
# IRAC Instrument Handbook, "imask").
SATURATION_BIT = 13

# Mean pixel side over the array, arcsec, channels 1-4 (IRAC Instrument Handbook, table 2.1).
PIXEL_ARCSEC = {1: 1.221, 2: 1.213, 3: 1.222, 4: 1.220}

WAVELENGTH_UM = {1: 3.6, 2: 4.5, 3: 5.8, 4: 8.0}
