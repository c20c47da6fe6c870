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
CODE = re.compile(r"``(.+?)``|`(.+?)`(?!_)")
LIST_ITEM = re.compile(r"^\s*([-*]|\d+\.)\s")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring, ready for napoleon and reStructuredText."""
    result: list[str] = []
    doctest = literal = False
    in_section = in_list = False
    for line in lines:
        bare = line.strip()
        if not bare:
            doctest = False
            result.append("")
            continue
        indented = line[0] == " "
        if bare.startswith(">>> "):
            doctest = True
        if doctest:
            _open_paragraph(result, line)
            result.append(line)
            continue
        if SECTION.match(line):
            in_section, literal = True, False
        elif not indented:
            in_section = literal = False
            in_list = bool(LIST_ITEM.match(line)) or (in_list and bool(result and result[-1]))
            if LIST_ITEM.match(line):
                _open_paragraph(result, line)
        elif literal or (not in_section and not in_list and result and not result[-1]):
            if not literal:
                result += ["::", ""]
                literal = True
            result.append(line)
            continue
        result.append(escaped(line))
    return result


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


def escaped(line: str) -> str:
    """One line with its code in double backticks and everything else without markup."""
    parts, end = [], 0
    for found in CODE.finditer(line):
        parts.append(_plain(line[end : found.start()]))
        parts.append(f"``{found[1] or found[2]}``")
        end = found.end()
        if line[end : end + 1].isalnum():
            parts.append("\\ ")
    parts.append(_plain(line[end:]))
    return "".join(parts)


def _plain(text: str) -> str:
    text = text.replace("\\", "\\\\")
    text = re.sub(r"(?<!^)(?<!^ {4})([*|`])", r"\\\1", text) if text else text
    text = re.sub(r"^(\s*)([*|`])(?!\s)", r"\1\\\2", text)
    return re.sub(r"(\w)_(?=\W|$)", r"\1\\_", text)
