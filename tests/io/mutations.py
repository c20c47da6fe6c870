"""Ways to spoil a file: its bytes, its words and lines, the members of its archive, its JSON.

Each takes the bytes of a sound file and a `random.Random`, and gives other bytes.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS = [
    *(b"-1", b"0", b"00", b"007", b"+5", b"1_0", b"1e3", b"3.0", b"3.5", b"0x1F", b"-0", b".5"),
    *(b"9" * 18, b"9" * 19, b"9" * 30, b"9" * 5000, b"-" + b"9" * 30, b"1e30", b"1e999", b"-1e999"),
    *(b"nan", b"NaN", b"inf", b"-Infinity", b"None", b"true", b"", b"1 2", b"3000000000"),
    *("٣".encode(), "１".encode(), b"1\x07", b"\x1b[31m", b"7\x0b", b"1\x00", b"\xff", b"\x85"),
    *(b"\xed\xa0\x80", "\u2028".encode(), "é".encode(), b"\xef\xbb\xbf1", b"1\r", b"=1+1", b"@x"),
]
MARKS = [
    *(
        b"-",
        b"9" * 19,
        b"nan",
        b'"',
        b"'",
        b"\n",
        b"\r\n",
        b",",
        b"\t",
        b";",
        b"#",
        b"%",
        b"*",
        b"",
    ),
    *(b"<", b">", b"&", b"</", b"&#0;", b"&#xD800;", b"<!--", b"]]>", b"{", b"}", b"[", b"]"),
    *(b"\\", b"\0", b"\x1b", b"\\ud800"),
]
BLANKS = b" " * 65_536
NESTS = [b"[", b"{", b"(", b"<a>", b'{"a":', b"-", b"a[\n", b"graph [\n"]
_NUMBER = re.compile(rb"[+-]?[0-9][0-9.eE+-]*")
_WORD = re.compile(rb"[A-Za-z_]\w+")


def bytes_changed(raw: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, lost, repeated, or cut off."""
    result = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(result) + 1)
        length = rng.choice([1, 1, 2, 8, 40])
        kind = rng.randrange(6)
        if kind == 0:
            del result[start:]
        elif kind == 1:
            del result[start : start + length]
        elif kind == 2:
            result[start:start] = result[start : start + length]
        elif kind == 3:
            result[start : start + length] = rng.randbytes(length)
        elif kind == 4:
            result[start : start + 1] = rng.choice(MARKS)
        elif result:
            result[start % len(result)] ^= 1 << rng.randrange(8)
    return bytes(result)


def numbers_swapped(raw: bytes, rng: random.Random) -> bytes:
    """One to three numbers become what no number should be."""
    for _ in range(rng.choice([1, 1, 3])):
        found = list(_NUMBER.finditer(raw))
        if not found:
            return raw
        start, end = rng.choice(found).span()
        raw = raw[:start] + rng.choice(NUMBERS) + raw[end:]
    return raw


def words_swapped(raw: bytes, rng: random.Random) -> bytes:
    """A word takes the place of another, or becomes an odd one."""
    found = list(_WORD.finditer(raw))
    if not found:
        return raw
    start, end = rng.choice(found).span()
    other = rng.choice([rng.choice(found)[0], rng.choice(NUMBERS), rng.choice(MARKS), b"x" * 9999])
    return raw[:start] + other + raw[end:]


def lines_changed(raw: bytes, rng: random.Random) -> bytes:
    """Lines repeated, lost, swapped, blown up by blanks, or very many."""
    lines = raw.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(7)
    if kind == 0:
        lines.insert(other, lines[at])
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines[at] += rng.choice([BLANKS, b"\t" * 100, rng.choice(MARKS)])
    elif kind == 4:
        lines.insert(0, rng.choice([BLANKS, b"\n" * 5000, b"\f", b"#", b"%", b"# " + BLANKS]))
    elif kind == 5:
        lines[at:at] = [lines[at]] * 300
    else:
        lines[at] = rng.choice(MARKS).join([lines[at]] * 3)
    return b"\n".join(lines)


def nested(raw: bytes, rng: random.Random) -> bytes:
    """Brackets that open and never close, or as many that do."""
    opening = rng.choice(NESTS)
    depth = rng.choice([30, 500, 3000])
    closing = rng.choice([b"", b"]", b"}", b")", b"</a>", b"\n]"])
    start = rng.choice([0, rng.randrange(len(raw) + 1)])
    return raw[:start] + opening * depth + closing * depth + raw[start:]


def keys_apart(raw: bytes, rng: random.Random) -> bytes:
    """A word that occurs several times is another one each time."""
    found = sorted({word for word in _WORD.findall(raw) if raw.count(word) > 1})
    if not found:
        return raw
    first, *rest = raw.split(rng.choice(found))
    return first + b"".join(b"key%d" % number + part for number, part in enumerate(rest))


TEXT: tuple[Mutator, ...] = (
    bytes_changed,
    bytes_changed,
    numbers_swapped,
    numbers_swapped,
    words_swapped,
    lines_changed,
    nested,
    keys_apart,
)


