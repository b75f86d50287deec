"""Games of few parameters as vector fields: simulate them, and ask whether they are stable.

``ratiogan dynamics`` is `simulate`, ``ratiogan stability`` is `stability`.
"""

import importlib

# Public name -> the module that defines it.
_PUBLIC = {
    "Dynamics": "records",
    "Field": "vector_field",
    "Foresight": "foresight",
    "Stability": "records",
    "Trajectory": "records",
    "bilinear": "fields",
    "dirac": "fields",
    "field": "fields",
    "foresighted": "foresight",
    "linear_pair": "fields",
    "linear_quadratic": "fields",
    "matrix_game": "fields",
    "nonparametric": "grid_game",
    "rock_paper_scissors": "matrix_games",
    "save": "saving",
    "simulate": "integrators",
    "simulate_batch": "integrators",
    "simulate_several": "integrators",
    "stability": "assessment",
    "uniform_wgan": "fields",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ratiogan.dynamics' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ratiogan.dynamics.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_PUBLIC])
