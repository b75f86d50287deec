"""The grammar NAME[:key=value[,key=value...]] of sources, games, algorithms and their parameters.

One parser and one error message for everything a user can name: lists inside a value are separated
by ``/``, numbers stay numbers, and an unknown name or key is answered with the nearest known ones.
"""

import importlib.util
import math
import os
import sys
from dataclasses import dataclass, field

from ratiogan.errors import InputError, nearest

USER_MODULE = "ratiogan_user_"  # how the modules begin that a user's files become


@dataclass(frozen=True)
class Entry:
    """One name a user can type: its parameters with their defaults, and a line on each."""

    name: str
    summary: str
    defaults: dict = field(default_factory=dict)
    help: dict = field(default_factory=dict)
    also: tuple = ()  # other names in use, which are answered with this one


@dataclass(frozen=True)
class Spec:
    """A name and its options; ``str(spec)`` is the canonical text."""

    name: str
    options: dict = field(default_factory=dict)

    def __str__(self):
        if not self.options:
            return self.name
        body = ",".join(f"{key}={format_value(value)}" for key, value in self.options.items())
        return f"{self.name}:{body}"


def parse(text):
    """Read NAME[:key=value,...].

    Examples
    --------
    >>> parse("bimodal:means=-1.5/1.5,sd=0.7")
    Spec(name='bimodal', options={'means': (-1.5, 1.5), 'sd': 0.7})
    >>> str(parse("least-squares:a=-1,b=1,c=0"))
    'least-squares:a=-1,b=1,c=0'
    """
    name, colon, body = str(text).strip().partition(":")
    if not name:
        raise InputError(f"{text!r} has no name.", fix="Write NAME or NAME:key=value,key=value.")
    options = {}
    if colon:
        for part in body.split(","):
            key, equals, value = part.partition("=")
            key = key.strip().replace("-", "_")
            if not (key and equals and value.strip()):
                raise InputError(
                    f"{text!r}: {part!r} is not key=value.", fix="Write NAME:key=value,key=value."
                )
            if key in options:
                raise InputError(f"{text!r} sets {key} twice.", fix="Keep one of the two.")
            options[key] = parse_value(value.strip())
    return Spec(name, options)


def resolve(text, entries, kind, see, **overrides):
    """Read a spec and fill in the defaults of its entry; `overrides` win over both.

    Raises
    ------
    InputError
        If the name or a key is unknown: with the nearest names, or the known keys.
    """
    spec = text if isinstance(text, Spec) else parse(text)
    if spec.name not in entries:
        known_as = [entry.name for entry in entries.values() if spec.name.lower() in entry.also]
        near = known_as or nearest(spec.name, entries)
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise InputError(
            f'no {kind} "{spec.name}".', argument=kind.replace("-", "_"), fix=f"{hint}See: {see}"
        )
    defaults = entries[spec.name].defaults
    given = {**spec.options, **overrides}
    for key in given:
        if key not in defaults:
            known = ", ".join(defaults) if defaults else "none"
            raise InputError(
                f'{kind} "{spec.name}" has no parameter "{key}".',
                argument=kind.replace("-", "_"),
                fix=f"Known: {known}.",
            )
    return Spec(spec.name, {**defaults, **given})


def parse_value(text):
    """A number if it reads as one, a tuple if it has slashes, else the text itself."""
    if "/" in text:
        return tuple(parse_value(item) for item in text.split("/"))
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def format_number(value):
    """The shortest text that reads back as `value`.

    Examples
    --------
    >>> [format_number(x) for x in (1.0, 0.7, -4, 1e-10, float("inf"))]
    ['1', '0.7', '-4', '1e-10', 'inf']
    """
    number = float(value)
    if math.isfinite(number) and number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


def format_value(value):
    """A value as `parse_value` reads it."""
    if isinstance(value, (tuple, list)):
        return "/".join(format_value(item) for item in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_number(value)
    return str(value)


def is_own_code(text):
    """Whether `text` names an object in a Python file: ``path/to/file.py:NAME``."""
    path, colon, name = str(text).rpartition(":")
    return bool(colon) and path.endswith(".py") and name.isidentifier()


def load_object(text):
    """Load the object named by ``path/to/file.py:NAME``.

    Raises
    ------
    InputError
        If the file is missing, fails on import or has no such name.
    """
    path, _, name = str(text).rpartition(":")
    if not os.path.isfile(path):
        raise InputError(f"{path} is not a file.", fix="Write path/to/file.py:NAME.")
    module_spec = importlib.util.spec_from_file_location(
        f"{USER_MODULE}{abs(hash(os.path.abspath(path)))}", path
    )
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_spec.name] = module
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{path} failed on import: {type(error).__name__}: {error}.",
            fix="Run it with python first.",
        ) from error
    if not hasattr(module, name):
        near = nearest(name, [known for known in vars(module) if not known.startswith("_")])
        hint = f"Nearest: {', '.join(near)}." if near else "Define it there."
        raise InputError(f'{path} has no "{name}".', fix=hint)
    return getattr(module, name)
