"""Damage to files, drawn at random: FITS cards and bytes, YAML, tables in text."""

from __future__ import annotations

import functools
import gzip
import random
import re
from collections.abc import Callable

_CARD, _BLOCK = 80, 2880
Change = Callable[[random.Random, bytes], bytes]

# What no card, cell or setting should hold.
NASTY = (
    *("", "nan", "-inf", "1e999", "-1e308", "1e-320", "0", "-0.0", "-1", "1.5", "2147483648"),
    *("99999999999999999999", "1" * 400, "0x10", "1d5", "T", "F", "null", "true", "~", "None", "1e5"),
    *("../../etc/passwd", "/dev/zero", "a b", "a'b", 'a"b', "a,b", "x" * 3000, "\x00", "\x1b[31m", "\u00b5m"),
    *("2024-13-45T99:99:99", "2024-01-01T00:00:00", "-90:00:60", "25:61:61", "Jy/beam", "FK4", "deg"),
)
# Values of cards that mean something, in wrong places or against each other.
_CARD_VALUES = (
    *("'RA---TAN'", "'RA---TAN-SIP'", "'DEC--SIN'", "'GLON-CAR'", "'RA---TPV'", "'RA---HPX'", "'RA---TAB'"),
    *("'IMAGE'", "'BINTABLE'", "'unclosed", "''", "' '", "'NaN'", "(1, 2)", "(nan, inf)", "/ comment", "1 2"),
    *("8", "16", "32", "-32", "-64", "12", "9", "999", "2000000", "1e10", "360.0", "90.0", "-95.0"),
)
_STRUCTURE = (
    *("BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "BSCALE", "BZERO", "BLANK", "PCOUNT", "GCOUNT"),
    *("GROUPS", "EXTEND", "SIMPLE", "XTENSION", "TFIELDS", "TFORM1", "TTYPE1", "TDIM1", "TNULL1", "TSCAL1"),
    *("ZIMAGE", "ZCMPTYPE", "ZBITPIX", "ZTILE1", "THEAP", "ORDERING", "NSIDE", "PIXTYPE"),
)
_GEOMETRY = (
    *("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"),
    *("CDELT1", "CDELT2", "CROTA2", "CUNIT1", "PC1_1", "LONPOLE", "LATPOLE", "EQUINOX", "RADESYS", "WCSAXES"),
    *("A_ORDER", "A_0_2", "A_2_0", "B_ORDER", "B_0_2", "AP_ORDER", "PV1_1", "PV2_1", "WCSDIM", "CTYPE3"),
)
_LINES = (
    *("CONTINUE  'of nothing'", "HIERARCH a b c = 1", "HIERARCH", "END", "END     = 1", "COMMENT \x07\xff"),
    *("=", "        = 1", "NAXIS1  =", "HISTORY " + "x" * 72, "TELESCOP= 'long &'", "A_0_2   = 1E400"),
)


def mutated_fits(rng: random.Random, content: bytes) -> bytes:
    """Damage a FITS file: cards mostly, sometimes its structure, its bytes or its packing.

    Parameters
    ----------
    rng : random.Random
    content : bytes
        A valid file.

    Returns
    -------
    bytes
    """
    content = _several(rng, content, _FITS)
    packing = rng.random()
    if packing < 0.03:
        return gzip_bomb(content, rng.choice((10, 5000, 70_000, 2_000_000)))
    if packing < 0.08:
        packed = gzip.compress(content, 1, mtime=0)
        return packed if rng.random() < 0.3 else _bytes(rng, packed)
    return content


def mutated_yaml(rng: random.Random, content: bytes) -> bytes:
    """Damage a YAML document: lines, values, structure, or bytes.

    Parameters
    ----------
    rng : random.Random
    content : bytes
        A valid document.

    Returns
    -------
    bytes
    """
    return _several(rng, content, _YAML)


def mutated_table(rng: random.Random, content: bytes) -> bytes:
    """Damage a table in text: cells, separators, lines, or bytes.

    Parameters
    ----------
    rng : random.Random
    content : bytes
        A valid table: CSV, ECSV, IPAC, VOTable.

    Returns
    -------
    bytes
    """
    return _several(rng, content, _TABLE)


def _several(rng: random.Random, content: bytes, changes: tuple[tuple[int, Change], ...]) -> bytes:
    weights = [weight for weight, _ in changes]
    for _ in range(rng.choice((1, 1, 2, 3))):
        _, change = rng.choices(changes, weights)[0]
        content = change(rng, content)
    return content


def _header_end(content: bytes) -> int:
    """Give the end of the first header, without its END card."""
    end = content.find(b"END".ljust(_CARD))
    return max(end, 0)


def _cards(content: bytes) -> tuple[list[bytes], bytes]:
    end = _header_end(content)
    cards = [content[start : start + _CARD] for start in range(0, end, _CARD)]
    rest = content[-(-(end + _CARD) // _BLOCK) * _BLOCK :]
    return cards, rest


def _joined(cards: list[bytes], rest: bytes, end: bytes = b"END".ljust(_CARD)) -> bytes:
    text = b"".join(cards) + end
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK) + rest


def _line(text: str) -> bytes:
    return text.encode("latin-1", "replace")[:_CARD].ljust(_CARD)


def _value(rng: random.Random) -> str:
    value = rng.choice(NASTY + _CARD_VALUES)
    return f"'{value}'" if rng.random() < 0.2 else value


def _wrong_value(rng: random.Random, content: bytes) -> bytes:
    """Give a value to a card that is there, or to one that matters."""
    cards, rest = _cards(content)
    if not cards:
        return content
    if rng.random() < 0.5:
        names = _STRUCTURE if rng.random() < 0.4 else _GEOMETRY
        key, places = rng.choice(names), range(len(cards))
        found = [i for i in places if cards[i][:8].rstrip() == key.encode()]
        place = found[0] if found else len(cards)
    else:
        place = rng.randrange(len(cards))
        key = cards[place][:8].decode("latin-1")
    cards[place : place + 1] = [_line(f"{key:8s}= {_value(rng):>20s}")]
    return _joined(cards, rest)


def _moved_card(rng: random.Random, content: bytes) -> bytes:
    """Take a card away, repeat it, put it elsewhere, or put in a line that is no card."""
    cards, rest = _cards(content)
    if not cards:
        return content
    place, to = rng.randrange(len(cards)), rng.randrange(len(cards))
    what = rng.randrange(4)
    card = cards[place]
    if what in (0, 2):
        del cards[place]
    if what in (1, 2):
        cards.insert(to, card)
    if what == 3:
        cards.insert(to, _line(rng.choice(_LINES)))
    return _joined(cards, rest)


def _without_end(rng: random.Random, content: bytes) -> bytes:
    cards, rest = _cards(content)
    end = rng.choice((b" " * _CARD, b"END      = nothing".ljust(_CARD), b"end".ljust(_CARD), b""))
    return _joined(cards, rest, end)


def _odd_pixels(rng: random.Random, content: bytes) -> bytes:
    """Fill the data with one number: NaN, infinities, huge, none."""
    end = -(-(_header_end(content) + _CARD) // _BLOCK) * _BLOCK
    four = rng.choice((b"\x7f\xc0\0\0", b"\xff\x80\0\0", b"\x7f\x7f\xff\xff", b"\0\0\0\0", b"\0\0\0\1"))
    return content[:end] + four * ((len(content) - end) // 4)


def _bytes(rng: random.Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    reach = rng.choice((len(damaged), min(len(damaged), 4 * _BLOCK)))
    for _ in range(rng.randint(1, 8)):
        if reach:
            damaged[rng.randrange(reach)] = rng.randrange(256)
    return bytes(damaged)


def _cut(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.2:
        return content + rng.randbytes(rng.randint(1, 6000))
    return content[: rng.choice((0, 1, _CARD, _BLOCK, len(content) - 1, rng.randrange(len(content) + 1)))]


@functools.cache
def _zeros() -> bytes:
    """Give some 400 kB that unpack to 100 MB."""
    return gzip.compress(bytes(100_000_000), 1, mtime=0)


def gzip_bomb(content: bytes, side: int) -> bytes:
    """Put 100 MB of zeros, packed, behind the header of an image of another size.

    Parameters
    ----------
    content : bytes
        A FITS file.
    side : int
        NAXIS1 and NAXIS2, pixels.

    Returns
    -------
    bytes
    """
    cards, _ = _cards(content)
    sizes = {b"NAXIS1  ": side, b"NAXIS2  ": side}
    header = [_line(f"{c[:8].decode()}= {sizes[c[:8]]:>20d}") if c[:8] in sizes else c for c in cards]
    return gzip.compress(_joined(header, b""), 1, mtime=0) + _zeros()


_FITS: tuple[tuple[int, Change], ...] = (
    *((10, _wrong_value), (4, _moved_card), (1, _without_end), (1, _odd_pixels), (2, _bytes), (1, _cut)),
)

_YAML_LINES = (
    *("a: &x [1]", "b: *x", "<<: {a: 1}", "!!python/object/apply:os.system ['true']", "? [1]", "? {a: 1}"),
    *(
        "---",
        "...",
        "%YAML 1.1",
        "%TAG ! !",
        "\t- 1",
        "{{{{",
        "[" * 60,
        "a: |\n  x",
        "- 1",
        "'",
        '"',
        "@",
        "`",
    ),
    *("a: !!binary '%%'", "a: !!set {x}", "a: !!float x", "a: !!int ''", "a: !!null x", "a: !!bool maybe"),
    *("a: " + "9" * 5000, "a: -" + "1" * 5000, "x" * 2000 + ": 1", "\ufeffa: 1", "a:\u2028b: 1", "a: \ud7ff"),
    *("wise: 1", "irac:", "run: []", "prime: {stack: {chip: [1, {}]}}", "a: 12:30:00", "null: 1", "1: 1"),
)


def _text_lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")


def _yaml_value(rng: random.Random, content: bytes) -> bytes:
    lines = _text_lines(content)
    places = [i for i, line in enumerate(lines) if b": " in line]
    if not places:
        return content
    place = rng.choice(places)
    more = ("[]", "{}", "[1, x]", "{a: 1}", "[nan, .inf]", "[[1], [2]]", ".nan", ".inf", "1e999", "9" * 5000)
    key = lines[place].partition(b": ")[0]
    lines[place] = key + b": " + rng.choice(NASTY + more).encode()
    return b"\n".join(lines)


def _yaml_line(rng: random.Random, content: bytes) -> bytes:
    lines = _text_lines(content)
    indent = b" " * rng.choice((0, 0, 2, 4))
    lines.insert(rng.randrange(len(lines) + 1), indent + rng.choice(_YAML_LINES).encode())
    return b"\n".join(lines)


def _lines_moved(rng: random.Random, content: bytes) -> bytes:
    """Leave out a line, repeat it, move it, or move it to the side."""
    lines = _text_lines(content)
    place, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    line = lines[place]
    what = rng.randrange(4)
    if what in (0, 2):
        del lines[place]
    if what in (1, 2):
        lines.insert(to, line)
    if what == 3:
        lines[place] = b" " * rng.randint(1, 5) + line
    return b"\n".join(lines)


def _cell(rng: random.Random, content: bytes) -> bytes:
    lines = _text_lines(content)
    place = rng.randrange(len(lines))
    words = re.split(rb"([,\s|<>]+)", lines[place])
    words[rng.randrange(0, len(words), 2)] = rng.choice(NASTY).encode()
    lines[place] = b"".join(words)
    return b"\n".join(lines)


def _separators(rng: random.Random, content: bytes) -> bytes:
    """Change what keeps cells apart, at one place or everywhere."""
    old, new = (rng.choice((b",", b"|", b" ", b"\n", b"\r\n", b"\t", b'"', b"#", b"\\", b";")) for _ in "12")
    return content.replace(old, new, rng.choice((1, 1, 3, -1)))


def _long_cell(rng: random.Random, content: bytes) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice((b"1", b"x", b",", b" ", b'"')) * 200_000 + content[place:]


_YAML: tuple[tuple[int, Change], ...] = (
    *((6, _yaml_value), (5, _yaml_line), (3, _lines_moved), (2, _bytes), (1, _cut)),
)
_TABLE: tuple[tuple[int, Change], ...] = (
    *((8, _cell), (3, _lines_moved), (2, _separators), (3, _bytes), (1, _cut), (1, _long_cell)),
)