def odd_array(rng: random.Random, like: np.ndarray) -> np.ndarray:
    """An array of another type, shape or content."""
    codes = np.frombuffer(rng.randbytes(16), dtype="<u4")
    size = like.shape[-1] if like.ndim else 1
    return rng.choice(
        [
            np.array(1.5),
            np.array(rng.choice([-1, 2**31, 2**63 - 1, True, "x", b"y", 1e30, np.nan])),
            np.zeros((0,)),
            np.zeros((2, 0), dtype=int),
            np.zeros(size + 1),
            np.zeros((size, 2, 1), dtype=np.float16),
            np.zeros(size, dtype=rng.choice(["?", ">i4", "u8", "c16", "g", "S3", "M8[s]", "U2"])),
            np.zeros(size, dtype=[("a", "i4"), ("b", "f4")]),
            np.zeros(size, dtype="V3"),
            np.array(["a", "b\n", "\x1b", ""]),
            codes.view("<U4"),
            np.array([{}, None], dtype=object),
            like[..., ::-1] if like.ndim else like,
            like.astype(float) * -1 if like.dtype.kind in "iuf" else like,
            like.astype(np.uint64) + 2**63 if like.dtype.kind in "iu" else like,
            np.asfortranarray(like.T),
            np.repeat(like, 2, axis=-1) if like.ndim else like,
        ]
    )


def arrays_swapped(raw: bytes, rng: random.Random) -> bytes:
    """An array of an archive becomes another, or gets another name, or is lost."""
    with np.load(io.BytesIO(raw)) as archive:
        arrays = dict(archive)
    name = rng.choice(list(arrays))
    kind = rng.randrange(6)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        other = rng.choice(["edge_weight", "name", "x", "adj_t", "num_nodes", "keys", "", "a/../b"])
        arrays[rng.choice([other, "y", "batch", "format", "_store", "é" * 300])] = arrays[name]
    else:
        arrays[name] = odd_array(rng, arrays[name])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def members_changed(raw: bytes, rng: random.Random) -> bytes:
    """The content of a member of an archive is spoilt, and the archive is sound around it."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [(item, archive.read(item)) for item in archive.infolist()]
    at = rng.randrange(len(members))
    item, content = members[at]
    kind = rng.randrange(8)
    if kind == 0:
        members.append((item, content))
    elif kind == 1:
        del members[at]
    elif kind == 2:
        members[at] = (
            zipfile.ZipInfo(rng.choice(["../a.npy", "a\n.npy", "a", "b" * 999])),
            content,
        )
    elif kind == 3:
        members[at] = (item, numbers_swapped(content[:200], rng) + content[200:])
    else:
        members[at] = (item, bytes_changed(content, rng))
    return zipped(members)


def zipped(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """An archive of members, repeats among them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for item, content in members:
            with archive.open(zipfile.ZipInfo(item.filename), "w") as member:
                member.write(content)
    return buffer.getvalue()


JSON_VALUES: list[Any] = [
    *(None, True, -1, 0, 1.5, 1e30, float("nan"), float("inf"), 10**30, 10**400, "", "x", "\ud800"),
    *("x" * 9999, [], [[]], [[0]], {}, {"subset": [0]}, {"a": {"b": [1]}}, "\x1b[31m\n", [None]),
]


def json_changed(raw: bytes, rng: random.Random) -> bytes:
    """A value somewhere in a JSON text becomes another, gets lost, or gets another key."""
    tree = [json.loads(raw)]
    parent: Any = tree
    key: Any = 0
    while isinstance(parent[key], (list, dict)) and parent[key] and rng.random() < 0.8:
        parent = parent[key]
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
    kind = rng.randrange(6)
    if kind == 0 and parent is not tree:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[rng.choice(["subset", "target", "\ud800", "x" * 500, ""])] = parent.pop(key)
    else:
        parent[key] = rng.choice(JSON_VALUES)
    return json.dumps(tree[0]).encode()


def header_changed(raw: bytes, rng: random.Random) -> bytes:
    """The JSON header of an order file is spoilt."""
    with np.load(io.BytesIO(raw)) as archive:
        header, edges = archive["header"].tobytes(), archive["edges"]
    changed = rng.choice([json_changed, json_changed, json_changed, numbers_swapped, nested])
    buffer = io.BytesIO()
    np.savez(buffer, header=np.frombuffer(changed(header, rng), np.uint8), edges=edges)
    return buffer.getvalue()


def columns_changed(raw: bytes, rng: random.Random) -> bytes:
    """A column of a Parquet table becomes another, or gets another name."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(raw))
    rows, at = table.num_rows, rng.randrange(table.num_columns)
    columns = [
        pa.array([None] * rows),
        pa.array([rng.choice([1, None, -1, 2**62]) for _ in range(rows)]),
        pa.array([rng.choice([0.5, float("nan"), 3.0, 1e30]) for _ in range(rows)]),
        pa.array([rng.choice(["a", "", "7", "\n", "x" * 9999]) for _ in range(rows)]),
        pa.array([b"\xff"] * rows),
        pa.array([[1]] * rows),
        pa.array([{"a": 1}] * rows),
        pa.array(["a"] * rows).dictionary_encode(),
        pa.array([True] * rows),
        pa.array([2**64 - 1] * rows, pa.uint64()),
        pa.array([0] * rows, pa.timestamp("s")),
        pa.array([1] * rows, pa.decimal128(5)),
    ]
    name = rng.choice(
        [table.column_names[at], "source", "weight", "", "é\n", "edge_index", "k" * 999]
    )
    kind = rng.randrange(4)
    if kind == 0:
        table = table.append_column(name, rng.choice(columns))
    elif kind == 1:
        table = table.remove_column(at)
    elif kind == 2:
        stated = rng.choice(NUMBERS)
        table = table.replace_schema_metadata({b"num_nodes": stated, b"pandas": b"{"})
    else:
        table = table.set_column(at, name, rng.choice(columns))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()
