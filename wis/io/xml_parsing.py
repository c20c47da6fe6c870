"""Parse XML by expat, refuse entities, and give the position of each element in the text.

An XML file can ask its reader to fetch other files, or to expand a few entities to gigabytes. Graph
formats do not need entities, so a file that declares any is refused. No other file is opened.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from wis.base.source import ReadOptions, parsing, read_bytes, shown
from wis.errors import GraphFormatError, echo
from wis.io.labelled_reader import GraphReader

MAX_DEPTH = 200
_BYTES_PER_BYTE = 8  # memory per byte of XML; measured 7
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.\-]*)["']""")
_ENTITY = re.compile(rb"<!\[CDATA\[.*?\]\]>|<!--.*?-->|&([^#;\s&<>]+);", re.DOTALL)
_XML_ENTITIES = frozenset({b"amp", b"lt", b"gt", b"quot", b"apos"})
_START_TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")


class XmlText:
    """An XML file.

    Attributes:
        path: The file.
        text: Its content in UTF-8.
        encoding: The encoding of the file.
        mark: The byte order mark of the file.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        raw = read_bytes(path, options)
        options.check_size(path, _BYTES_PER_BYTE * len(raw), "the graph")
        self.path, self.options = path, options
        self.mark, self.encoding = b"", "utf-8"
        for mark, encoding in _MARKS:
            if raw.startswith(mark):
                self.mark, self.encoding = mark, encoding
                break
        body = raw[len(self.mark) :]
        declared = _DECLARED.match(body)
        if not self.mark and declared is not None:
            self.encoding = declared[1].decode()
        self.text = self._recoded(body)

    def _recoded(self, body: bytes) -> bytes:
        try:
            name = codecs.lookup(self.encoding).name
            text = body.decode(self.encoding)
        except LookupError:
            raise GraphFormatError(
                f"{shown(self.path)}: unknown encoding '{echo(self.encoding)}'; save it in UTF-8"
            ) from None
        except UnicodeError as error:
            raise GraphFormatError(
                f"{shown(self.path)}: damaged, or not in the encoding that it names: "
                f"{echo(str(error), 200)}"
            ) from None
        return body if name in ("utf-8", "ascii") else text.encode()

    def check_table(self, num_rows: int, num_columns: int, num_values: int) -> None:
        """`ReadOptions.check_table` for columns that defaults fill."""
        self.options.check_table(self.path, num_rows, num_columns, num_values)

    def line(self, offset: int) -> str:
        """The file and the line of an offset, for errors."""
        return f"{shown(self.path)} line {self.text.count(bytes([10]), 0, offset) + 1}"

    def end(self, begin: int, end: int) -> int:
        """The offset after an element.

        Args:
            begin: The offset of its start tag.
            end: The offset of expat at the end of the element: that of the end tag, if any.
        """
        found = _START_TAG.match(self.text, begin)
        tag = begin if found is None else found.end()
        if self.text[tag - 2 : tag] == b"/>":
            return tag
        return self.text.index(b">", end) + 1


class XmlReader(GraphReader):
    """Calls `start`, `end` and `characters`, which a format defines, for each element.

    The name of an element is its local name, or ``*`` if its namespace is not that of the root. The
    name of an attribute in a namespace is the namespace, a blank, and its local name.
    """

    def __init__(self, source: XmlText) -> None:
        super().__init__(source.path)
        self.source = source
        self.outer: list[str] = []
        self._namespace: str | None = None
        self._names: dict[str, str] = {}
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.characters
        self.parser.EntityDeclHandler = self._refuse_entity
        self.parser.SkippedEntityHandler = self._refuse_skipped

    @property
    def offset(self) -> int:
        """The offset of the parser in the text."""
        return self.parser.CurrentByteIndex

    @property
    def place(self) -> str:
        """The file and the current line of the parser."""
        return self.source.line(self.offset)

    def parse(self) -> None:
        """Parse the file; raises `GraphFormatError` if it is not well-formed."""
        self._refuse_undeclared()
        with parsing(self.source.path, self.kind):
            try:
                self.parser.Parse(self.source.text, True)
            except expat.ExpatError as error:
                reason = expat.ErrorString(error.code)
                raise self.damaged(f"line {error.lineno}: {reason}") from None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start tag of an element; its parent is the last item of `outer`."""
        raise NotImplementedError

    def end(self, name: str) -> None:
        """Handle the end of an element; its parent is the last item of `outer`."""
        raise NotImplementedError

    def characters(self, text: str) -> None:
        """Handle the text between tags."""

    def _local(self, name: str) -> str:
        local = self._names.get(name)
        if local is None:
            namespace, _, local = name.rpartition(" ")
            if self._namespace is None:
                self._namespace = namespace
            local = local if namespace == self._namespace else "*"
            self._names[name] = local
        return local

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local(name)
        self.start(local, attributes)
        self.outer.append(local)
        if len(self.outer) > MAX_DEPTH:
            raise self.error(f"elements nested more than {MAX_DEPTH} deep")

    def _end(self, name: str) -> None:
        self.outer.pop()
        self.end(self._names[name])

    def _refuse_entity(self, name: str, *_: Any) -> None:
        raise self.error(
            f"declares the entity '{echo(name)}'; entities can fetch files and use up all memory, "
            "so they are refused. Write their texts instead."
        )

    def _refuse_undeclared(self) -> None:
        """Refuse entities of an external DTD, which expat silently drops from attributes."""
        if b"<!DOCTYPE" not in self.source.text or b"<!ENTITY" in self.source.text:
            return
        for found in _ENTITY.finditer(self.source.text):
            if found[1] and found[1] not in _XML_ENTITIES:
                raise self._undeclared(found[1].decode(), self.source.line(found.start()))

    def _refuse_skipped(self, name: str, *_: Any) -> None:
        raise self._undeclared(name, self.place)

    def _undeclared(self, name: str, place: str) -> GraphFormatError:
        return self.error(
            f"the entity &{echo(name)}; is not declared; write its text instead", place
        )
