"""The grammar NAME[:key=value,...], own code by path, and the sentences of refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan import catalogue, errors, spec
from ratiogan.errors import InputError, InputTypeError
from ratiogan.spec import Entry, Spec, parse, resolve

ENTRIES = {
    "normal": Entry("normal", "Gaussian", {"mean": 0, "sd": 1}, {"mean": "centre", "sd": "width"}),
    "plain": Entry("plain", "no parameters"),
}


@pytest.mark.parametrize(
    "text, name, options",
    [
        ("normal", "normal", {}),
        ("normal:mean=0.5,sd=0.8", "normal", {"mean": 0.5, "sd": 0.8}),
        ("least-squares:a=-1,b=1,c=0", "least-squares", {"a": -1, "b": 1, "c": 0}),
        ("bimodal:means=-1.5/1.5,sd=0.7", "bimodal", {"means": (-1.5, 1.5), "sd": 0.7}),
        ("dirac:loss=gan,reg=r1", "dirac", {"loss": "gan", "reg": "r1"}),
        ("glgd:max-steps=1e3", "glgd", {"max_steps": 1000.0}),
        ("  normal : mean = 2 ", "normal ", {"mean": 2}),
        ("0-1:generator=flipped", "0-1", {"generator": "flipped"}),
        ("x:a=inf,b=1e-3,c=-.5", "x", {"a": math.inf, "b": 1e-3, "c": -0.5}),
    ],
)
def test_parse(text, name, options):
    found = parse(text)
    assert found.name.strip() == name.strip() and found.options == options
    for key, value in options.items():
        assert type(found.options[key]) is type(value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", r"'' has no name"),
        (":mean=1", r"has no name. Write NAME or NAME:key=value"),
        ("normal:", r"'' is not key=value"),
        ("normal:mean", r"'mean' is not key=value"),
        ("normal:mean=", r"'mean=' is not key=value"),
        ("normal:=1", r"'=1' is not key=value"),
        ("normal:mean=1,,sd=2", r"'' is not key=value"),
        ("normal:mean=1,mean=2", r"sets mean twice. Keep one"),
    ],
)
def test_what_is_no_spec_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
keys = st.from_regex(r"[a-z][a-z_]{0,5}", fullmatch=True)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False)
values = numbers | names | st.lists(numbers, min_size=2, max_size=4).map(tuple)


@given(names, st.dictionaries(keys, values, max_size=4))
@settings(max_examples=100, deadline=None)
def test_canonical_text_reads_back_as_itself(name, options):
    # Names such as "inf" or "nan" read as numbers, as they should.
    options = {
        k: v for k, v in options.items() if spec.parse_value(str(v)) == v or type(v) is tuple
    }
    text = str(Spec(name, options))
    assert str(parse(text)) == text
    assert parse(text).options == options and parse(text).name == name


@given(st.floats(allow_nan=False) | st.integers(-(10**20), 10**20))
@settings(max_examples=100, deadline=None)
def test_format_number_is_exact_and_short(value):
    text = spec.format_number(value)
    assert float(text) == float(value)
    assert len(text) <= len(repr(float(value)))


def test_format_value_of_every_kind():
    assert spec.format_value((1.0, -0.5)) == "1/-0.5"
    assert spec.format_value([2]) == "2"
    assert spec.format_value("kde") == "kde"
    assert spec.format_value(np.float64(0.25)) == "0.25"
    assert spec.format_value(True) == "True"


def test_resolve_fills_in_defaults_and_lets_arguments_win():
    see = "ratiogan list presets"
    found = resolve("normal:sd=2", ENTRIES, "preset", see)
    assert found == Spec("normal", {"mean": 0, "sd": 2}) and str(found) == "normal:mean=0,sd=2"
    assert resolve("normal:sd=2", ENTRIES, "preset", see, sd=3).options == {"mean": 0, "sd": 3}
    assert resolve(Spec("plain"), ENTRIES, "preset", see) == Spec("plain")
    assert ENTRIES["normal"].defaults == {"mean": 0, "sd": 1}


def test_resolve_names_what_is_near_and_what_is_known():
    with pytest.raises(
        InputError, match=r'^no preset "normla". Nearest: normal. See: list$'
    ) as caught:
        resolve("normla", ENTRIES, "preset", "list")
    assert caught.value.argument == "preset"
    with pytest.raises(InputError, match=r'^no preset "zzz". See: list$'):
        resolve("zzz", ENTRIES, "preset", "list")
    with pytest.raises(InputError, match=r'"normal" has no parameter "scale". Known: mean, sd.'):
        resolve("normal:scale=1", ENTRIES, "preset", "list")
    with pytest.raises(InputError, match=r"Known: none"):
        resolve("plain", ENTRIES, "preset", "list", mean=1)


def test_every_name_of_the_catalogue_reads_back():
    tables = (catalogue.PRESETS, catalogue.GAMES, catalogue.ALGORITHMS)
    for table in tables:
        for entry in table.values():
            full = Spec(entry.name, entry.defaults)
            assert set(entry.help) == set(entry.defaults)
            if () not in entry.defaults.values():  # an empty list has no text
                assert resolve(str(full), table, "name", "list").options == entry.defaults


# --- own code ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, own",
    [
        ("my_gan.py:loss", True),
        ("path/to/my_gan.py:loss", True),
        ("/abs/with space/my_gan.py:loss", True),
        ("my_gan.py", False),
        ("my_gan.py:", False),
        ("my_gan.py:a=1", False),
        ("normal:mean=1", False),
        ("my_gan.pyc:loss", False),
    ],
)
def test_own_code_is_told_from_names(text, own):
    assert spec.is_own_code(text) is own


def test_objects_are_loaded_from_files(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 3\nloss = A()"
    )
    assert spec.load_object(f"{file}:loss").x == 3
    file.write_text("loss = 4  # longer than before, so that it is read again")
    assert spec.load_object(f"{file}:loss") == 4
    other = tmp_path / "sub" / "mine.py"
    other.parent.mkdir()
    other.write_text("loss = 5")
    assert spec.load_object(f"{other}:loss") == 5 and spec.load_object(f"{file}:loss") == 4


def test_what_cannot_be_loaded_says_why(tmp_path):
    with pytest.raises(InputError, match=r"missing.py is not a file. Write path/to/file.py:NAME"):
        spec.load_object(str(tmp_path / "missing.py") + ":loss")
    file = tmp_path / "broken.py"
    file.write_text("1 / 0")
    with pytest.raises(InputError, match=r"failed on import: ZeroDivisionError: division by zero"):
        spec.load_object(f"{file}:loss")
    file.write_text("def (:")
    with pytest.raises(InputError, match=r"failed on import: SyntaxError"):
        spec.load_object(f"{file}:loss")
    file.write_text("losses = 1\n_hidden = 2\n")
    with pytest.raises(InputError, match=r'has no "loss". Nearest: losses'):
        spec.load_object(f"{file}:loss")
    with pytest.raises(InputError, match=r'has no "zz". Define it there'):
        spec.load_object(f"{file}:zz")


# --- errors --------------------------------------------------------------------------------------


def test_an_input_error_is_one_sentence_and_a_fix():
    error = InputError("alpha is -1.", argument="alpha", fix="Pass 0.5.")
    assert str(error) == "alpha is -1. Pass 0.5." and isinstance(error, ValueError)
    assert (error.message, error.argument, error.fix) == ("alpha is -1.", "alpha", "Pass 0.5.")
    assert str(InputError("plain.")) == "plain." and InputError("plain.").fix is None
    assert isinstance(InputTypeError("x"), TypeError)


def test_exit_codes_of_the_command_line():
    for kind, code in (
        (InputError, 2),
        (InputTypeError, 2),
        (errors.SingularMassError, 2),
        (errors.CannotMeasure, 4),
    ):
        assert issubclass(kind, InputError) and kind.exit_code == code and kind.code


def test_nearest_names():
    known = ["minimax", "non-saturating", "least-squares", "logit"]
    assert errors.nearest("non-saturatng", known) == ["non-saturating"]
    assert errors.nearest("squares", known) == ["least-squares"]
    assert errors.nearest("LOGIT", known) == ["logit"]
    assert errors.nearest("", known) == [] and errors.nearest("qqq", known) == []
    assert len(errors.nearest("a", ["aa", "ab", "ac", "ad"])) == 3


@pytest.mark.parametrize("value", ["0.5", 0.5, np.float32(0.5), np.array(0.5)])
def test_check_positive_takes_numbers_in_any_form(value):
    assert errors.check_positive("alpha", value) == 0.5


@pytest.mark.parametrize(
    "check, value, message",
    [
        (errors.check_positive, 0, r"alpha must be above 0, got 0"),
        (errors.check_positive, -1, r"alpha must be above 0, got -1"),
        (errors.check_positive, math.nan, r"alpha must be finite, got nan"),
        (errors.check_positive, "x", r"alpha must be a number, got 'x'"),
        (errors.check_positive, None, r"alpha must be a number, got None"),
        (errors.check_number, math.inf, r"alpha must be finite, got inf"),
        (errors.check_integer, 1.5, r"alpha must be a whole number, got 1.5"),
        (errors.check_integer, "3", r"alpha must be a whole number, got '3'"),
    ],
)
def test_checks_name_the_argument_and_what_came(check, value, message):
    with pytest.raises(InputError, match=message) as caught:
        check("alpha", value)
    assert caught.value.argument == "alpha"


def test_more_checks():
    assert errors.check_integer("n", np.int64(3), minimum=3) == 3
    with pytest.raises(InputError, match=r"n must be at least 1, got 0"):
        errors.check_integer("n", 0, minimum=1)
    assert errors.check_choice("step", "newton", ("newton", "armijo")) == "newton"
    with pytest.raises(
        InputError, match=r"step must be one of newton, armijo, got 'newtn'. Nearest"
    ):
        errors.check_choice("step", "newtn", ("newton", "armijo"))
    with pytest.raises(InputError, match=r"Choose one of newton, armijo"):
        errors.check_choice("step", "qqq", ("newton", "armijo"))
    with pytest.raises(InputError, match=r"Pass alpha=0.5."):
        errors.check_positive("alpha", -1, fix="Pass alpha=0.5.")
