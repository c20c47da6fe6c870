"""Which texts are integer ids: the same answer for one text and for any kind of column."""

import numpy as np
import pytest

from wis.base.tables import integer_id, integer_ids, is_integer_id

INTEGERS = {
    "0": 0, "7": 7, "-7": -7, "10": 10, "3.0": 3, "0.0": 0, "-3.0": -3,
    "9007199254740991.0": 2**53 - 1,
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63),
}  # fmt: skip
TEXTS = [
    "007", "00", "-007", "-0", "-0.0", "1_0", "1e3", "1E3", "+5", " 5", "5 ", "\t5", "5\n", "\n5",
    "5\u00a0", "٣", "３", "²", "0x1F", "0b1", "3.", ".0", "3.00", "3.5", "03.0", "1,000", "--1",
    "- 1", "nan", "inf", "", " ", "x", "1\u200b",
]  # fmt: skip
TOO_LARGE = ["9223372036854775808", "-9223372036854775809", "9" * 30, "9" * 5000]
INEXACT = ["9007199254740992.0", "-9007199254740992.0", "9223372036854775807.0"]


def _kinds():
    """Columns of texts, by the kind of column."""
    import pyarrow as pa

    return {
        "list": list,
        "numpy": np.array,
        "objects": lambda texts: np.array(texts, dtype=object),
        "string": lambda texts: pa.array(texts, pa.string()),
        "large": lambda texts: pa.array(texts, pa.large_string()),
        "chunks": lambda texts: pa.chunked_array([texts[:1], texts[1:]], pa.string()),
        "dictionary": lambda texts: pa.array(texts, pa.string()).dictionary_encode(),
    }


def test_an_integer_id_is_its_own_canonical_spelling():
    assert {text: integer_id(text) for text in INTEGERS} == INTEGERS
    assert all(map(is_integer_id, [*INTEGERS, *TOO_LARGE, *INEXACT]))
    assert not [text for text in TEXTS if is_integer_id(text) or integer_id(text) is not None]
    assert not [text for text in TOO_LARGE + INEXACT if integer_id(text) is not None]


@pytest.mark.parametrize("kind", _kinds())
def test_columns_of_all_kinds_agree_with_single_texts(kind):
    column = _kinds()[kind]
    values = integer_ids(column(list(INTEGERS)))
    assert values.dtype == np.int64
    assert values.tolist() == list(INTEGERS.values())
    for text in TEXTS + TOO_LARGE + INEXACT:
        assert integer_ids(column(["1", text])) is None, text
    assert integer_ids(column([])[:0] if kind == "chunks" else column(["1"][:0])).size == 0


def test_a_missing_text_is_no_integer():
    import pyarrow as pa

    for column in (["1", None], np.array(["1", None], dtype=object), pa.array(["1", None])):
        assert integer_ids(column) is None
