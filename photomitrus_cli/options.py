"""Options that several commands share, each spelled and explained once.

option group          used by
--------------------  -----------------------------------------------
common_options        every group and command (before or after the subcommand)
config_options        every command that reads the configuration
run_options           every command that runs a stage
write_options         every stage whose products can be resumed
stage_options         every stage with products: all of the above
scan_map_options      commands whose inputs are scan maps
setting, settings_of  an option that sets one configuration key
setting_argument      an argument that does
LegacyCommand         commands that keep the spellings of PRIME's pipeline
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from photomitrus_cli import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CommandType = TypeVar("CommandType", bound=Callable[..., Any])
EXIT_CODES = (
    "Exit codes: 0 done, 1 unexpected or not writable, 2 usage or configuration, 3 bad input, "
    "4 no usable data, 5 output exists, 6 partial (--keep-going), 130/143 interrupted."
)
_META = "photomitrus_cli.options"
_LAST_WORD = "photomitrus_cli.options.last_word"

# The documented spellings of the PRIME pipeline that `prime stack` keeps.
PRIME_TOKENS: Mapping[str, str] = {
    "-parent": "--parent",
    "-chip": "--chip",
    "-band": "--band",
    "-sigma": "--sigma",
    "-rot_val": "--rot-val",
    "-no_FF": "--no-ff",
    "-sex": "--sex",
    "-compress": "--compress",
    "-net_refine": "--net-refine",
}


class LegacyCommand(click.Command):
    """A command of PRIME that accepts the exact spellings of the program it replaces.

    Click would take ``-parent`` apart into ``-p arent``; the documented words are rewritten before parsing,
    so that typing errors keep their plain messages and the help shows the modern form.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite the documented words up to ``--``, then parse as usual."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_LAST_WORD] = args[-1] if args else ""
        # Click empties the list that it parses.
        typed = args[:end]
        try:
            return super().parse_args(ctx, [self._modern(word) for word in typed] + args[end:])
        except click.NoSuchOption as error:
            word = _word_with(error.option_name, typed)
            if word is None:
                raise
            raise click.NoSuchOption(word, possibilities=self._spellings(ctx), ctx=ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the documented words too, and the values that follow them."""
        from click.shell_completion import CompletionItem

        options = [item for item in self.get_params(ctx) if isinstance(item, click.Option)]
        before = PRIME_TOKENS.get(ctx.meta.get(_LAST_WORD, ""))
        for option in options:
            if before in option.opts and not option.is_flag:
                return option.shell_complete(ctx, incomplete)
        words = [
            word for word in self._spellings(ctx) if word in PRIME_TOKENS and word.startswith(incomplete)
        ]
        legacy = [CompletionItem(word) for word in words] if incomplete.startswith("-") else []
        return legacy + super().shell_complete(ctx, incomplete)

    def _spellings(self, ctx: click.Context) -> list[str]:
        """List the documented words that the command knows, then its options."""
        options = [item for item in self.get_params(ctx) if isinstance(item, click.Option)]
        known = [name for option in options for name in (*option.opts, *option.secondary_opts)]
        return [word for word, name in PRIME_TOKENS.items() if name in known] + known

    def _modern(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return PRIME_TOKENS[name] + equals + value if name in PRIME_TOKENS else word


def _word_with(option: str, words: Sequence[str]) -> str | None:
    """Give the word of which click has read a letter as an unknown option, without its value."""
    if len(option) != 2:
        return None
    short = [word.partition("=")[0] for word in words if word.startswith("-") and not word.startswith("--")]
    return next(
        (word for word in short if len(word) > 2 and option[1] in word and word not in PRIME_TOKENS), None
    )


class Setting(click.Option):
    """An option that sets one configuration key; left out, the configuration decides."""

    def __init__(self, *args: Any, key: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Add the packaged default, which is read only when somebody asks for help.

        A flag that stands for one word has none: the default is another word of its key.
        """
        record = super().get_help_record(ctx)
        if self.is_flag and isinstance(self.flag_value, str):
            return record
        return record and (record[0], f"{record[1]}  [default: {_packaged_default(self.key)}]")


class SettingArgument(click.Argument):
    """An argument that sets one configuration key."""

    def __init__(self, *args: Any, key: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key


def setting(*names: str, key: str, help: str, **kwargs: Any) -> Callable[[CommandType], CommandType]:  # noqa: A002
    """Declare an option for a configuration key; its help names the packaged default.

    Parameters
    ----------
    *names : str
        As for ``click.option``.
    key : str
        Dotted, such as ``irac.mosaic.channel``.
    help : str
    **kwargs
        As for ``click.option``; a list as ``type`` is a fixed set of words.
    """
    if isinstance(kwargs.get("type"), list):
        kwargs["type"] = choice(kwargs["type"])
    return click.option(*names, cls=Setting, key=key, help=help, default=None, **kwargs)


def settings_of(section: str) -> Callable[..., Callable[[CommandType], CommandType]]:
    """Give `setting` for the keys of one section.

    Parameters
    ----------
    section : str
        Such as ``irac.mosaic``.

    Returns
    -------
    callable
        As `setting`, with the key without its section; left out, the first long name is the key:
        ``--min-exptime`` sets ``min_exptime``.
    """

    def declare(*names: str, key: str = "", **kwargs: Any) -> Callable[[CommandType], CommandType]:
        """Declare an option for a key of the section."""
        first = next(name for name in names if name.startswith("--"))
        own = first.partition("/")[0].removeprefix("--").replace("-", "_")
        return setting(*names, key=f"{section}.{key or own}", **kwargs)

    return declare


def setting_argument(name: str, section: str, **kwargs: Any) -> Callable[[CommandType], CommandType]:
    """Declare an argument that sets the key of its own name.

    Parameters
    ----------
    name : str
    section : str
        Of the key, such as ``irac.mosaic``.
    **kwargs
        As for ``click.argument``.
    """
    return click.argument(name, cls=SettingArgument, key=f"{section}.{name}", **kwargs)


@lru_cache(maxsize=4)
def _packaged_section(section: str) -> dict[str, Any]:
    from photomitrus_cli.run.config import packaged_layers

    return packaged_layers([section]).data


def _packaged_default(key: str) -> str:
    path = key.split(".")
    value: Any = _packaged_section(path[0])
    for part in path:
        value = value[part]
    if value is None:
        return "none"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def settings_given(ctx: click.Context) -> dict[str, Any]:
    """Give the configuration keys set by explicit options and arguments of a command."""
    given: dict[str, Any] = {}
    for parameter in ctx.command.params:
        if isinstance(parameter, Setting | SettingArgument) and parameter.name is not None:
            value = ctx.params[parameter.name]
            if value is not None and value != ():
                given[parameter.key] = list(value) if isinstance(value, tuple) else value
    return given


def option_names(ctx: click.Context) -> dict[str, str]:
    """Give what sets each configuration key on the command line, such as ``option --chip``."""
    names: dict[str, str] = {}
    for parameter in ctx.command.params:
        if isinstance(parameter, Setting):
            # The long form; of several options for one key the first in the help.
            names.setdefault(parameter.key, f"option {max(parameter.opts, key=len)}")
        elif isinstance(parameter, SettingArgument):
            names[parameter.key] = f"argument {parameter.human_readable_name}"
    return names


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Add up the common options of all levels: ``astromap -v wise coadd -vv`` is three."""
    store = ctx.find_root().meta.setdefault(_META, {})
    name = str(parameter.name)
    if isinstance(value, int) and not isinstance(value, bool):
        store[name] = store.get(name, 0) + value
    elif value not in (None, False):
        store[name] = value
    elif name == "progress" and value is False:
        store[name] = False


def common_values(ctx: click.Context) -> dict[str, Any]:
    """Give what the common options said: verbose, quiet, log_file, debug, progress."""
    values: dict[str, Any] = ctx.find_root().meta.get(_META, {})
    return values


def debug_requested() -> bool:
    """Tell whether ``--debug`` was given; asked after the click context is gone."""
    return "--debug" in sys.argv


def common_options(command: Any, *, show_version: bool = False) -> Any:
    """Add the options that every group and command takes; ``--version`` is listed if asked for only."""
    shared: dict[str, Any] = {"expose_value": False, "callback": _remember}
    for decorate in (
        click.version_option(__version__, prog_name="astromap", hidden=not show_version),
        click.option("--debug", is_flag=True, help="Show tracebacks and debugging messages.", **shared),
        click.option(
            "--progress/--no-progress",
            default=None,
            help="Draw progress bars (default: on a terminal).",
            **shared,
        ),
        click.option(
            "--log-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Also write the log there; JSON lines when it ends in .json or .jsonl.",
            **shared,
        ),
        click.option("-q", "--quiet", count=True, help="Only warnings; twice: only errors.", **shared),
        click.option("-v", "--verbose", count=True, help="More messages.", **shared),
    ):
        command = decorate(command)
    return command


def config_options(command: CommandType) -> CommandType:
    """Add the options that choose the configuration."""
    command = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a configuration key, such as irac.mosaic.channel=2. Repeatable.",
    )(command)
    return click.option(
        "--config",
        "config_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A YAML run configuration; later files win. Repeatable.",
    )(command)


def run_options(command: CommandType) -> CommandType:
    """Add the options that steer a run and its reports."""
    for decorate in (
        click.option(
            "--report",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write an HTML report page into this folder.",
        ),
        click.option(
            "--summary",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write the summary, one record per unit of work, as JSON.",
        ),
        setting(
            "-j", "--jobs", key="run.jobs", help="Parallel workers, or 'auto': one per core.", metavar="N"
        ),
        setting(
            "--memory",
            key="run.memory",
            help="Memory for all workers, such as 2GB, or 'auto'.",
            metavar="SIZE",
        ),
        click.option("--keep-going", is_flag=True, help="Report failing units and go on (exit code 6)."),
        click.option("--dry-run", is_flag=True, help="Plan from the headers, print the plan, touch nothing."),
    ):
        command = decorate(command)
    return config_options(command)


def write_options(command: CommandType) -> CommandType:
    """Add the options that say what happens to existing products."""
    command = click.option(
        "--resume", is_flag=True, help="Keep what is complete and up to date, make the rest."
    )(command)
    return click.option("--overwrite", is_flag=True, help="Replace existing products.")(command)


def stage_options(command: CommandType) -> CommandType:
    """Add what every command has that runs a stage which writes products, and pass it the context."""
    decorated: CommandType = write_options(run_options(common_options(click.pass_context(command))))
    return decorated


def scan_map_options(section: str) -> Callable[[CommandType], CommandType]:
    """Add what commands for scan maps have in common: which maps, and where the products go.

    Parameters
    ----------
    section : str
        Of the keys, such as ``wise.zodi``.
    """
    declare = settings_of(section)

    def decorate(command: CommandType) -> CommandType:
        """Add the options of one command."""
        command = declare("--band", help="WISE band.", type=click.IntRange(1, 4))(command)
        command = declare("-o", "--output", help="Folder of the products.", type=click.Path())(command)
        about = "Folder of scan maps from `wise coadd`, or a map; may be repeated."
        command = declare("--maps", help=about, type=click.Path(), multiple=True)(command)
        return setting_argument("scans", section, nargs=-1)(command)

    return decorate


def choice(values: Sequence[str]) -> click.Choice[str]:
    """Give the click type of a fixed set of words."""
    return click.Choice(list(values), case_sensitive=False)
