"""Header cards against astropy on generated headers."""

from __future__ import annotations

import contextlib
import string
from pathlib import Path

import numpy as np
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.io.checksum import add_sums, datasum, encode_checksum

KEYS = st.text(string.ascii_uppercase + string.digits + "-_", min_size=1, max_size=8).filter(
    lambda key: key not in {"COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH", "SIMPLE", "XTENSION"}
)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=150)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**19), 10**19),
    st.floats(allow_nan=False, allow_infinity=False),
    PRINTABLE,
)
HEADERS = st.lists(st.tuples(KEYS, VALUES, st.text(string.ascii_letters + " /", max_size=30)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(HEADERS)
def test_what_is_written_is_read(entries: list[tuple[str, bool | int | float | str, str]]) -> None:
    text = "".join(card_image(*entry) for entry in entries)
    first = {key: value for key, value, _ in reversed(entries)}
    expected = {key: value.rstrip(" ") if isinstance(value, str) else value for key, value in first.items()}
    cards = Cards(Path("x"), text)
    assert dict(cards) == expected
    assert [type(cards[key]) for key in expected] == [type(value) for value in expected.values()]
    assert list(cards) == list(dict.fromkeys(key for key, *_ in entries))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        KEYS, VALUES.filter(lambda value: not isinstance(value, str) or "'" not in value), max_size=12
    )
)
def test_agrees_with_astropy(entries: dict[str, bool | int | float | str]) -> None:
    header = fits.Header()
    for key, value in entries.items():
        header[key] = value
    cards = Cards(Path("x"), header.tostring())
    reread = fits.Header.fromstring(header.tostring())
    assert dict(cards) == {key: reread[key] for key in entries}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=800))
def test_any_text_either_parses_or_is_refused_cleanly(data: bytes) -> None:
    cards = Cards(Path("x"), "KEY     = " + data.decode("latin-1").ljust(790))
    for key in cards:
        with contextlib.suppress(InputError):
            assert isinstance(cards[key], bool | int | float | str)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_datasum_agrees_with_astropy(data: bytes, blocks: int) -> None:
    padded = np.frombuffer(data + bytes(-len(data) % 2880 + 2880 * blocks), np.uint8)
    hdu = fits.PrimaryHDU()
    assert datasum(data) == int(hdu._compute_checksum(padded))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_checksum_letters_agree_with_astropy(total: int) -> None:
    encoded = encode_checksum(total)
    assert encoded == fits.PrimaryHDU()._char_encode(~total & 0xFFFFFFFF)
    assert encoded.isalnum()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_sums_of_parts_add_up(first: bytes, second: bytes) -> None:
    first += bytes(-len(first) % 4)
    assert add_sums(datasum(first), datasum(second)) == datasum(first + second)
