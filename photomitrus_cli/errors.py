"""The errors a user may meet, each with its documented exit code."""

from __future__ import annotations


class AstromapError(Exception):
    """An expected failure: one clear line and a documented exit code.

    Parameters
    ----------
    message : str
        What is wrong and where (file, line, unit); one line.
    hint : str, optional
        What to do about it; shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

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
