"""The settings of ``wise.filter``, and the text of a cut: ``dtanneal > 2000 for w3,w4``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.run.settingwords import Words

Operator = Literal["==", "!=", ">", ">=", "<", "<=", "in", "finite"]

Value = float | str | tuple[float | str, ...] | None
ALL_BANDS = (1, 2, 3, 4)
_CUT = re.compile(
    r"(?P<column>\w+)\s*(?P<op>==|!=|>=|<=|>|<|\bin\b|\bfinite\b)\s*(?P<value>.*?)"
    r"(\s+for\s+(?P<bands>w?[1-4](\s*,\s*w?[1-4])*))?(\s+beyond\s+(?P<beyond>\d+(\.\d*)?))?",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPERATORS = re.compile(r"[<>=!]")
_EXAMPLE = "write a cut such as 'moon_sep > 24' or 'dtanneal > 2000 for w3,w4'"


def _cut(value: Any) -> Any:
    """Read the text of a cut."""
    if not isinstance(value, str):
        return value
    match = _CUT.fullmatch(value.strip())
    if match is None:
        raise ValueError(_EXAMPLE)
    operator = match["op"].lower()
    wanted = _value(match["value"], operator)
    if _OPERATORS.search(_QUOTED.sub("", match["value"])) or not _fits(operator, wanted):
        # Said here, where the value is what the user has written.
        raise ValueError(_EXAMPLE)
    bands = [int(digit) for digit in re.findall(r"[1-4]", match["bands"] or "")]
    return {
        "column": match["column"],
        "op": operator,
        "value": wanted,
        "bands": bands or list(ALL_BANDS),
        "beyond_elat_deg": float(match["beyond"] or 0.0),
    }


def _fits(operator: str, value: Any) -> bool:
    """Tell whether a value is of the kind that an operator compares with."""
    fits = {
        "finite": value is None,
        "in": isinstance(value, list | tuple) and len({isinstance(one, str) for one in value}) == 1,
        "==": isinstance(value, float | str),
        "!=": isinstance(value, float | str),
    }
    return fits.get(operator, isinstance(value, float))


def _value(text: str, operator: str) -> Any:
    if operator == "finite":
        return text or None
    if operator == "in":
        return [_word(part) for part in text.strip("[]()").replace(",", " ").split()]
    return _word(text)


def _word(text: str) -> float | str:
    """Take a word for a number unless it is in quotes: '0' is a flag, 0 a number."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    try:
        return float(text)
    except ValueError:
        return text


class CutRule(Section):
    """A cut: what a frame's value must be for the frame to pass.

    Attributes
    ----------
    column : str
        Lower case.
    op : {'==', '!=', '>', '>=', '<', '<=', 'in', 'finite'}
    value : float, str, tuple or None
        Text is compared with text; of ``moon_masked`` and ``cc_flags`` the character of the band.
    bands : tuple of int
        In other bands the cut does not count.
    beyond_elat_deg : float
        Only frames farther than this from the ecliptic are cut.
    """

    column: Annotated[str, Field(pattern=r"^\w+$"), BeforeValidator(lambda name: str(name).lower())]
    op: Operator
    value: Value = None
    bands: Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(min_length=1)] = ALL_BANDS
    beyond_elat_deg: Annotated[float, Field(ge=0, lt=90)] = 0.0

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not _fits(self.op, self.value):
            raise ValueError(f"'{self.column} {self.op} {self.value}': {_EXAMPLE}")
        return self

    @property
    def is_text(self) -> bool:
        """Tell whether text is compared."""
        first = self.value[0] if isinstance(self.value, tuple) else self.value
        return isinstance(first, str)

    def __str__(self) -> str:
        """Write the cut as `_cut` reads it."""
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        words = [f"'{one}'" if isinstance(one, str) else f"{one:.12g}" for one in values if one is not None]
        text = " ".join([self.column, self.op, ", ".join(words)]).strip()
        if self.bands != ALL_BANDS:
            text += " for " + ",".join(f"w{band}" for band in self.bands)
        return text + (f" beyond {self.beyond_elat_deg:g}" if self.beyond_elat_deg else "")


Cut = Annotated[CutRule, BeforeValidator(_cut), Words("a cut such as 'moon_sep > 24'")]


def _list(value: Any) -> Any:
    """Take one text for a list of one."""
    return [value] if isinstance(value, str | Path | dict) else value


def _band(value: Any) -> Any:
    """Read ``all`` or a number, also as text and as w3."""
    text = str(value).lower().removeprefix("w")
    if isinstance(value, bool) or text not in ("all", "1", "2", "3", "4"):
        raise ValueError("give a band from 1 to 4, or all")
    return text if text == "all" else int(text)


Names = Annotated[tuple[str, ...], BeforeValidator(_list)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_list), RelativePath()]
Cuts = Annotated[tuple[Cut, ...], BeforeValidator(_list)]


class FilterSettings(Section):
    """Keys of ``wise.filter``; configs/wise.yaml explains each."""

    inputs: Paths
    from_frames: Annotated[Path | None, RelativePath()]
    output: Annotated[Path, RelativePath()]
    band: Annotated[Literal["all"] | Annotated[int, Field(ge=1, le=4)], BeforeValidator(_band)]
    preset: str
    without: Names
    cuts: Cuts
    presets: dict[str, Cuts]
    duplicates: Literal["drop", "refuse"]
    roots: Annotated[Paths, Field(min_length=1)]
    template: str | None
    missing_files: Literal["refuse", "drop", "keep"]
    extra_columns: Names

    @model_validator(mode="after")
    def _known_preset(self) -> Self:
        if self.preset not in self.presets:
            raise ValueError(f"no preset '{self.preset}'; there are: {', '.join(self.presets)}")
        return self

    @property
    def bands(self) -> tuple[int, ...]:
        """Give the bands that are wanted."""
        return ALL_BANDS if self.band == "all" else (int(self.band),)
