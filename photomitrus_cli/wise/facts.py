"""Facts of WISE that several stages need."""

from __future__ import annotations

# Isophotal wavelengths, um: Wright et al. 2010, AJ 140, 1868, and Jarrett et al. 2011, ApJ 735, 112.
WAVELENGTH_UM = {1: 3.3526, 2: 4.6028, 3: 11.5608, 4: 22.0883}
