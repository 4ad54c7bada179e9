"""The documentation is up to date, complete, and what it says can be run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import click
import pytest

from photomitrus_cli.cli import ROOT as PROGRAM
from photomitrus_cli.cli import GroupEntry, make_cli
from photomitrus_cli.run.config import packaged_layers
from photomitrus_cli.settings import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
COMMANDS = [
    f"astromap {' '.join(words)}"
    for name, entry in PROGRAM.commands.items()
    for words in ([(name, leaf) for leaf in entry.commands] if isinstance(entry, GroupEntry) else [(name,)])
]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What stands between the words of a reason in the sources.
_FILLED_IN = (
    *(r"\bN\b", "FILE", r"'\.\.\.'", r"\(mad\)"),
    *("refused: ", "has no ", "no (?:uncertainty|mask)", "(?:above|below) the", "(?<=array) frame.*"),
)
_COMMAND = re.compile(r"(?:^|[\s;])((?:astromap|prime) [^;|&>\n]+)")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@cache
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resolve(name: str) -> tuple[click.Command, click.Context]:
    """The click command of a name such as ``astromap irac mosaic``."""
    command: click.Command = make_cli()
    context = click.Context(command, info_name="astromap", **command.context_settings)
    for word in name.split()[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None, f"there is no command {name}"
        command, context = (
            found,
            click.Context(found, info_name=word, parent=context, **found.context_settings),
        )
    return command, context


def test_generated_pages_are_up_to_date() -> None:
    for path, text in script("generate").pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: run 'make docs'"


def test_the_check_mode_finds_an_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("generate")
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    assert module.main(["--check"]) == 1
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0
    (tmp_path / "cli.md").write_text("old")
    assert module.main(["--check"]) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_the_reference(name: str) -> None:
    section = page("cli.md").split(f"## {name}\n")[1].split("\n## ")[0]
    command, _ = resolve(name)
    for parameter in command.params:
        listed = isinstance(parameter, click.Option) and not parameter.hidden
        for word in parameter.opts if listed else ():
            assert word in section, f"{name} {word}"


def test_every_key_is_in_the_reference_with_a_meaning() -> None:
    text = page("configuration.md")
    for path in packaged_layers(SECTIONS).sources:
        section = text.split(f"## `{'.'.join(path[:-1])}`\n")[1].split("\n## ")[0]
        row = re.search(rf"^\| `{path[-1]}` \| `.+` \| (.+) \|$", section, re.MULTILINE)
        assert row, ".".join(path)
        assert len(row[1]) > 5, ".".join(path)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| \[.*\]\((.+)\) \|$", page("index.md"), re.MULTILINE)
    assert row, f"index.md does not say where {name} is described"
    assert name in page(row[1])


def test_every_page_is_in_the_contents_of_the_site() -> None:
    """The site's contents are the first columns of the tables of the index, each page once."""
    listed = re.findall(r"^([\w-]+)$", script("conf").contents(page("index.md")), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")


def test_every_name_of_the_formats_is_in_the_list_of_names() -> None:
    """`columns.md` is made of formats.md: nothing that has a name there is lost on the way."""
    text = page("columns.md")
    assert "| `SKY` | MJy/sr | weighted mean of the scans without zodiacal light; may be negative |" in text
    assert "| `SATURATED` |  | a pixel with imask bit 13 in the aperture. Flux: not used, or" in text
    for head, cells, _ in script("generate")._rows(page("formats.md")):
        if head[0] in ("column", "keyword", "flag"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                assert f"\n| `{name}` |" in text, name


def test_reasons_of_refusals_are_those_of_the_program() -> None:
    """Each reason quoted in refused.md is said by the sources, but for the numbers in it."""
    said = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "photomitrus_cli").rglob("*.py"))
    # Messages go over several lines, and have values of their own.
    said = re.sub(r'"\s*f?"', "", re.sub(r"\{[^{}]*\}", "N", said)).lower().replace("_", " ")
    rows = re.findall(r"^\| (`.+?`) \| ", page("refused.md"), re.MULTILINE)
    reasons = [reason for row in rows for reason in re.findall(r"`([^`]+)`", row)]
    assert len(reasons) > 30
    for reason in reasons:
        for words in re.split("|".join(_FILLED_IN), reason):
            assert words.strip(' "').lower() in said, f"{reason}: {words}"


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    for link in _LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"


