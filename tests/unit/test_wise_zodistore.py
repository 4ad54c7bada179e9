"""The cache of templates: what is taken from it, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise import zodistore
from photomitrus_cli.wise.zodiobserver import Track, read_tracks
from photomitrus_cli.wise.zodisettings import ZodiChoices
from photomitrus_cli.wise.zodistore import scan_template

pytestmark = pytest.mark.xdist_group("wise-zodi")

PIXELS = np.array([100, 101, 4000])


class Counted:
    """Stands for the model, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, longitude: Any, latitude: Any, mjd: Any, choices: ZodiChoices, observer: Any) -> Any:
        self.calls += 1
        rows = [np.asarray(longitude), np.asarray(latitude), np.asarray(mjd)]
        rows += [np.zeros(len(longitude)) if observer is None else observer[0]]
        return np.array([*rows, rows[0] * choices.quadrature, rows[0]])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(zodistore, "zodi_components", counted)
    return counted


def choices(**more: Any) -> ZodiChoices:
    given: dict[str, Any] = {
        "band": 3,
        "model": "dirbe",
        "spectrum": "mono",
        "components": (),
        "observer": "earth",
        "quadrature": 30,
    }
    return ZodiChoices(**given | more)


def sky(**more: Any) -> PartialMap:
    mjd = more.pop("mjd", np.array([55256.0, 55256.1, np.nan]))
    given: dict[str, Any] = {"nside": 64, "system": "galactic", "pixels": PIXELS}
    columns = {"MJD": mjd} | more.pop("columns", {})
    return PartialMap(**given | more, columns=columns)


def seen(east: float) -> dict[str, Any]:
    """Columns of a map whose first pixel was seen off its centre, and whose last was not seen."""
    places = {"OFF_EAST": [east, 0.0, np.nan], "OFF_NORTH": [-60.0, 0.0, np.nan]}
    return {name: np.array(values, np.float32) for name, values in places.items()}


def test_the_second_time_it_is_read(tmp_path: Path, model: Counted) -> None:
    names, first = scan_template(sky(), choices(), tmp_path / "cache")
    assert names == ("cloud", "band1", "band2", "band3", "ring", "feature")
    assert first.dtype == np.float32
    assert first.shape == (6, 3)
    _, second = scan_template(sky(), choices(), tmp_path / "cache")
    assert model.calls == 1
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(scan_template(sky(), choices())[1], first)
    assert model.calls == 2


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("sky", {"mjd": np.array([55256.0, 55256.2, np.nan])}),
        ("sky", {"pixels": PIXELS + 1}),
        ("sky", {"nside": 128}),
        ("sky", {"system": "ecliptic"}),
        ("sky", {"columns": seen(0.0)}),
        ("choices", {"quadrature": 31}),
        ("choices", {"band": 4}),
        ("choices", {"spectrum": "bandpass"}),
        ("track", {}),
    ],
)
def test_whatever_changes_the_template_changes_the_key(
    tmp_path: Path, model: Counted, what: str, changed: dict[str, Any]
) -> None:
    scan_template(sky(), choices(), tmp_path)
    track = Track(np.array([55256.0]), np.array([[0.1], [0.2], [0.3]])) if what == "track" else None
    given = sky(**changed if what == "sky" else {})
    scan_template(given, choices(**changed if what == "choices" else {}), tmp_path, track)
    assert model.calls == 2


def test_the_template_is_that_of_the_place_seen(tmp_path: Path, model: Counted) -> None:
    _, centres = scan_template(sky(system="ecliptic"), choices())
    _, moved = scan_template(sky(system="ecliptic", columns=seen(900.0)), choices(), tmp_path)
    longitude, latitude = moved[:2].astype(float) - centres[:2]
    assert longitude[0] * np.cos(np.radians(centres[1, 0])) == pytest.approx(900.0 / 3600.0, rel=0.01)
    assert latitude[0] == pytest.approx(-60.0 / 3600.0, abs=0.01)
    assert not longitude[1:].any()
    _, other = scan_template(sky(system="ecliptic", columns=seen(-900.0)), choices(), tmp_path)
    assert other[0, 0] < centres[0, 0]
    assert model.calls == 3


def test_damaged_and_foreign_files_do_not_count(tmp_path: Path, model: Counted) -> None:
    _, first = scan_template(sky(), choices(), tmp_path)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    scan_template(sky(), choices(quadrature=31), tmp_path)
    other = next(one for one in tmp_path.iterdir() if one != path).read_bytes()
    for content in (b"", b"nonsense", whole[:-1], whole[:-4] + b"\xff\xff\xff\xff", other):
        path.write_bytes(content)
        before = model.calls
        _, again = scan_template(sky(), choices(), tmp_path)
        assert model.calls == before + 1
        np.testing.assert_array_equal(again, first)
        assert path.read_bytes() == whole


TABLE = """# %ECSV 1.0
# ---
# datatype:
# - {{name: group, datatype: string}}
# - {{name: mjd, datatype: float64}}
# - {{name: sun2sc_x, datatype: float64}}
# - {{name: {column}, datatype: float64}}
# - {{name: sun2sc_z, datatype: float64}}
group mjd sun2sc_x {column} sun2sc_z
a 55256.2 0.3 0.9 0.1
a 55256.0 0.1 0.7 0.1
a 55256.1 nan nan nan
b 55256.0 nan nan nan
"""


def test_positions_come_from_the_table_of_frames(tmp_path: Path) -> None:
    path = tmp_path / "w3_frames.ecsv"
    path.write_text(TABLE.format(column="sun2sc_y"))
    track = read_tracks([path], ["a"])["a"]
    found = track.at([55255.0, 55256.1])
    # In the plane of the equator x is also that of the ecliptic, and lengths stay.
    np.testing.assert_allclose(found[0], [0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0) ** 2, [0.51, 0.69], rtol=1e-9)
    obliquity = np.radians(84381.406 / 3600)
    np.testing.assert_allclose(found[2, 1], 0.1 * np.cos(obliquity) - 0.8 * np.sin(obliquity), atol=1e-6)
    with pytest.raises(InputError, match=r"no position sun2sc_x of scan b .*w3_frames.ecsv"):
        read_tracks([path], ["a", "b"])
    path.write_text(TABLE.format(column="something"))
    with pytest.raises(InputError, match=r"w3_frames.ecsv: has no column sun2sc_y, .*observer header"):
        read_tracks([path], ["a"])
    with pytest.raises(InputError, match="there is no table of frames"):
        read_tracks([], ["a"])
