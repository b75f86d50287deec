"""Tables, numbers and strict JSON."""

import enum
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan import text


class Colour(enum.Enum):
    RED = "red"


def test_jsonable_takes_every_kind_of_value_a_result_holds():
    value = {
        "number": np.float64(0.5),
        "count": np.int64(3),
        "flag": np.bool_(True),
        "array": np.array([[1, 2], [3, 4]]),
        "tuple": (1, None, "a"),
        "enum": Colour.RED,
        "path": pathlib.PurePosixPath("a/b"),
        7: "key",
    }
    assert text.jsonable(value) == {
        "number": 0.5,
        "count": 3,
        "flag": True,
        "array": [[1, 2], [3, 4]],
        "tuple": [1, None, "a"],
        "enum": "red",
        "path": "a/b",
        "7": "key",
    }


def test_jsonable_keeps_infinities_apart_from_nan():
    assert text.jsonable([float("nan"), np.float64("nan")]) == [None, None]
    assert text.jsonable(np.array([np.inf, -np.inf])) == [
        {"value": None, "infinite": True},
        {"value": None, "infinite": True, "sign": -1},
    ]


numbers = st.floats() | st.integers() | st.booleans() | st.none() | st.text()
nested = st.recursive(
    numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@given(nested)
@settings(max_examples=50, deadline=None)
def test_jsonable_is_strict_json_whatever_comes(value):
    json.dumps(text.jsonable(value), allow_nan=False)


def test_jsonable_refuses_what_has_no_json_form():
    with pytest.raises(TypeError, match="object has no JSON form"):
        text.jsonable(object())


@given(st.floats(1e-8, 1e8), st.floats(1e-16, 1e3))
@settings(max_examples=50, deadline=None)
def test_resolved_shows_the_difference_in_four_to_ten_digits(value, difference):
    shown = text.resolved(value, difference)
    # The first digit of the difference is the last one shown, within nine decimals.
    assert abs(float(shown) - value) <= 0.5001 * max(difference, 1e-9, 1e-9 * value)
    digits = shown.split("e")[0].replace(".", "").lstrip("0")
    assert 4 <= len(digits) <= 10


@given(st.floats(1e-3, 9e5))
@settings(max_examples=50, deadline=None)
def test_significant_is_three_digits_of_the_number(value):
    assert float(text.significant(value)) == pytest.approx(value, rel=0.0051)
    assert "e" not in text.significant(value)


def test_table_is_as_wide_as_its_cells_and_has_no_trailing_blanks():
    lines = text.table(["a", "long heading"], [["wide cell", "1"]], align="<>", gap=2).split("\n")
    assert lines == ["a          long heading", "wide cell             1"]
    assert text.table(["a"], [], widths=[5]) == "a"


def test_markdown_cells_escape_the_bar():
    assert "max\\|R-1\\|" in text.markdown_table(["max|R-1|"], [["1"]])


def test_wrap_never_breaks_a_spec():
    spec = "least-squares:a=-1,b=1,c=0"
    assert spec in text.wrap("x " * 50 + spec + " y" * 50, 40)
