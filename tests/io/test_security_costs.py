"""A `.pt` file costs no more than it should, and its container holds what it says.

Tried: lengths that are not there; nesting, sharing and cycles; long names; repeated numbers;
archives with members that overlap, are compressed, missing or elsewhere; changed bytes.
"""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
import warnings

import pickles
import pytest
import torch
from pickles import (
    ARCS,
    Named,
    Raw,
    Stored,
    accepted,
    data,
    refusal,
    tensor,
)
from torch_geometric.data import Data

from wis.base import unpickle
from wis.errors import GraphFormatError, UnsafePickleError

RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


def text(length, head=b"X<I"):
    return head[:1] + struct.pack(head[1:].decode(), length)


def doubled(times, first=b"](K\x01K\x02e"):
    """A list of two, of which the next holds two, and so on."""
    return first + b"".join(b"q\x01](h\x01h\x01e" for _ in range(times))


def nested(count, opening, closing):
    return b"\x80\x02" + opening * count + b"N" + closing * count + b"."


BOMBS = {
    "a long text that is not there": b"\x80\x02" + text(2**32 - 1) + b"x.",
    "a longer text that is not there": b"\x80\x04" + text(2**62, b"\x8d<Q") + b"x.",
    "bytes that are not there": b"\x80\x04" + text(2**62, b"\x8e<Q") + b"x.",
    "an array of bytes that is not there": b"\x80\x05" + text(2**62, b"\x96<Q") + b"x.",
    "a long integer": b"\x80\x02" + text(2**31 - 1, b"\x8b<I") + b"\1.",
    "an integer in digits": b"\x80\x02L" + b"9" * 100_000 + b"L\n.",
    "a frame that is not there": b"\x80\x04" + text(2**62, b"\x95<Q"),
    "a large place in the memo": b"\x80\x02Nr\xff\xff\xff\xffj\xff\xff\xff\xfe.",
    "tuples in tuples": nested(50_000, b"", b"\x85"),
    "lists in lists": nested(50_000, b"]", b"a"),
    "a key that is nested": b"\x80\x02}N" + b"\x85" * 50_000 + b"Ns.",
    "a member that is nested": b"\x80\x04\x8f(N" + b"\x85" * 50_000 + b"\x90.",
    "calls in calls": b"\x80\x02" + b"cbuiltins\nset\n(" * 5000 + b"tR" * 5000 + b".",
    "marks": b"\x80\x02" + b"(" * 50_000 + b".",
    "lists that double": b"\x80\x02" + doubled(64) + b".",
    "a text in every place": b"\x80\x02"
    + text(2**20)
    + b"x" * 2**20
    + b"q\1]("
    + b"h\1" * 9**5
    + b"e.",
    "bytes made often": b"\x80\x02"
    + b"X\0\0\x10\0"
    + b"x" * 2**20
    + b"q\1X\6\0\0\0latin1q\2c_codecs\nencode\nq\3](q\4"
    + b"h\3h\1h\2\x86R" * 5000
    + b"e.",
    "a list in itself": b"\x80\x02]q\1h\1a.",
    "a dictionary in itself": b"\x80\x02}q\1K\1h\1s.",
    "an object in itself": pickles.pickled(data({"x": Raw(b"]q\1h\1a")})),
    "an extension": b"\x80\x02\x82\x01.",
    "a buffer outside": b"\x80\x05\x97.",
    "a text for an id": b"\x80\x02P0\n.",
    "an id that is none": b"\x80\x02K\1Q.",
    "nothing": b"",
    "no end": b"\x80\x02K\1",
    "no value": b"\x80\x02.",
    "more than is there": b"\x80\x02\x85.",
    "an incomplete number": b"\x80\x02J\0",
    "half a name": b"\x80\x02ctorch",
    "no name": b"\x80\x04K\1K\2\x93.",
    "a state for a number": b"\x80\x02K\1}b.",
    "a call of a number": b"\x80\x02K\1)R.",
    "an entry of a number": b"\x80\x02K\1K\2K\3s.",
    "an entry without a value": b"\x80\x02}(K\1u.",
    "half a character": b"\x80\x02X\3\0\0\0\xed\xa0\x80.",
    "a protocol of the future": b"\x80\xff\xff.",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_pickle_that_costs_much_or_makes_no_sense_is_refused_at_little_cost(kind):
    content = BOMBS[kind]
    start = time.process_time()
    tracemalloc.start()
    try:
        refusal(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6 + 150 * len(content)
    assert time.process_time() - start < 20


def test_a_long_name_is_refused_before_it_is_read():
    class Counted(io.BytesIO):
        count = 0

        def read(self, size=-1):
            got = super().read(size)
            self.count += len(got)
            return got

        def readline(self, size=-1):
            got = super().readline(size)
            self.count += len(got)
            return got

    for raw in (b"c" + b"a" * 10**7 + b"\nx\n.", b"cos\n" + b"a" * 10**7 + b"\n."):
        file = Counted(pickles.in_a_row(b"\x80\x02" + raw))
        with pytest.raises(UnsafePickleError, match=r"needs \S{50,300}") as caught:
            unpickle.load(file)
        assert len(str(caught.value)) < 400
        assert file.count < 10_000
    assert "aaa..." in refusal(b"\x80\x04" + pickles.opcodes("a" * 10**6) * 2 + b"\x93.")


def test_a_column_of_one_number_is_read_and_a_billion_of_them_are_not():
    one = Stored("1", 16, Named("torch", "FloatStorage"))
    column = accepted(tensor(one, 0, (1_000_000, 3), (0, 0)))
    assert column.shape == (1_000_000, 3)
    assert "over 32 times its size" in refusal(tensor(one, 0, (10**9, 3), (0, 0)))
    shared = pickles.opcodes(tensor(one, 0, (10**7, 3), (0, 0))) + b"q\1](" + b"h\1" * 50 + b"e."
    assert "over 32 times its size" in refusal(b"\x80\x02" + shared)


def test_reading_takes_what_it_may():
    file = io.BytesIO()
    torch.save(torch.zeros(1000, 1000), file)
    assert unpickle.load(file, limit=5_000_000).shape == (1000, 1000)
    with pytest.raises(GraphFormatError, match=r"reading may take 2\.9 MiB; .*--max-memory"):
        unpickle.load(file, limit=3_000_000)
    assert "needs more memory than allowed" in refusal(
        b"\x80\x02" + b"]" * 20_000 + b".", limit=10**6
    )


# Archives -----------------------------------------------------------------------------------------


def damaged(content):
    with pytest.raises(
        GraphFormatError, match=r"damaged, or not a file of torch\.save: "
    ) as caught:
        unpickle.load(io.BytesIO(content))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole(**options):
    file = io.BytesIO()
    torch.save(torch.arange(4), file, **options)
    return file.getvalue()


def test_a_changed_number_is_noticed():
    raw = whole()
    place = raw.index(struct.pack("<4q", *range(4)))
    changed = raw[:place] + b"\1" + raw[place + 1 :]
    assert "the checksum of 'data/0' does not match" in damaged(changed)


def test_an_archive_holds_one_pickle_and_plain_members():
    import zipfile

    raw = pickles.pickled(tensor())
    assert accepted(tensor()) is not None

    def packed(members, **options):
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(buffer, "w", **options) as archive:
                for name, content in members:
                    archive.writestr(name, content)
        return buffer.getvalue()

    files = [("a/data.pkl", raw), ("a/data/0", ARCS)]
    assert unpickle.load(io.BytesIO(packed(files))).shape == (2, 2)
    assert "compressed" in damaged(packed(files, compression=zipfile.ZIP_DEFLATED))
    assert "overlap" in damaged(packed([*files, ("a/data/0", ARCS)]))
    assert "several pickles" in damaged(packed([*files, ("b/data.pkl", raw)]))
    assert "lacks 'data.pkl'" in damaged(packed([("data.pkl", raw)]))
    assert "TorchScript" in damaged(packed([*files, ("a/constants.pkl", raw)]))
    assert "byte order" in damaged(packed([*files, ("a/byteorder", b"middle")]))


def test_members_that_claim_more_than_the_file_holds_are_refused():
    raw = bytearray(pickles.zipped(pickles.pickled(tensor()), {"0": ARCS}))
    entry = raw.rindex(b"PK\1\2")
    raw[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    assert "overlap" in damaged(bytes(raw))
    raw[entry + 20 : entry + 28] = struct.pack("<II", 100, 100)
    assert "checksum" in damaged(bytes(raw))
    raw[entry + 42 : entry + 46] = struct.pack("<I", 2**31)
    assert "not that of a zip archive" in damaged(bytes(raw))
    raw[entry + 42 : entry + 46] = struct.pack("<I", 7)
    raw[entry + 20 : entry + 28] = struct.pack("<II", 32, 32)
    assert "is not at the position in its directory" in damaged(bytes(raw))


def test_a_row_of_pickles_holds_the_storages_that_it_lists():
    raw = pickles.pickled(tensor())
    assert unpickle.load(io.BytesIO(pickles.in_a_row(raw, {"0": (4, ARCS)}))).shape == (2, 2)
    assert "list of storages" in damaged(pickles.in_a_row(raw))
    assert "list of storages" in damaged(pickles.in_a_row(raw, {"0": (4, ARCS), "1": (4, ARCS)}))
    assert "size of a tensor's storage" in damaged(pickles.in_a_row(raw, {"0": (3, ARCS)}))
    assert "too early" in damaged(pickles.in_a_row(raw, {"0": (4, ARCS[:-1])}))
    huge = pickles.pickled(tensor(Stored("0", 2**60), 0, (2,), (1,)))
    assert "too early" in damaged(pickles.in_a_row(huge, {"0": (2**60, ARCS)}))
    for length in range(0, len(whole(_use_new_zipfile_serialization=False)), 7):
        damaged(whole(_use_new_zipfile_serialization=False)[:length])


def test_other_files_are_told_from_damaged_ones():
    assert "does not begin like a file of torch.save" in damaged(b"0 1\n1 2\n")
    assert "does not begin like a file of torch.save" in damaged(pickle.dumps([1, 2]))
    assert "is a plain pickle" in damaged(pickle.dumps(Data(edge_index=RING)))
