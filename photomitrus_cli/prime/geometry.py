"""The first geometry of a frame, from where the telescope pointed: gnomonic with SIP polynomials, always."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin
from typing import TYPE_CHECKING

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.platefit import SIP_DEGREE, polynomials_through
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.prime.chips import Template
from photomitrus_cli.prime.corners import carried_axes, corner_geometry
from photomitrus_cli.prime.instrument import GeometryKind, Instrument
from photomitrus_cli.prime.tpv import sip_from_tpv
from photomitrus_cli.prime.window import Window

if TYPE_CHECKING:
    from photomitrus_cli.prime.frame import Frame

_ARCSEC = 1.0 / 3600.0
# A start needs no more, and what deviates by more than this is no smooth distortion.
_FIT_PIXELS = 0.05


def pixel_arcsec(wcs: TanSip) -> float:
    """Side of a pixel at the reference point, arcsec: the root of its area."""
    return 3600.0 * float(np.sqrt(abs(np.linalg.det(wcs.cd))))


def template_geometry(
    template: Template, pointing: tuple[float, float], rotation: float, window: Window
) -> TanSip:
    """Place the distorted template of a chip on the sky.

    Its CD matrix is [[-sx cos px, sy sin py], [sx sin px, sy cos py]] with px and py the angles of the pixel
    axes. The mosaic turns as a rigid body, and with it the plane in which the distortion is described.

    Parameters
    ----------
    template : Template
    pointing : tuple of float
        (ra, dec) of the telescope, degrees ICRS.
    rotation : float
        Rotator angle, degrees.
    window : Window
        The active area of the frame.

    Returns
    -------
    TanSip
        Of the active area.
    """
    px, py = radians(template.pa_x), radians(template.pa_y)
    sx, sy = (size * window.scale * _ARCSEC for size in (template.scale_x, template.scale_y))
    cd = np.array([[-sx * cos(px), sy * sin(py)], [sx * sin(px), sy * cos(py)]])
    linear, sip = sip_from_tpv(cd, template.pv1, template.pv2)
    turn = rotation - template.rotation
    axes = carried_axes(pointing, template.separation, template.angle + turn)
    c, s = cos(radians(turn)), sin(radians(turn))
    axes[:2] = np.array([[c, -s], [s, c]]) @ axes[:2]
    crpix = np.array(window.position(template.crpix[0] - 1.0, template.crpix[1] - 1.0))
    return TanSip(axes, linear, crpix, window.shape, sip)


def header_geometry(wcs: SkyWcs, window: Window, path: object = "frame") -> TanSip:
    """Take the geometry of the active area from that of the whole image.

    Parameters
    ----------
    wcs : SkyWcs
        Of the image in the file.
    window : Window
    path : object
        Named in the error.

    Returns
    -------
    TanSip
        Exact for TAN and TAN-SIP; polynomials of degree 5 through anything else.

    Raises
    ------
    InputError
        When such polynomials deviate by more than 0.05 px.
    """
    if isinstance(wcs, TanSip):
        crpix = wcs.crpix - np.array([window.x0, window.y0])
        return replace(wcs, crpix=crpix, shape=window.shape)
    fitted, off = polynomials_through(wcs, window.shape, (window.x0, window.y0))
    if not off < _FIT_PIXELS:
        raise InputError(
            f"{path}: the WCS of the header deviates by {off:.2g} px from degree {SIP_DEGREE} polynomials",
            hint="geometry template or corners does not need it",
        )
    return fitted


def initial_geometry(
    frame: Frame, instrument: Instrument, kind: GeometryKind | None = None, rotation: float | None = None
) -> TanSip:
    """Give the first geometry of a frame.

    Parameters
    ----------
    frame : Frame
    instrument : Instrument
    kind : {'template', 'corners', 'header'}, optional
        The instrument's default if not given. ``header`` reads the header once more.
    rotation : float, optional
        Rotator angle, degrees, instead of the frame's: the chip moves about the axis of the mosaic. The
        geometry of a header takes no notice of it.

    Returns
    -------
    TanSip
        Of the active area of the frame.

    Raises
    ------
    ConfigError
        When the description has no such geometry for the chip.
    InputError
        When the header has no usable WCS.
    """
    kind = kind or instrument.geometry
    if kind == "header":
        return header_geometry(celestial_wcs(read_cards(frame.path)), frame.window, frame.path)
    chip, angle = instrument.chip(frame.chip), frame.rotation if rotation is None else rotation
    if kind == "template" and chip.template is not None:
        return template_geometry(chip.template, frame.pointing, angle, frame.window)
    if kind == "corners" and chip.corners is not None:
        return corner_geometry(chip.corners, frame.pointing, angle, frame.window)
    has = [name for name in ("template", "corners") if getattr(chip, name) is not None]
    raise ConfigError(
        f"the description of {instrument.name} has no '{kind}' geometry for chip {frame.chip}",
        hint=f"it has {' and '.join(has)}" if has else "use geometry header",
    )
