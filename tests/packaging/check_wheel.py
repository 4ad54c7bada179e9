"""Build the wheel through the sdist, and try it in a clean environment far from the checkout.

Run by `make package`. Everything happens in a temporary folder: the checkout is copied first, so that no
build/ is left in it, and nothing of it is on the path of the environment that is tried.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "photomitrus_cli"
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "build", "dist", "demo", "*.egg-info", "__pycache__"
)
_SMALL_FIELD = ("--aors", "1", "--dithers", "3", "--set", "irac.simulate.header_cards=200")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*command: object, cwd: Path) -> str:
    """Run a command without the checkout's variables; what it says is shown when it fails."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ASTROMAP_"))
    }
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"failed ({done.returncode}): {' '.join(words)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def require(condition: object, problem: str) -> None:
    if not condition:
        raise SystemExit(f"packaging: {problem}")


def mapped_folders() -> dict[str, str]:
    """Folder in the checkout to the package it becomes, the longest folder first."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    pairs = (line.split("=") for line in parser["options"]["package_dir"].strip().splitlines())
    folders = {folder.strip(): package.strip().replace(".", "/") for package, folder in pairs}
    return dict(sorted(folders.items(), key=lambda item: -len(item[0])))


def expected_files() -> set[str]:
    """Name every file of the checkout that the wheel must hold, by its name in the wheel."""
    names = set()
    for folder, package in mapped_folders().items():
        for pattern in ("*.py", "*.yaml", "*.html", "py.typed"):
            for path in (ROOT / folder).rglob(pattern):
                names.add(f"{package}/{path.relative_to(ROOT / folder).as_posix()}")
    return names


def build(scratch: Path) -> Path:
    """Build sdist and, from it, the wheel."""
    source = scratch / "source"
    shutil.copytree(ROOT, source, ignore=_LEFT_OUT)
    run(sys.executable, "-m", "build", "--outdir", scratch / "dist", cwd=source)
    wheels = list((scratch / "dist").glob("*.whl"))
    require(len(wheels) == 1, f"expected one wheel, found {wheels}")
    return wheels[0]


def check_content(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    tops = {name.split("/")[0] for name in names}
    info = {top for top in tops if top.endswith(".dist-info")}
    require(tops == {PACKAGE, *info} and len(info) == 1, f"unexpected top-level names {sorted(tops)}")
    held = {name for name in names if name.startswith(f"{PACKAGE}/")}
    missing, foreign = expected_files() - held, held - expected_files()
    require(not missing, f"the wheel lacks {sorted(missing)}")
    require(not foreign, f"the wheel holds {sorted(foreign)}")
    require(any(name.endswith("licenses/LICENSE") for name in names), "the wheel lacks the licence")


def commands(python: Path, cwd: Path) -> list[tuple[str, str]]:
    """List every command, as the installed package knows them."""
    code = (
        "from photomitrus_cli.cli import GROUPS\n"
        "print(*(f'{g} {c}' for g, e in GROUPS.items() for c in e.commands), sep='\\n')"
    )
    return [(line.split()[0], line.split()[1]) for line in run(python, "-c", code, cwd=cwd).splitlines()]


def try_installed(wheel: Path, scratch: Path) -> None:
    """Install the wheel alone and use it from an unrelated folder."""
    venv.create(scratch / "env", with_pip=True)
    scripts, elsewhere = scratch / "env" / "bin", scratch / "elsewhere"
    elsewhere.mkdir()
    run(scripts / "python", "-m", "pip", "install", "--quiet", wheel, cwd=elsewhere)
    where = run(scripts / "python", "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)", cwd=elsewhere)
    require(str(scratch / "env") in where, f"the package was imported from {where}")
    astromap = scripts / "astromap"
    run(astromap, "--help", cwd=elsewhere)
    run(scripts / "prime", "--help", cwd=elsewhere)
    run(astromap, "doctor", cwd=elsewhere)
    listed = commands(scripts / "python", elsewhere)
    for group, name in listed:
        run(astromap, group, name, "--help", cwd=elsewhere)
    say(f"help of {len(listed)} commands: ok")
    run(astromap, "simulate", "irac", "field", *_SMALL_FIELD, cwd=elsewhere)
    said = run(astromap, "irac", "mosaic", "field", "-o", "out", "--report", "out", "-j", "1", cwd=elsewhere)
    require("3 used, 0 skipped, 0 failed" in said, f"unexpected summary:\n{said}")
    for name in ("ch1_mosaic.fits", "ch1_mosaic.png", "ch1_mosaic.html", "ch1_mosaic.manifest.json"):
        require((elsewhere / "out" / name).stat().st_size > 1000, f"{name} is missing or empty")
    say("simulate and mosaic: ok")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="astromap-wheel-") as name:
        scratch = Path(name)
        wheel = build(scratch)
        say(f"built {wheel.name}")
        check_content(wheel)
        say(f"content: {len(expected_files())} files: ok")
        try_installed(wheel, scratch)


if __name__ == "__main__":
    main()
