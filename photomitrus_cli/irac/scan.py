"""The header of every file, read once: what a frame is, where its pixels are, and whose a companion is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import ImageSource, read_cards, read_header
from photomitrus_cli.io.wcs import celestial_wcs

SURFACE_BRIGHTNESS_UNITS = frozenset({"MJy/sr", "MJY/SR", "MJy sr-1", "MJy.sr-1"})
FULL_ARRAY = (256, 256)
SUBARRAY = (32, 32)
SUBARRAY_CUBE = (64, 32, 32)
# Where headers tell what a file is of, and what those of IRAC say; some say nothing.
_MAKERS = ("INSTRUME", "TELESCOP")
_OURS = ("", "IRAC", "SPITZER")
# Files a unit of work: enough that handing it over costs nothing beside it.
FILES_PER_UNIT = 48


@dataclass(frozen=True, order=True)
class FrameKey:
    """What identifies one exposure of one array.

    Attributes
    ----------
    aorkey, channel, expid, dcenum : int
        The header's AORKEY, CHNLNUM, EXPID and DCENUM.
    """

    aorkey: int
    channel: int
    expid: int
    dcenum: int


@dataclass(frozen=True)
class Notes:
    """What tables of photometry tell of a frame besides.

    Attributes
    ----------
    shape : tuple of int
        Of the image, slowest axis first: (256, 256), (32, 32) or (64, 32, 32).
    readmode : str
        FULL or SUB.
    date_obs, aorlabel, ditherpos, ditherscale : str
        The header's DATE_OBS, AORLABEL, DITHPOS and DITHSCAL, ``--`` where absent.
    """

    shape: tuple[int, ...]
    readmode: str
    date_obs: str
    aorlabel: str
    ditherpos: str
    ditherscale: str


@dataclass(frozen=True)
class Frame:
    """One frame with its companions.

    Attributes
    ----------
    source : ImageSource
        The frame's own file.
    key : FrameKey
    wcs : SkyWcs
        As the header has it.
    creator : str
        Pipeline version, the header's CREATOR.
    exptime_s, framtime_s : float
        Effective integration time per pixel and frame time, s.
    gain : float
        e-/DN.
    fluxconv : float
        (MJy/sr) / (DN/s).
    mjd : float
        MJD_OBS, days; NaN when absent.
    unc, imask, rmask : ImageSource or None
        The uncertainty, the instrument mask and the outlier mask, where they exist.
    notes : Notes or None
        Where photometry is to be done.
    """

    source: ImageSource
    key: FrameKey
    wcs: SkyWcs
    creator: str
    exptime_s: float
    framtime_s: float
    gain: float
    fluxconv: float
    mjd: float
    unc: ImageSource | None = None
    imask: ImageSource | None = None
    rmask: ImageSource | None = None
    notes: Notes | None = None

    @property
    def path(self) -> Path:
        """The frame's own file."""
        return self.source.path

    @property
    def conversion(self) -> float:
        """GAIN / FLUXCONV: electrons per second for 1 MJy/sr."""
        return self.gain / self.fluxconv

    @property
    def sources(self) -> list[ImageSource]:
        """All files of the frame."""
        return [one for one in (self.source, self.unc, self.imask, self.rmask) if one is not None]


@dataclass(frozen=True)
class Needs:
    """Which frames are wanted.

    Attributes
    ----------
    channel : int or None
        Of other channels nothing more is read; None takes all.
    min_exptime_s, min_framtime_s : float
        Shorter exposures are not wanted, s.
    photometry : bool
        Whether subarray images and cubes are wanted too, and what tables tell of a frame.
    """

    channel: int | None = None
    min_exptime_s: float = 0.0
    min_framtime_s: float = 0.0
    photometry: bool = False


@dataclass(frozen=True)
class ScanTask:
    """Files whose headers are to be read; a unit of work.

    Attributes
    ----------
    paths : tuple of Path
    needs: Needs
    companions : bool
        Whether these are uncertainties and masks, of which only the key is wanted.
    """

    paths: tuple[Path, ...]
    needs: Needs
    companions: bool

    def __str__(self) -> str:
        return f"headers of {self.paths[0]} to {self.paths[-1].name}"


@dataclass(frozen=True)
class Scanned:
    """What a header said.

    Attributes
    ----------
    path : Path
    frame : Frame or None
        A usable frame of a channel asked for, without companions yet.
    reason : str
        Why a sound frame cannot be used.
    key, source : FrameKey, ImageSource or None
        Of a companion.
    error : InputError or None
        Why the header cannot be used.
    """

    path: Path
    frame: Frame | None = None
    reason: str = ""
    key: FrameKey | None = None
    source: ImageSource | None = None
    error: InputError | None = None


def scan(task: ScanTask) -> list[Scanned]:
    """Read the headers of a unit; what is wrong with one is part of its result."""
    return [_scan_companion(path) if task.companions else _scan_frame(path, task) for path in task.paths]


