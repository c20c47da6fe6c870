"""What the tests see of a log, in place of pytest's plugin.

The plugin adds its handlers to every logger of every package, and removes them, three times a test.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


class Log(logging.Handler):
    """Holds each record that reaches the root; its names are those of pytest's `caplog`."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self.before: dict[logging.Logger, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))

    @property
    def text(self) -> str:
        return "".join(f"{message}\n" for message in self.messages)

    def clear(self) -> None:
        self.messages.clear()

    def set_level(self, level: int | str, logger: str | None = None) -> None:
        """Set the level of a logger until the end of the test."""
        named = logging.getLogger(logger)
        self.before.setdefault(named, named.level)
        named.setLevel(level)

    @contextlib.contextmanager
    def at_level(self, level: int | str, logger: str | None = None) -> Iterator[None]:
        """Set the level of a logger meanwhile."""
        named = logging.getLogger(logger)
        before = named.level
        named.setLevel(level)
        try:
            yield
        finally:
            named.setLevel(before)


@contextlib.contextmanager
def log_of_a_test() -> Iterator[Log]:
    """A handler of the root logger meanwhile."""
    log = Log()
    logging.getLogger().addHandler(log)
    try:
        yield log
    finally:
        logging.getLogger().removeHandler(log)
        for named, level in log.before.items():
            named.setLevel(level)
