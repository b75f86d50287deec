"""The same counts, sweeps and grids on the workers of a Dask cluster (extra ``ratiogan[dask]``).

`ratiogan.glgd`, `conditional`, `compare`, `count` and `diagnose` take a `scheduler`; what they then
call is here. Names are loaded when first used, and Dask when a scheduler is asked for.
"""

import importlib

# Public name -> the module that defines it.
_PUBLIC = {
    "ChunkedSolution": "solution",
    "conditional": "rows",
    "connected": "connection",
    "glgd": "grids",
    "read_chunks": "solution",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ratiogan.cluster' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ratiogan.cluster.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_PUBLIC])