def _scan_companion(path: Path) -> Scanned:
    try:
        cards, source = read_header(path)
        return Scanned(path, key=frame_key(cards), source=source)
    except InputError as error:
        return Scanned(path, error=error)


def _scan_frame(path: Path, task: ScanTask) -> Scanned:
    try:
        frame, reason = read_frame(path, task.needs)
        return Scanned(path, frame=frame, reason=reason)
    except InputError as error:
        return Scanned(path, error=error)


def frame_key(cards: Cards) -> FrameKey:
    """Read a file's key from its header.

    Raises
    ------
    InputError
        When a keyword is missing or not a whole number.
    """
    if "AORKEY" not in cards:
        maker = next((word for key in _MAKERS if (word := str(cards.get(key, "")).strip())), "")
        if maker.upper() not in _OURS:
            raise InputError(f"{cards.path}: AORKEY is missing: a file of {maker}, not of Spitzer/IRAC")
    return FrameKey(
        cards.integer("AORKEY"), cards.integer("CHNLNUM"), cards.integer("EXPID"), cards.integer("DCENUM", 0)
    )


def read_frame(path: Path, needs: Needs) -> tuple[Frame | None, str]:
    """Read a frame's header.

    Parameters
    ----------
    path : Path
    needs : Needs

    Returns
    -------
    frame : Frame or None
        Without companions yet; None when it is of another channel or cannot be used.
    reason : str
        Why it cannot be used although it is sound.

    Raises
    ------
    InputError
        When the header is broken or lacks a keyword that is needed.
    """
    try:
        cards, source = read_header(path)
    except InputError:
        if _is_of_another_channel(path, needs.channel):
            return None, ""
        raise
    key = frame_key(cards)
    if needs.channel not in (None, key.channel):
        return None, ""
    shape = tuple(cards.integer(f"NAXIS{axis}") for axis in range(cards.integer("NAXIS"), 0, -1))
    reason = _no_frame(cards, shape, needs) or _unusable(cards, needs)
    if reason:
        return None, reason
    frame = Frame(
        source=source,
        key=key,
        wcs=celestial_wcs(cards),
        creator=cards.text("CREATOR", ""),
        exptime_s=cards.number("EXPTIME"),
        framtime_s=cards.number("FRAMTIME", float("nan")),
        gain=cards.number("GAIN"),
        fluxconv=cards.number("FLUXCONV"),
        mjd=cards.number("MJD_OBS", float("nan")),
        notes=_notes(cards, shape) if needs.photometry else None,
    )
    return frame, ""


def _notes(cards: Cards, shape: tuple[int, ...]) -> Notes:
    words = (str(cards.get(key, "--")).strip() for key in ("DATE_OBS", "AORLABEL", "DITHPOS", "DITHSCAL"))
    mode = "FULL" if shape == FULL_ARRAY else "SUB"
    return Notes(shape, cards.text("READMODE", mode).strip().upper(), *words)


def _is_of_another_channel(path: Path, channel: int | None) -> bool:
    """Tell of a damaged file whether its header still says that nobody asked for it."""
    if channel is None:
        return False
    try:
        return read_cards(path, whole=False).integer("CHNLNUM") != channel
    except InputError:
        return False


def _no_frame(cards: Cards, shape: tuple[int, ...], needs: Needs) -> str:
    """Say why an image is no frame in surface brightness of a shape that is wanted; empty when it is one."""
    unit = cards.text("BUNIT", "")
    if cards.integer("BITPIX") > 0 and "BSCALE" not in cards:
        return "holds whole numbers: a mask, not a frame"
    if unit.strip() not in SURFACE_BRIGHTNESS_UNITS:
        return f"BUNIT is '{unit}', not MJy/sr"
    wanted = (FULL_ARRAY, SUBARRAY, SUBARRAY_CUBE) if needs.photometry else (FULL_ARRAY,)
    if shape not in wanted:
        kind = "neither a full-array nor a subarray" if needs.photometry else "not a full-array"
        return f"{kind} frame ({' x '.join(map(str, shape))} pixels)"
    return ""


def _unusable(cards: Cards, needs: Needs) -> str:
    exptime, gain, fluxconv = (cards.number(key) for key in ("EXPTIME", "GAIN", "FLUXCONV"))
    if not exptime > 0:
        return f"EXPTIME is {exptime:g} s"
    if not (gain > 0 and fluxconv > 0):
        return f"GAIN {gain:g} or FLUXCONV {fluxconv:g} is not positive"
    if exptime < needs.min_exptime_s:
        return f"EXPTIME {exptime:g} s is below {needs.min_exptime_s:g} s"
    framtime = cards.number("FRAMTIME", float("nan"))
    if needs.photometry and not framtime > 0:
        return f"FRAMTIME is {framtime:g} s"
    if framtime < needs.min_framtime_s:
        return f"FRAMTIME {framtime:g} s is below {needs.min_framtime_s:g} s"
    return ""