def shell_blocks(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sh":
        yield text
        return
    for language, block in _FENCE.findall(text):
        if language == "sh":
            yield block
        elif language == "console":
            yield "\n".join(line[2:] for line in block.splitlines() if line.startswith("$ "))


def commands_of(path: Path) -> list[str]:
    """Every astromap command of a page, one a line, shell variables replaced by a number."""
    found = []
    for block in shell_blocks(path):
        text = re.sub(r"\$\{?\w+\}?", "1", block.replace("\\\n", " "))
        lines = [re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines()]
        found += [command.strip() for line in lines for command in _COMMAND.findall(line)]
    return found


SOURCES = [*PAGES, *sorted((ROOT / "examples").glob("*.sh"))]


def test_commands_are_found_at_all() -> None:
    counts = {path.name: len(commands_of(path)) for path in SOURCES}
    assert counts["README.md"] >= 8
    assert counts["irac-mosaic.md"] >= 6
    assert all(counts[name] >= 1 for name in ("running.md", "shell_loop.sh", "slurm_array.sh", "mpi.sh"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_commands_parse(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in commands_of(path):
        words = shlex.split(text)
        if words[0] == "prime" or words[1].startswith("-"):
            continue
        depth = 3 if isinstance(PROGRAM.commands[words[1]], GroupEntry) else 2
        name, arguments = " ".join(words[:depth]), words[depth:]
        command, context = resolve(name)
        for flag, value in pairwise(arguments):
            if flag == "--config":
                (tmp_path / value).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / value).touch()
        made = command.make_context(words[depth - 1], arguments, parent=context.parent)
        assert made.params, text


def test_a_wrong_option_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("```sh\nastromap irac mosaic x \\\n  --chanel $c; echo\n```\n")
    assert commands_of(path) == ["astromap irac mosaic x    --chanel 1"]
    command, context = resolve("astromap irac mosaic")
    with pytest.raises(click.NoSuchOption):
        command.make_context("mosaic", ["x", "--chanel", "1"], parent=context.parent)


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.sh")), ids=lambda path: path.name)
def test_example_scripts_are_sound_bash(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert script.stat().st_mode & 0o111


def test_the_loop_script_goes_on_after_a_failing_field(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "astromap"
    fake.write_text('#!/bin/bash\necho "$3 ${*: -7}" >> calls\n[[ $3 == *bad/ ]] && exit 3\nexit 4\n')
    fake.chmod(0o755)
    for name in ("bad", "good"):
        (tmp_path / "fields" / name).mkdir(parents=True)
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "shell_loop.sh"), "fields", "out"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len((tmp_path / "calls").read_text().splitlines()) == 4
    assert "bad channel 1: exit code 3" in done.stderr
    assert "good" not in done.stderr


def test_mask_bits_and_columns_of_the_mosaic_are_documented() -> None:
    from photomitrus_cli.irac.inputstable import _COLUMNS
    from photomitrus_cli.irac.products import PLANES
    from photomitrus_cli.irac.tiles import MASK_BITS

    text = page("formats.md")
    for bit in MASK_BITS:
        assert f"| {bit} | {1 << bit} |" in text
    for name in (*PLANES, *_COLUMNS):
        assert f"`{name}`" in text, name


def test_columns_and_flags_of_the_photometry_are_documented() -> None:
    from photomitrus_cli.irac.aortable import _AOR
    from photomitrus_cli.irac.measure import Flag
    from photomitrus_cli.irac.phottables import _IMAGE

    text = page("formats.md").split("## Photometry tables")[1].split("\n## ")[0]
    columns = [*(column.name for column in _IMAGE), *(column.name for column in _AOR)]
    for name in (*columns, *(flag.name for flag in Flag), "ABOVE_LIMIT"):
        assert f"`{name}`" in text, name


def test_exit_codes_are_documented() -> None:
    from photomitrus_cli import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.AstromapError)}
    assert codes == {1, 2, 3, 4, 5, 6}
    for text in ((ROOT / "README.md").read_text(encoding="utf-8"), page("running.md")):
        for code in (0, *codes):
            assert re.search(rf"^\| {code} \|", text, re.MULTILINE), code


def test_the_example_of_the_readme_measures_a_star(tmp_path: Path) -> None:
    """The code runs as printed, but for the place of the star, and finds the flux of the truth table."""
    from astropy.table import Table

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(block for language, block in _FENCE.findall(readme) if language == "python")
    field = ["--aors", "1", "--dithers", "4", "--field-size", "0", "--pointing-rms", "0"]
    keys = ["star_layout=grid", "flux_min_ujy=2000", "flux_max_ujy=2001", "n_galaxies=0", "n_bright_stars=0"]
    keys += ["rmask_completeness=1", "hot_flagged_fraction=1", "response=false"]
    program = str(Path(sys.executable).with_name("astromap"))
    for command in (
        ["simulate", "irac", "field", *field, *(f"--set=irac.simulate.{key}" for key in keys)],
        ["irac", "mosaic", "field", "-o", "tour/mosaic", "-j", "1", "-q"],
    ):
        subprocess.run([program, *command], cwd=tmp_path, check=True, capture_output=True)
    stars = Table.read(tmp_path / "field" / "truth" / "truth_sources.ecsv")
    star = stars[((stars["ra"] - 150.1) ** 2 + (stars["dec"] - 2.2) ** 2).argmin()]
    assert "150.100530, 2.149779" in code
    code = code.replace("150.100530, 2.149779", f"{star['ra']}, {star['dec']}")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    flux, error = (float(number) for number in re.findall(r"[\d.]+", done.stdout)[:2])
    # The share of the light that the README states for this aperture and ring, and the local pixel area.
    assert flux == pytest.approx(0.895 * star["flux"], rel=0.02)
    assert 0.001 < error / flux < 0.02
