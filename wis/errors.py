"""The errors that wis raises on purpose, and how messages show values and numbers.

Each error derives from `WisError` and from the builtin that a caller would expect, and its message
is one line: what was wrong, what was found, what was expected and what to do. The command line
prints that line and exits with `exit_code`; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

_PLURALS = {"vertex": "vertices", "loss": "losses"}
LONGEST_ECHO = 100  # characters of a file or an option that an error line repeats
SHORTEST_SECRET = 4  # characters; a shorter one is hidden only where it is known to be one
_SECRETS = (
    re.compile(r":/+[^/\s:@]*:([^/\s]+)@"),
    re.compile(
        r"[?&][\w.-]*(?:key|token|secret|sig|signature|password)=([^&\s:;,]+)", re.IGNORECASE
    ),
)


def echo(token: object, limit: int = LONGEST_ECHO) -> str:
    """A piece of input as error messages show it: on one line, and never long.

    Args:
        token: The value; a text is shown without quotes, anything else as its `repr`.
        limit: The most characters to show; of a longer value the length is given.
    """
    text = without_secrets(token if isinstance(token, str) else _repr(token))
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: limit + 1])
    if len(text) <= limit and len(printable) <= limit:
        return printable
    shown = printable[: limit - 24]
    return f"{shown}... ({len(text)} characters)"


def without_secrets(text: str, address: str = "") -> str:
    """A text in which the passwords and tokens of its addresses are stars, wherever it has them.

    Secrets are the part between the colon and the @ before a host, as in
    ``sftp://user:secret@host``, and the values of parameters called key, token and the like.

    Args:
        text: The text.
        address: The address that the text is about, whose secrets it may repeat by themselves.
    """
    if ":/" not in (known := f"{text} {address}"):
        return text
    for secret in {found[1] for form in _SECRETS for found in form.finditer(known)}:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    for form in _SECRETS:
        text = form.sub(_starred, text)
    return text


def _starred(found: re.Match[str]) -> str:
    before, after = found.start(1) - found.start(), found.end(1) - found.start()
    return f"{found[0][:before]}***{found[0][after:]}"


def _repr(token: object) -> str:
    try:
        return repr(token)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a deep nesting
        return f"a {type(token).__name__} that is too large to show"


def counted(number: int, noun: str, form: str = "d") -> str:
    """A number and what it counts.

    Args:
        number: The number.
        noun: The noun, in the singular.
        form: How the number is written, such as ``","``.

    >>> counted(1, "edge"), counted(3, "vertex"), counted(1200, "arc", ",")
    ('1 edge', '3 vertices', '1,200 arcs')
    """
    return f"{number:{form}} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun."""
    return _PLURALS.get(noun, f"{noun}s")


class WisError(Exception):
    """Base of every error that wis raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """The message itself (`KeyError` and friends would print its repr), without secrets."""
        return without_secrets(str(self.args[0])) if self.args else ""


class GraphFormatError(WisError, ValueError):
    """A graph, in memory or in a file, is malformed."""


class GraphFileError(WisError, OSError):
    """A file cannot be found, read or written."""


class UnsafePickleError(GraphFormatError):
    """A `.pt` file holds more than tensors and PyG's storage classes."""


class OutputExistsError(WisError, FileExistsError):
    """A file would be overwritten."""


class BusyError(WisError, RuntimeError):
    """Another run is at work on the same output or in the same work folder."""


class OptionError(WisError, ValueError):
    """An option has an impossible value, or two options contradict each other."""

    exit_code: ClassVar[int] = 2


class UnknownNameError(WisError, LookupError):
    """A method, data set, format or engine is not known by that name."""

    exit_code: ClassVar[int] = 2

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """The error for `name`, listing what is known and the closest of it.

        Args:
            kind: What the name was meant to be, such as ``"method"``.
            name: The name that was given.
            known: The names that would have worked.
        """
        names = sorted(known)
        close = difflib.get_close_matches(name[:LONGEST_ECHO], names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return cls(f"unknown {kind} {echo(name)!r}; known: {', '.join(names)}.{hint}")


class OrderMismatchError(WisError, ValueError):
    """A removal order was made for another graph."""


class NotASubgraphError(WisError, ValueError):
    """Two graphs are compared, and the second is not a subgraph of the first."""


class ProtectionError(WisError, ValueError):
    """More edges should go than the protections allow, or a protected pair is not an edge."""


class NotGreedyError(WisError, ValueError):
    """A removal order takes an edge that the greedy rule would not take.

    Attributes:
        step: Position in the order, counted from 0, of the first such edge.
        edge: Its two endpoints.
    """

    def __init__(self, message: str, *, step: int, edge: tuple[int, int]) -> None:
        super().__init__(message)
        self.step = step
        self.edge = edge


class NumericalError(WisError, ArithmeticError):
    """A computation with floats did not reach the accuracy that it promises."""


class DivergedError(WisError, ArithmeticError):
    """A training run came to a loss or to predictions that are not finite.

    Attributes:
        records: The records of the runs that `wis.training.train_many` had finished before it.
    """

    records: Sequence[Any] = ()


class CheckpointError(WisError, ValueError):
    """A checkpoint is damaged, or was written by another run."""


class RecipeError(WisError, ValueError):
    """A recipe of an experiment is malformed."""


class ResultsError(WisError, ValueError):
    """A file of results is damaged, or lacks what was asked of it."""


class MissingDependencyError(WisError, ImportError):
    """An optional package is needed and not installed."""

    @classmethod
    def of(cls, what: str, extra: str) -> MissingDependencyError:
        """The error for an extra that is missing, with a command for either way of installing wis.

        Args:
            what: What needs which package, such as ``"a picture needs matplotlib"``.
            extra: Name of the extra.
        """
        return cls(
            f"{what}: pip install '.[{extra}]' in a checkout of wis, or else "
            f"pip install 'wis-sparsify[{extra}]'"
        )


class PluginError(WisError, ImportError):
    """A plugin cannot be imported (see `wis.base.registry`)."""


class MissingDataError(WisError, FileNotFoundError):
    """Files of a data set are missing and could not be downloaded."""


class ClusterError(WisError, RuntimeError):
    """A cluster cannot be reached, or lost too many of its workers."""
