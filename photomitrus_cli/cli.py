"""The `astromap` entry point: lazy command groups and the one edge for errors, exit codes and MPI.

Only click is imported here, so that ``astromap --help`` and shell completion stay as quick as click itself.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from photomitrus_cli.errors import AstromapError, ConfigError, PartialError
from photomitrus_cli.options import EXIT_CODES, common_options, debug_requested

if TYPE_CHECKING:
    from photomitrus_cli.run.parallel import Executor

_COMMANDS = "photomitrus_cli.commands"


# Paragraphs that begin with \b keep their lines.
_QUESTIONS = """\
\b
My own frames:      a command with --dry-run says what it would use, and writes nothing
Frames not used:    the summary tells the reasons; --report DIR has all of them
Cores and SLURM:    -j 2; by default every core, SLURM_CPUS_PER_TASK at most
Interrupted:        the same command with --resume goes on
Logs:               on standard error; --log-file FILE keeps everything
Settings for good:  astromap config init
Documentation:      the folder docs of the sources (a checkout, or the sdist
                    astromap-VERSION.tar.gz); an installation has none.
                    index.md leads to all pages, columns.md tells columns
                    and keywords, citing.md how to cite"""


@dataclass(frozen=True)
class Entry:
    """One command of a group, named without importing it."""

    module: str
    help: str


@dataclass(frozen=True)
class GroupEntry:
    """A group: its help line, its commands and, in the root, further groups."""

    help: str
    commands: Mapping[str, Entry | GroupEntry]


GROUPS: dict[str, GroupEntry] = {
    "config": GroupEntry(
        "Show, write and check the configuration.",
        {
            "init": Entry("config_init", "Write a commented astromap.yaml."),
            "show": Entry("config_show", "Print the resolved configuration, with sources if asked."),
            "validate": Entry("config_validate", "Check configuration files and name what is wrong."),
        },
    ),
    "irac": GroupEntry(
        "Spitzer/IRAC: mosaics and photometry.",
        {
            "correct": Entry(
                "irac_correct", "Correct a table of fluxes for the response at their positions."
            ),
            "mosaic": Entry("irac_mosaic", "Combine frames into one mosaic with its uncertainty."),
            "phot": Entry("irac_phot", "Measure targets: corrected fluxes per image and per AOR."),
        },
    ),
    "prime": GroupEntry(
        "PRIME: near-infrared stacks.",
        {
            "flat": Entry("prime_flat", "Make master flats from twilight frames."),
            "stack": Entry("prime_stack", "Stack a night's dithers of a chip."),
        },
    ),
    "simulate": GroupEntry(
        "Make faithful frames with a truth table.",
        {
            "irac": Entry("simulate_irac", "Simulate an IRAC field as the archive would deliver it."),
            "prime": Entry("simulate_prime", "Simulate a dithered set of PRIME ramps of one field."),
            "wise": Entry("simulate_wise", "Simulate a slice of the WISE survey, scan by scan."),
        },
    ),
    "wise": GroupEntry(
        "WISE: full-sky maps.",
        {
            "calibrate": Entry("wise_calibrate", "Calibrate scan maps; make a full-sky map in MJy/sr."),
            "coadd": Entry("wise_coadd", "Combine frames into one HEALPix map per scan."),
            "filter": Entry("wise_filter", "Choose frames by the quality that the frame table states."),
            "zodi": Entry("wise_zodi", "Compute the zodiacal light at the pixels of scan maps."),
        },
    ),
}

ROOT = GroupEntry(
    "Turn infrared survey frames into calibrated maps, stacks and fluxes.",
    {**GROUPS, "doctor": Entry("doctor", "Look at the installation: what works, what is missing.")},
)


class LazyGroup(click.Group):
    """A group that imports a command only to run it or to show its own help."""

    def __init__(self, name: str, entry: GroupEntry) -> None:
        # Contexts of commands take the names of their group.
        names = {"help_option_names": ["-h", "--help"]}
        super().__init__(name, help=entry.help, epilog=EXIT_CODES, context_settings=names)
        self.entry = entry

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the command names."""
        del ctx
        return sorted(self.entry.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, or make one group."""
        del ctx
        entry = self.entry.commands.get(cmd_name)
        if entry is None:
            return None
        if isinstance(entry, GroupEntry):
            return make_group(cmd_name)
        command = importlib.import_module(f"{_COMMANDS}.{entry.module}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a module of ours without its command
        command.epilog = EXIT_CODES
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; a mistyped one gets a suggestion."""
        if args and args[0] not in self.entry.commands and not args[0].startswith("-"):
            near = _similar(args[0], self.entry.commands)
            message = None if near else _told_with_group(args[0], self.entry.commands)
            raise click.NoSuchCommand(args[0], message, possibilities=near, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list from the table, importing nothing."""
        del ctx
        if self.entry.commands:
            with formatter.section("Commands"):
                formatter.write_dl([(name, e.help) for name, e in sorted(self.entry.commands.items())])


def _similar(word: str, names: Sequence[str] | Mapping[str, Any]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, list(names))


def _told_with_group(word: str, entries: Mapping[str, Entry | GroupEntry]) -> str | None:
    """Say in which group the command is, None where none has it."""
    groups = {name: entry.commands for name, entry in entries.items() if isinstance(entry, GroupEntry)}
    found = [(name, command) for name, commands in groups.items() for command in _similar(word, commands)]
    exact = [one for one in found if one[1] == word]
    near = [f"'{name} {command}'" for name, command in exact or found]
    return f"No such command {word!r}. Did you mean {' or '.join(near)}?" if near else None


def make_group(name: str) -> click.Group:
    """Build one instrument's group, with the common options."""
    group: click.Group = common_options(LazyGroup(name, GROUPS[name]))
    return group


def make_cli() -> click.Group:
    """Build the root command."""
    root: click.Group = common_options(LazyGroup("astromap", ROOT), show_version=True)
    root.epilog = f"{_QUESTIONS}\n\n{EXIT_CODES}"
    return root


def main() -> NoReturn:
    """Run `astromap`; the console script."""
    sys.exit(_launch(make_cli(), "astromap", sys.argv[1:]))


def main_prime() -> NoReturn:
    """Run `prime`, the same group as `astromap prime`."""
    sys.exit(_launch(make_group("prime"), "prime", sys.argv[1:]))


def _launch(command: click.Command, name: str, args: Sequence[str]) -> int:
    """Run locally or, under ``mpiexec``, as the master or a worker of the job."""
    signal.signal(signal.SIGTERM, _leave)
    # A run in the background of a shell script ignores Ctrl-C, and goes on doing so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # Work is spread over processes; a BLAS that starts a thread per core in each only fights with them.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # A look at the environment alone: the MPI module costs an import that `--help` must not pay.
    if all(os.environ.get(key, "1") in ("", "1") for key in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")):
        return run_command(command, name, args)
    from photomitrus_cli.run import mpi

    try:
        library = mpi.load_mpi()
    except ConfigError as error:
        return _fail(error, name)
    code = 0
    with mpi.mpi_executor(library) as executor:
        if executor is not None:
            code = run_command(command, name, args, executor)
            # A partial run is over on every rank: all leave as after success, and no printed line is lost.
            if code not in (0, PartialError.exit_code):
                mpi.abort(library, code)
    return code


def run_command(
    command: click.Command, name: str, args: Sequence[str], executor: Executor | None = None
) -> int:
    """Run a command and turn whatever ends it into the documented exit code and one clear line.

    Parameters
    ----------
    command : click.Command
    name : str
        Name of the program in usage lines.
    args : sequence of str
    executor : Executor, optional
        The MPI executor; without it the command opens its own local workers.

    Returns
    -------
    int
        The exit code.
    """
    stdout = sys.stdout
    try:
        result = command.main(list(args), prog_name=name, standalone_mode=False, obj=executor)
    except click.exceptions.Abort:
        return _interrupted(name)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AstromapError as error:
        return _fail(error, name)
    except KeyboardInterrupt:
        return _interrupted(name)
    except SystemExit as error:
        if sys.stdout is not stdout:
            # The reader of our output left: click then swallows the error, puts its own silent stream in the
            # place of stdout and exits.
            return 141
        if error.code == 128 + signal.SIGINT:
            return _interrupted(name)
        if error.code == 128 + signal.SIGTERM:
            click.echo(f"{name}: terminated", err=True)
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:  # noqa: BLE001 - the outermost edge: one line instead of a traceback
        return _unexpected(error, name)
    return result if isinstance(result, int) else 0


def _fail(error: AstromapError, name: str) -> int:
    click.echo(f"{name}: error: {error}", err=True)
    return error.exit_code


def _interrupted(name: str) -> int:
    start = "\n" if sys.stderr.isatty() else ""  # the terminal has just shown ^C
    click.echo(f"{start}{name}: interrupted", err=True)
    return 130


def _unexpected(error: Exception, name: str) -> int:
    text = " ".join(str(error).split()) or "no further message"
    click.echo(f"{name}: unexpected failure: {type(error).__name__}: {text}", err=True)
    if debug_requested():
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo(f"{name}: --debug shows the traceback, --log-file keeps it", err=True)
    return 1


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exception, so that clean-up runs and no partial file stays."""
    del frame
    raise SystemExit(128 + signum)
