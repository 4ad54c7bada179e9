"""Comments of the cards that products get fit on their cards, whatever the value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import photomitrus_cli
from photomitrus_cli.io.cardvalue import card_image

PACKAGE = Path(photomitrus_cli.__file__).parent
# What a number of all digits leaves; simulated archive headers have numbers of few digits.
LONGEST = card_image("KEY", -1.2345678901234567e-05, "c" * 80).count("c")
SHORT = card_image("KEY", 17.8, "c" * 80).count("c")


def written(node: ast.expr) -> str:
    """Give a text of the source, with a 1 for each number put into it; nothing for what is no text."""
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) if isinstance(part, ast.Constant) else "1" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def cards() -> Iterator[tuple[str, str, str]]:
    """Give module, keyword and comment of every card that stands in the source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple) and len(node.elts) == 3:
                keyword, comment = written(node.elts[0]), written(node.elts[2])
                if re.fullmatch(r"[A-Z][A-Z0-9_-]{1,7}", keyword) and comment:
                    yield path.relative_to(PACKAGE).as_posix(), keyword, comment


def test_no_comment_is_cut_off() -> None:
    assert (LONGEST, SHORT) == (44, 47)
    found = list(cards())
    assert len(found) > 300
    limits = {module: SHORT if module.startswith("simulate/") else LONGEST for module, _, _ in found}
    assert not [card for card in found if len(card[2]) > limits[card[0]]]


def test_meanings_of_bits_leave_room_for_the_value() -> None:
    from photomitrus_cli.wise import calibmaps, coaddproducts

    bits = {bit.bit_length() - 1: text for bit, text in calibmaps.MASK_BITS.items()}
    for meanings, comment in ((bits, "value {} of MASK"), (coaddproducts.MASK_BITS, "value {}")):
        for bit, text in meanings.items():
            told = comment.format(1 << bit)
            assert card_image(f"BIT{bit}", text, told).rstrip().endswith(f"/ {told}")
