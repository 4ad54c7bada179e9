"""The plan of a calibration: which scan maps, whether they belong together, what memory they will need."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.wise.calibheaders import MapHeader, read_map_header, read_state
from photomitrus_cli.wise.scanrefs import CalibPlan, ScanRef


def plan_scans(inputs: Sequence[Path], band: int, scans: Sequence[str] = ()) -> CalibPlan:
    """Find the scan maps of a band and make sure that they can be calibrated together.

    Parameters
    ----------
    inputs : sequence of Path
        Folders, searched for ``w<band>_*.fits``, and files. Of a folder everything that is no map of a scan,
        day or week is ignored; a file has to be the map of a scan.
    band : int
        1 to 4.
    scans : sequence of str
        Names of the scans; empty takes all.

    Returns
    -------
    CalibPlan

    Raises
    ------
    ConfigError
        When a scan that was asked for is not there.
    InputError
        When an input is absent, a map is incomplete or of a day or week, or maps do not fit together.
    NoDataError
        When there is no scan map.
    """
    files = _files(inputs, band)
    wanted = set(scans)
    chosen = {path: named for path, named in files.items() if not wanted or _name(path, band) in wanted}
    headers: list[MapHeader] = []
    ignored: list[Path] = []
    for path, named in chosen.items():
        header = _header(path, band, named=named)
        if header is None:
            ignored.append(path)
        else:
            headers.append(header)
    _check_names(headers, wanted, [_name(path, band) for path in files], inputs, band)
    headers.sort(key=lambda header: (header.mjd_first, header.name))
    refs = tuple(_ref(header, band) for header in headers)
    _check_together(headers)
    first = headers[0]
    return CalibPlan(
        band, first.nside, first.system, first.magzp, refs, tuple(ignored), tuple(_mixed(headers))
    )


def _files(inputs: Sequence[Path], band: int) -> dict[Path, bool]:
    """List the files that may be scan maps, each once, and whether it was named itself."""
    found: dict[Path, bool] = {}
    seen: dict[Path, Path] = {}
    for source in inputs:
        if source.is_dir():
            paths = sorted(source.glob(f"w{band}_*.fits"))
        elif source.exists():
            paths = [source]
        else:
            raise InputError(
                f"{source}: no such folder or file",
                hint=f"astromap wise coadd --band {band} makes scan maps; name their folder",
            )
        named = not source.is_dir()
        # Absolute paths of a folder's files are its own with their names: links are not followed.
        base = source.resolve() if source.is_dir() else source.resolve().parent
        for path in paths:
            first = seen.setdefault(base / path.name, path)
            found[first] = found.get(first, False) or named
    return found


def _name(path: Path, band: int) -> str:
    return path.stem.removeprefix(f"w{band}_")


def _header(path: Path, band: int, *, named: bool) -> MapHeader | None:
    """Read the header of a scan map; None for what is to be ignored."""
    header = read_map_header(path)
    if header is None:
        if named:
            raise InputError(f"{path}: is no scan map", hint="astromap wise coadd makes scan maps")
        return None
    if header.band != band:
        raise InputError(f"{path}: is a map of band {header.band}, not {band}", hint="choose its --band")
    if path.name != f"w{band}_{header.name}.fits":
        if named:
            raise InputError(
                f"{path}: was renamed, and its manifest was not", hint=f"call it w{band}_{header.name}.fits"
            )
        return None
    return header


def _check_names(
    headers: Sequence[MapHeader], wanted: set[str], known: Sequence[str], inputs: Sequence[Path], band: int
) -> None:
    where = ", ".join(map(str, inputs[:3])) + (", ..." if len(inputs) > 3 else "")
    seen: dict[str, MapHeader] = {}
    for header in headers:
        other = seen.setdefault(header.name, header)
        if other is not header:
            raise InputError(
                f"{header.path}: scan {header.name} is in {other.path}, too", hint="leave one of them out"
            )
    for name in sorted(wanted - seen.keys()):
        near = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(
            f"{where}: no map of scan {name} in band {band}",
            hint=f"did you mean {near[0]}?" if near else f"there are {len(known)} maps",
        )
    if not headers:
        raise NoDataError(
            f"{where or 'no input'}: no scan map of band {band}",
            hint=f"astromap wise coadd --band {band} makes them",
        )


def _ref(header: MapHeader, band: int) -> ScanRef:
    """Make sure that a map alone is what is needed."""
    path = header.path
    if header.kind != "scan":
        raise InputError(
            f"{path}: is the map of a {header.kind}, not of a scan",
            hint=f"run astromap wise coadd --band {band} without --{header.kind}",
        )
    if header.unit != "DN":
        raise InputError(f"{path}: VALUE is in {header.unit or 'no unit'}, not in DN", hint="name scan maps")
    state = read_state(header)
    return ScanRef(
        header.name,
        path,
        header.mjd_first,
        header.mjd_last,
        header.n_pixels,
        header.n_bytes,
        state != "complete",
    )


def _check_together(headers: Sequence[MapHeader]) -> None:
    first = headers[0]
    for header in headers[1:]:
        for word, mine, theirs in (
            ("nside", header.nside, first.nside),
            ("system", header.system, first.system),
            ("zero point", _zero_point(header), _zero_point(first)),
        ):
            if mine != theirs:
                raise InputError(
                    f"{header.path}: {word} {mine}, but {first.path} has {theirs}",
                    hint="make all maps with the same settings of wise coadd",
                )


def _zero_point(header: MapHeader) -> str:
    return "not normalised" if header.magzp is None else f"{header.magzp:g} mag"


def _mixed(headers: Sequence[MapHeader]) -> list[str]:
    told = []
    for key in dict(headers[0].settings):
        counts = Counter(str(dict(header.settings)[key]) for header in headers)
        if len(counts) > 1:
            listed = ", ".join(f"{value} in {count}" for value, count in counts.most_common())
            told.append(f"{key} of the scan maps differs: {listed}")
    return told
