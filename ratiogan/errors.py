"""Exceptions and input checks: one clear sentence each, with the fix.

Every refusal of ratiogan is an `InputError`: it names the argument, says what was expected and what
came, and offers a fix. The command line prints it and exits with `exit_code`.
"""

import difflib
import math
import operator


class InputError(ValueError):
    """An argument or a file that cannot be used.

    Parameters
    ----------
    message : str
        What was expected and what came, as one sentence.
    argument : str, optional
        Name of the argument at fault, as a Python keyword (``max_steps``).
    fix : str, optional
        What to do about it.

    Examples
    --------
    >>> str(InputError("alpha must be positive, got -1.", argument="alpha", fix="Pass alpha=0.5."))
    'alpha must be positive, got -1. Pass alpha=0.5.'
    """

    exit_code = 2
    code = "usage"

    def __init__(self, message, *, argument=None, fix=None):
        super().__init__(message if fix is None else f"{message} {fix}")
        self.message = message
        self.argument = argument
        self.fix = fix


class InputTypeError(InputError, TypeError):
    """An argument of a type that cannot be used."""


class SingularMassError(InputError):
    """Generator mass where the reference has none: R is not a density ratio there."""

    code = "singular-mass"


class CannotMeasure(InputError):
    """A question the data cannot answer: no rows, all NaN, too few samples."""

    exit_code = 4
    code = "cannot-measure"


def nearest(name, names):
    """Names that look like `name`, best first, at most three.

    Examples
    --------
    >>> nearest("non-saturatng", ["minimax", "non-saturating"])
    ['non-saturating']
    """
    names = list(names)
    text = str(name).lower()
    close = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    inside = [known for known in names if text and (text in known or known in text)]
    return list(dict.fromkeys(close + inside))[:3]


def check_choice(name, value, choices):
    """Return `value` if it is one of `choices`, else refuse it and say which names are near."""
    if value in choices:
        return value
    near = nearest(value, choices)
    fix = f"Nearest: {', '.join(near)}." if near else f"Choose one of {', '.join(choices)}."
    raise InputError(
        f"{name} must be one of {', '.join(choices)}, got {value!r}.", argument=name, fix=fix
    )


def check_number(name, value):
    """Return `value` as a finite float, else refuse it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputTypeError(f"{name} must be a number, got {value!r}.", argument=name) from None
    if not math.isfinite(number):
        raise InputError(f"{name} must be finite, got {value!r}.", argument=name)
    return number


def check_positive(name, value, fix=None):
    """Return `value` as a finite float above 0, else refuse it.

    Examples
    --------
    >>> check_positive("alpha", "0.5")
    0.5
    """
    number = check_number(name, value)
    if number <= 0:
        raise InputError(f"{name} must be above 0, got {number:g}.", argument=name, fix=fix)
    return number


def check_not_negative(name, value):
    """Return `value` as a finite float that is at least 0.

    Raises
    ------
    InputError
    """
    number = check_number(name, value)
    if number < 0:
        raise InputError(f"{name} must be at least 0, got {number:g}.", argument=name)
    return number


def check_fraction(name, value):
    """Return `value` as a float between 0 and 1, both excluded.

    Examples
    --------
    >>> check_fraction("level", 0.95)
    0.95
    """
    number = check_number(name, value)
    if not 0 < number < 1:
        raise InputError(
            f"{name} must lie between 0 and 1, got {value}.",
            argument=name,
            fix="Write for instance 0.95.",
        )
    return number


def check_integer(name, value, minimum=None):
    """Return `value` as an int, at least `minimum`, else refuse it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InputTypeError(
            f"{name} must be a whole number, got {value!r}.", argument=name
        ) from None
    if minimum is not None and number < minimum:
        raise InputError(f"{name} must be at least {minimum}, got {number}.", argument=name)
    return number
