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
from photomitrus_cli.io.cardindex import index_cards, keyword
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.io.checksum import add_sums, datasum, encode_checksum, sum_words

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


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 2**31, 2**32 - 2, 2**32 - 1]), max_size=20), st.sampled_from([1, 1000])
)
def test_plain_sums_lose_no_carry(words: list[int], repeated: int) -> None:
    assert sum_words(np.array(words * repeated, np.uint32)) == sum(words) * repeated


def test_plain_sums_over_several_pieces() -> None:
    words = np.full(3 * 2**18 + 5, 2**32 - 1, np.uint32)
    assert sum_words(words) == words.size * (2**32 - 1)
    assert sum_words(words.reshape(-1, 1)) == words.size * (2**32 - 1)


KEY_PARTS = st.sampled_from(["A", "B", "ab", "AB", " ", "  ", "= ", "=", "HIERARCH", "COMMENT", "1", "'x'"])
HEADS = st.one_of(
    st.tuples(st.sampled_from(["A", "B", "ab", "HIERARCH", ""]), st.just("= 1")).map(
        lambda parts: parts[0].ljust(8) + parts[1]
    ),
    st.lists(KEY_PARTS, max_size=5).map("".join),
    st.lists(KEY_PARTS, max_size=5).map(lambda parts: "HIERARCH " + "".join(parts)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(HEADS, max_size=8))
def test_the_index_of_a_header_is_that_of_a_loop_over_its_cards(heads: list[str]) -> None:
    """The twin looks at one card after the other."""
    expected: dict[str, int] = {}
    for number, head in enumerate(heads):
        key, equals, _ = head.removeprefix("HIERARCH ").partition("=")
        if head[8:10].ljust(2) == "= ":
            expected.setdefault(head[:8].rstrip(" ").upper(), 80 * number)
        elif head.startswith("HIERARCH ") and equals and key.strip(" "):
            expected.setdefault(key.strip(" ").upper(), 80 * number)
    text = "".join(head.ljust(80) for head in heads)
    assert {keyword(code): start for code, start in index_cards(text).items()} == expected
