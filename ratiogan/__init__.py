"""ratiogan: GAN theory you can run, and a measuring instrument for generators.

The generator is its density ratio R(y) = p_g(y)/p_r(y), the discriminator a function f(y); both
live on a grid, so that every statement of GAN theory becomes a number that can be checked.
Names are loaded when first used: ``import ratiogan`` is cheap.
"""

import importlib

__version__ = "0.1.0"

# Public name -> the module that defines it.
_PUBLIC = {
    "CannotMeasure": "errors",
    "Comparison": "comparison",
    "Counts": "twosample.accumulate",
    "DensityRatio": "twosample.estimator",
    "Diagnosis": "twosample.diagnosis",
    "Distribution": "distribution",
    "Game": "games",
    "Grid": "grid",
    "InputError": "errors",
    "Ratio": "ratio",
    "Solution": "solution",
    "Status": "solution",
    "Wasserstein": "transport.certified",
    "alternating": "solvers.alternating",
    "check": "twosample.check",
    "compare": "comparison",
    "conditional": "solvers.conditional",
    "count": "twosample.counting",
    "density_ratio": "ratio",
    "diagnose": "twosample.diagnosis",
    "divergence": "divergences",
    "game": "games",
    "glgd": "solvers.glgd",
    "glgd_batch": "solvers.batch",
    "load": "solution",
    "merge": "twosample.accumulate",
    "modes": "twosample.modes",
    "preset": "presets",
    "problem": "presets",
    "saturation": "gradients",
    "table": "divergences",
    "training": "solvers.training",
    "training_batch": "solvers.training_batch",
    "wasserstein": "transport.distance",
    "wgan": "solvers.wgan",
    "wglgd": "solvers.wglgd",
}

_ROOMS = ("cluster", "dynamics")  # with public names of their own: rg.dynamics.simulate

__all__ = [*_PUBLIC, *_ROOMS, "__version__"]


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"ratiogan.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ratiogan' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ratiogan.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_PUBLIC, *_ROOMS])
