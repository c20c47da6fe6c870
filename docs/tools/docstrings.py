"""Docstrings as reStructuredText: code in single backticks, examples and indented blocks verbatim.

The docstrings of wis are plain text for readers of the source. Characters that mean something to
reStructuredText (``*``, ``|``, a trailing underscore) are escaped, so that no docstring can break
the build.
"""

from __future__ import annotations

import re

SECTION = re.compile(
    r"^(Args|Arguments|Attributes|Returns|Raises|Yields|References|Note|Notes|Example|Examples):$"
)
MARKUP = re.compile(
    r"``(.+?)``|`(.+?)`(?!_)|(?<![\w*])(\*\*?[^\s*](?:[^*\n]*[^\s*])?\*\*?)(?![\w*])", re.S
)
LIST_ITEM = re.compile(r"^\s*([-*]|\d+\.)\s")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring, ready for napoleon and reStructuredText."""
    result: list[str] = []
    text: list[str] = []  # lines of the paragraph so far, in which code may go over a line's end
    doctest = literal = False
    in_section = in_list = False
    for line in lines:
        bare = line.strip()
        doctest = bool(bare) and (doctest or bare.startswith(">>> "))
        starts_item = bool(LIST_ITEM.match(line))
        if not bare or doctest or starts_item or SECTION.match(line):
            _close(text, result)
        if not bare:
            result.append("")
        elif doctest:
            _open_paragraph(result, line)
            result.append(line)
        elif SECTION.match(line):
            in_section, literal = True, False
            result.append(line)
        elif line[0] != " ":
            in_section = literal = False
            in_list = starts_item or (in_list and bool(text))
            if starts_item:
                _open_paragraph(result, line)
            text.append(line)
        elif literal or (not in_section and not in_list and not text):
            result += [line] if literal else ["::", "", line]
            literal = True
        else:
            text.append(line)
    _close(text, result)
    return result


def _close(text: list[str], result: list[str]) -> None:
    """Move a paragraph to the result."""
    if text:
        result += escaped("\n".join(text)).split("\n")
        text.clear()


def _open_paragraph(result: list[str], line: str) -> None:
    """Put an empty line before a list or an example that follows text directly."""
    if result and result[-1].strip():
        before = result[-1].strip()
        same = before.startswith((">>>", "...")) or LIST_ITEM.match(line)
        if line.strip().startswith(">>>") and not before.startswith((">>>", "...")):
            if not _inside_doctest(result):
                result.append("")
        elif not same or (LIST_ITEM.match(line) and not _inside_list(result)):
            result.append("")


def _inside_doctest(result: list[str]) -> bool:
    """Whether the last paragraph is an example: an output line may stand between prompts."""
    for line in reversed(result):
        if not line.strip():
            return False
        if line.strip().startswith(">>>"):
            return True
    return False


def _inside_list(result: list[str]) -> bool:
    """Whether the last paragraph begins with a list item."""
    for line in reversed(result):
        if not line.strip():
            return False
        if LIST_ITEM.match(line):
            return True
    return False


def escaped(text: str) -> str:
    """A paragraph with its code in double backticks, and no markup but emphasis."""
    parts, end = [], 0
    for found in MARKUP.finditer(text):
        parts.append(_plain(text[end : found.start()]))
        parts.append(found[3] or f"``{found[1] or found[2]}``")
        end = found.end()
        if text[end : end + 1].isalnum():
            parts.append("\\ ")
    parts.append(_plain(text[end:]))
    return "".join(parts)


def _plain(text: str) -> str:
    """Text without markup; a star or dash that opens a list item stays."""
    text = text.replace("\\", "\\\\")
    text = re.sub(r"(?<!^)([*|`])", r"\\\1", text, flags=re.M)
    text = re.sub(r"^([*|`])(?!\s)", r"\\\1", text, flags=re.M)
    return re.sub(r"(\w)_(?=\W|$)", r"\1\\_", text)
