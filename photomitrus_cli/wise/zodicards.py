"""What the header of a map says of the zodiacal template that it holds or was calibrated with."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.zodimodel import component_names, zodi_components
from photomitrus_cli.wise.zodisettings import ZodiChoices

# The line of sight that ZBPRATIO is of: 90 deg ahead of the Sun in the ecliptic on 2010 March 1.
REFERENCE_MJD = 55256.0
REFERENCE_LONGITUDE = 250.0


def zodi_cards(choices: ZodiChoices) -> list[Card]:
    """Give the cards that record a template.

    Parameters
    ----------
    choices : ZodiChoices

    Returns
    -------
    list of Card

    Raises
    ------
    ConfigError
        As `component_names`.
    """
    components = component_names(choices)
    band = choices.band
    return [
        ("ZMODEL", choices.model, "zodiacal light model"),
        ("ZSOFT", f"zodipy {version('zodipy')}", "software of the model"),
        ("ZSPECTR", choices.spectrum, "mono, or bandpass (nu^-2 reference spectrum)"),
        ("ZBAND", band, "WISE band"),
        ("ZWAVELEN", WAVELENGTH_UM[band], "[um] isophotal wavelength"),
        *((f"ZCOMP{k}", name, "component") for k, name in enumerate(components, 1)),
        ("ZOBSERV", choices.observer, "from earth, semb-l2 or header (spacecraft)"),
        ("ZQUADRAT", choices.quadrature, "points along a line of sight"),
        ("ZUNIT", "MJy/sr", "unit of the template"),
        ("ZBPRATIO", bandpass_ratio(choices), "bandpass / mono, ecliptic, 90 deg from Sun"),
    ]


def bandpass_ratio(choices: ZodiChoices) -> float:
    """Tell how much brighter the template is for a band than at its isophotal wavelength.

    Gains in DN per MJy/sr are divided by this factor when the bandpass is chosen. It is the ratio of the sums
    of the components for one line of sight (see above); it varies over the sky by 3 % in W1, 2 % in W3 and
    1 % in W2.

    Parameters
    ----------
    choices : ZodiChoices

    Returns
    -------
    float
    """
    place = ([REFERENCE_LONGITUDE], [0.0], [REFERENCE_MJD])
    changed = {"observer": "earth"}
    mono, bandpass = (
        np.sum(zodi_components(*place, choices.model_copy(update=changed | {"spectrum": spectrum})))
        for spectrum in ("mono", "bandpass")
    )
    return round(float(bandpass / mono), 5)
