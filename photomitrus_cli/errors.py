"""The errors a user may meet, each with its documented exit code."""

from __future__ import annotations

# Line ends and control characters of broken files would make more lines of a message, or steer a terminal.
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
# Characters of a message; what a file holds in place of a number can be as long as the file.
_LONGEST = 4500


def _one_line(text: str) -> str:
    line = text.translate(_ESCAPES)
    # What is wrong with it stands behind, where it is and how it begins before.
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]}...{line[-half:]}"


def first_line(error: BaseException) -> str:
    """Give the first line of what an error of a library says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class AstromapError(Exception):
    """An expected failure: one clear line and a documented exit code.

    Parameters
    ----------
    message : str
        What is wrong and where (file, line, unit); control characters in it are shown as escapes.
    hint : str, optional
        What to do about it; shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _one_line(message)
        self.hint = hint and _one_line(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the hint, so that errors cross process boundaries whole."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[AstromapError], message: str, hint: str | None) -> AstromapError:
    return kind(message, hint=hint)


class WriteError(AstromapError):
    """A product cannot be written: disk full, read-only folder, output equals an input."""

    exit_code = 1


class ConfigError(AstromapError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class InputError(AstromapError):
    """An input is unreadable or invalid."""

    exit_code = 3


class NoDataError(AstromapError):
    """Nothing usable was selected or is left."""

    exit_code = 4


class OutputExistsError(AstromapError):
    """A product exists and neither ``--overwrite`` nor ``--resume`` was given."""

    exit_code = 5


class PartialError(AstromapError):
    """Some units failed under ``--keep-going``; the products hold the others."""

    exit_code = 6
