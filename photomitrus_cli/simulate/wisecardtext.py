"""Rows of header cards, and long strings over several cards (CONTINUE)."""

from __future__ import annotations

from photomitrus_cli.simulate.cardtext import Value, card

Rows = list[tuple[str, Value, str]]

_LONG_PIECE = 67


def long_card(keyword: str, text: str) -> list[str]:
    """Return a string over one or more cards by the CONTINUE convention.

    Parameters
    ----------
    keyword : str
    text : str
        Without quotes.

    Returns
    -------
    list of str
    """
    pieces = [text[start : start + _LONG_PIECE] for start in range(0, len(text), _LONG_PIECE)]
    cards = []
    for number, piece in enumerate(pieces):
        more = "&" if number < len(pieces) - 1 else ""
        start = f"{keyword:<8}= " if number == 0 else "CONTINUE  "
        cards.append(f"{start}'{piece}{more}'".ljust(80))
    return cards


def cards_of(rows: Rows) -> list[str]:
    """Format rows as cards.

    Parameters
    ----------
    rows : list of tuple
        Keyword, value and comment of each.

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    return [card(*row) for row in rows]
