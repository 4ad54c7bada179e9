"""The keywords of one FITS header, parsed only when asked for.

A Spitzer or WISE archive header has up to a thousand cards of which a stage needs thirty.
``astropy.io.fits.Header`` spends milliseconds on the thousand, ``astropy.wcs.WCS`` ten times as long; `Cards`
indexes them in a tenth of a millisecond and `wcs_header` hands on the few that matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cardindex import index_cards, key_code, keyword
from photomitrus_cli.io.cardvalue import CARD_LENGTH, Value, card_image, parse_field

if TYPE_CHECKING:
    from astropy.io import fits

_T = TypeVar("_T")

_NO_VALUE = frozenset({"", "COMMENT", "HISTORY", "CONTINUE", "END"})
# What a number in the fixed format is made of, and what may follow it.
_FIXED = frozenset("0123456789+-.E ")
_AFTER = ("", "/")
_WCS_NUMBER = re.compile(
    r"NAXIS[12]|(?:CRVAL|CRPIX|CDELT|CROTA)[12]|(?:CD|PC)[12]_[12]|PV[12]_\d{1,2}|LONPOLE|LATPOLE|EQUINOX|EPOCH"
    r"|[AB]P?_(?:ORDER|\d_\d)"
)
_WCS_TEXT = re.compile(r"(?:CTYPE|CUNIT)[12]|RADESYS")


class _Required:
    """The default of a keyword that must be there."""


_REQUIRED = _Required()


class Cards(Mapping[str, Value]):
    """A read-only view of a header: keyword to value.

    Keywords are case-blind. Of a keyword that stands twice the first card counts, as in astropy. Commentary
    cards and cards without a value are not part of the mapping. Long strings (CONTINUE) are joined, and a
    HIERARCH keyword is known by what follows that word.

    Parameters
    ----------
    path : Path
        The file, for messages.
    text : str
        The header: 80 characters a card, without separators, with or without END and padding.
    """

    __slots__ = ("_index", "_keys", "_text", "_values", "path")

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._text = text
        self._values: dict[str, Value] = {}
        self._index = index_cards(text)
        self._keys: tuple[str, ...] | None = None

    def __getitem__(self, key: str) -> Value:
        key = key.upper()
        if key not in self._values:
            value, _ = self._parse(key)
            if value is None:
                raise KeyError(key)
            self._values[key] = value
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        start = self._start(key.upper())
        return start is not None and (
            key.upper() in self._values or self._field(start).lstrip(" ")[:1] not in ("", "/")
        )

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._all_keys() if key in self)

    def any_of(self, keys: Collection[str]) -> bool:
        """Tell whether any of some upper-case keywords is in the header; quicker than asking for each."""
        codes = map(key_code, keys)
        return not self._index.keys().isdisjoint(codes) and any(key in self for key in keys)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __reduce__(self) -> tuple[type[Cards], tuple[Path, str]]:
        return (Cards, (self.path, self._text))

    def __repr__(self) -> str:
        return f"<Cards of {self.path}: {len(self._all_keys())} keywords>"

    def number(self, key: str, default: _T | _Required = _REQUIRED) -> float | _T:
        """Return a finite number.

        Parameters
        ----------
        key : str
            The keyword.
        default : optional
            Returned when the keyword is missing; without it a missing keyword is an error.

        Returns
        -------
        float
            The value.

        Raises
        ------
        InputError
            When the keyword is missing or its value is not a finite number.
        """
        quick = self._fixed_number(key.upper())
        if quick is not None:
            return quick
        value = self.get(key)
        if value is None:
            return self._absent(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, value, "a number")
        return float(value)

    def integer(self, key: str, default: _T | _Required = _REQUIRED) -> int | _T:
        """Return a whole number, and ``2.0`` counts as one; otherwise as `number`."""
        value = self.get(key)
        if value is None:
            return self._absent(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
            raise self._wrong(key, value, "a whole number")
        return int(value)

    def text(self, key: str, default: _T | _Required = _REQUIRED) -> str | _T:
        """Return a string, without its trailing blanks; otherwise as `number`."""
        value = self.get(key)
        if value is None:
            return self._absent(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, value, "text")
        return value

    def get(self, key: str, default: _T | None = None) -> Value | _T | None:  # type: ignore[override]
        """Return the value of a keyword, or the default; quicker than the method of every mapping.

        Parameters
        ----------
        key : str
            The keyword.
        default : optional
            Returned when the keyword is missing.

        Returns
        -------
        bool, int, float, str or the default
            The value.

        Raises
        ------
        InputError
            When the card cannot be read.
        """
        key = key.upper()
        value = self._values.get(key)
        if value is None and self._start(key) is not None:
            value, _ = self._parse(key)
            if value is not None:
                self._values[key] = value
        return default if value is None else value

    def header(self, wanted: Iterable[str] | Callable[[str], bool]) -> fits.Header:
        """Build an astropy header of chosen keywords, in the order of the file.

        Parameters
        ----------
        wanted : iterable of str, or callable
            The keywords, or a predicate on the upper-case keyword. Those that are missing are left out.

        Returns
        -------
        astropy.io.fits.Header
            The cards with their comments; numbers keep every digit.

        Raises
        ------
        InputError
            When a chosen card cannot be read.
        """
        from astropy.io import fits

        if callable(wanted):
            keys = [key for key in self._all_keys() if wanted(key)]
        else:
            chosen = {key.upper() for key in wanted}
            keys = [key for key in self._all_keys() if key in chosen]
        parsed = ((key, *self._parse(key)) for key in keys)
        images = [card_image(key, value, comment) for key, value, comment in parsed if value is not None]
        return fits.Header.fromstring("".join(images))

    def renamed(self, rename: Callable[[str], str | None]) -> Cards:
        """Return a copy with other keywords.

        Parameters
        ----------
        rename : callable
            From an upper-case keyword to the one of at most eight characters that takes its place, or to None
            to drop the card. Commentary cards stay, the CONTINUE cards of dropped ones go.

        Returns
        -------
        Cards
            Of the same file.
        """
        kept: list[str] = []
        follows_kept = True
        for start in range(0, len(self._text), CARD_LENGTH):
            card = self._text[start : start + CARD_LENGTH]
            if card[8:10] == "= ":
                key = rename(card[:8].rstrip().upper())
                follows_kept = key is not None
                if key is not None:
                    kept.append(key.ljust(8) + card[8:])
            elif follows_kept or not card.startswith("CONTINUE"):
                kept.append(card)
        return Cards(self.path, "".join(kept))

    def _fixed_number(self, key: str) -> float | None:
        """Read a number in the fixed format (columns 11 to 30), as most are; None for everything else."""
        start = self._start(key)
        if start is None or self._text[start + 8 : start + 10] != "= ":
            return None
        field = self._text[start + 10 : start + 30]
        rest = self._text[start + 30 : start + CARD_LENGTH].lstrip()
        if not _FIXED.issuperset(field) or rest[:1] not in _AFTER:
            return None
        try:
            number = float(field)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _absent(self, key: str, default: _T | _Required) -> _T:
        if isinstance(default, _Required):
            raise InputError(f"{self.path}: {key.upper()} is missing")
        return default

    def _wrong(self, key: str, value: Value, wanted: str) -> InputError:
        return InputError(f"{self.path}: {key.upper()} is {value!r}, not {wanted}")

    def _start(self, key: str) -> int | None:
        """Find the first card of an upper-case keyword."""
        return None if key in _NO_VALUE else self._index.get(key_code(key))

    def _all_keys(self) -> tuple[str, ...]:
        """Return the keywords in the order of the file; they are rarely asked for all."""
        if self._keys is None:
            codes = sorted(self._index, key=self._index.__getitem__)
            self._keys = tuple(key for key in map(keyword, codes) if key not in _NO_VALUE)
        return self._keys

    def _field(self, start: int) -> str:
        """Columns 11 to 80 of a card, or what follows the equals sign of a HIERARCH card."""
        card = self._text[start : start + CARD_LENGTH]
        return card[10:] if card[8:10] == "= " else card.partition("=")[2]

    def _parse(self, key: str) -> tuple[Value | None, str]:
        start = self._start(key)
        if start is None:
            raise KeyError(key)
        try:
            value, comment = parse_field(self._field(start))
            if isinstance(value, str):
                value, comment = self._join_continued(start, value, comment)
        except ValueError as error:
            raise InputError(f"{self.path}: the value of {key} cannot be read: {error}") from error
        return value, comment

    def _join_continued(self, first: int, value: str, comment: str) -> tuple[str, str]:
        start = first + CARD_LENGTH
        while self._text.startswith("CONTINUE", start):
            more, remark = parse_field(self._text[start + 8 : start + CARD_LENGTH])
            if more is not None and not isinstance(more, str):
                raise ValueError("a CONTINUE card that is not text")
            value = value.removesuffix("&") + (more or "")
            comment = f"{comment} {remark}".strip()
            start += CARD_LENGTH
        return value.removesuffix("&") if start > first + CARD_LENGTH else value, comment


def wcs_header(cards: Cards) -> fits.Header:
    """Choose the cards that describe the celestial WCS of axes 1 and 2.

    Parameters
    ----------
    cards : Cards
        The header of an image or a cube.

    Returns
    -------
    astropy.io.fits.Header
        CTYPE, CUNIT, CRVAL, CRPIX, CD or PC, CDELT, CROTA, LONPOLE, LATPOLE, RADESYS, EQUINOX, the SIP
        polynomials (A, B, AP, BP), TPV terms (PV1_j, PV2_j) and NAXIS, NAXIS1, NAXIS2, ready for
        ``astropy.wcs.WCS``. A cube loses its other axes.

    Raises
    ------
    InputError
        When one of these keywords has a value of the wrong type or not finite.
    """
    from astropy.io import fits

    images = [card_image("NAXIS", 2)]
    for key in cards:
        if _WCS_NUMBER.fullmatch(key):
            cards.number(key)
            images.append(card_image(key, cards[key]))
        elif _WCS_TEXT.fullmatch(key):
            images.append(card_image(key, cards.text(key)))
    if "RADESYS" not in cards and "RADECSYS" in cards:
        # The name that RADESYS had before the WCS papers; astropy warns at it.
        images.append(card_image("RADESYS", cards.text("RADECSYS")))
    return fits.Header.fromstring("".join(images))
