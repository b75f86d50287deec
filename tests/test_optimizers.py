"""The optimizers against their papers' formulas, written out here."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratiogan.catalogue import OPTIMIZERS
from ratiogan.errors import InputError
from ratiogan.solvers.optimizers import Memory, Optimizer, optimizer, update

# What each spec means, of the papers: name, factors of memory, eps.
MEANT = {
    "sgd": ("sgd", 0, 0, 0),
    "momentum": ("momentum", 0.9, 0, 0),
    "momentum:beta=0.5": ("momentum", 0.5, 0, 0),
    "rmsprop": ("rmsprop", 0.99, 0, 1e-8),
    "rmsprop:rho=0.9,eps=1e-3": ("rmsprop", 0.9, 0, 1e-3),
    "adam": ("adam", 0.9, 0.999, 1e-8),
    "adam:beta1=0.5,beta2=0.9,eps=1e-6": ("adam", 0.5, 0.9, 1e-6),
}
SPECS = tuple(MEANT)


def twin(spec, rate, gradients, weights, clip=math.inf):
    """The weights after every step, one weight and one step at a time."""
    name, a, b, eps = MEANT[spec]
    rows = []
    m = v = np.zeros_like(weights)
    for t, g in enumerate(gradients, 1):
        if name == "sgd":
            d = g
        elif name == "momentum":
            m = a * m + g
            d = m
        elif name == "rmsprop":
            v = a * v + (1 - a) * g**2
            d = g / (np.sqrt(v) + eps)
        else:
            m = a * m + (1 - a) * g
            v = b * v + (1 - b) * g**2
            d = m / (1 - a**t) / (np.sqrt(v / (1 - b**t)) + eps)
        weights = np.clip(weights - rate * d, -clip, clip)
        rows.append(weights)
    return np.array(rows)


@pytest.mark.plain
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("clip", (math.inf, 0.02))
def test_each_step_is_the_papers(spec, clip):
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(12, 5)) * 10.0 ** np.array([-9.0, -3, 0, 1, 3])
    weights, memory = np.zeros(5), Memory(5)
    expected = twin(spec, 0.01, gradients, weights, clip)
    for g, row in zip(gradients, expected, strict=True):
        update(optimizer(spec), 0.01, g, weights, memory, clip)
        np.testing.assert_allclose(weights, row, rtol=1e-13, atol=1e-14)
    assert memory.count[0] == 12


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(SPECS))
def test_a_negative_rate_ascends(seed, spec):
    rng = np.random.default_rng(seed)
    up, down, memories = np.zeros(3), np.zeros(3), (Memory(3), Memory(3))
    for g in rng.normal(size=(4, 3)):
        update(optimizer(spec), 0.1, g, down, memories[0])
        update(optimizer(spec), -0.1, g, up, memories[1])
    np.testing.assert_array_equal(up, -down)


@pytest.mark.parametrize("spec", ("rmsprop", "rmsprop:rho=0.9", "adam", "rmsprop:rho=0"))
@pytest.mark.parametrize("distance", (1.0, 7.5, 200.0, 3000.0))
def test_steps_along_an_unchanging_gradient_are_foreseen(spec, distance):
    rule, weights, memory, steps = optimizer(spec), np.zeros(1), Memory(1), 0
    while -weights[0] < distance * (1 - 1e-9):
        update(Optimizer(rule.name, (*rule.constants[:2], 1e-30)), 1.0, np.ones(1), weights, memory)
        steps += 1
    assert steps == rule.steps_to(distance)


def test_a_gradient_of_any_size_gives_rmsprop_the_same_step():
    small, large = np.zeros(1), np.zeros(1)
    for weights, size in ((small, 1e-4), (large, 1e4)):
        memory = Memory(1)
        for _ in range(20):
            update(optimizer("rmsprop"), 0.1, np.full(1, size), weights, memory)
    assert small[0] == pytest.approx(large[0], rel=1e-3)
    assert math.isnan(optimizer("sgd").steps_to(1.0))


@pytest.mark.parametrize("spec", SPECS)
def test_nan_is_not_lost_in_the_clip(spec):
    weights = np.zeros(2)
    update(optimizer(spec), 0.1, np.array([math.nan, 1.0]), weights, Memory(2), clip=0.01)
    assert math.isnan(weights[0]) and weights[1] == -0.01


@pytest.mark.parametrize("spec", SPECS)
def test_specs_come_back(spec):
    assert optimizer(optimizer(spec).spec) == optimizer(spec) == optimizer(optimizer(spec))


def test_every_name_of_the_catalogue_is_a_rule():
    for name in OPTIMIZERS:
        assert optimizer(name).name == optimizer(name).spec == name


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("rmsprp", 'no optimizer "rmsprp". Nearest: rmsprop'),
        ("adam:beta=0.9", 'optimizer "adam" has no parameter "beta". Known: beta1, beta2, eps'),
        ("adam:beta1=1", "beta1 of adam must be at least 0 and below 1, got 1"),
        ("rmsprop:eps=0", "eps of rmsprop must be above 0, got 0"),
        ("rmsprop:rho=nan", "rho must be finite"),
        ("momentum:beta=-0.1", "beta of momentum"),
    ],
)
def test_what_cannot_be_used_is_refused(spec, match):
    with pytest.raises(InputError, match=match):
        optimizer(spec)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("foo",), 'no optimizer "foo"'),
        (("adam:beta1=0.5",), "Optimizer takes a name without parameters, got 'adam:beta1=0.5'"),
        (("rmsprop", (0.9,)), "constants of rmsprop must be 3 numbers, got"),
        (("rmsprop", (1.5, 0.0, 1e-8)), "rho of rmsprop must be at least 0 and below 1, got 1.5"),
        (("adam", (0.9, 0.999, 0.0)), "eps of adam must be above 0, got 0"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_once(arguments, match):
    with pytest.raises(InputError, match=match):
        Optimizer(*arguments)


def test_a_name_alone_has_the_papers_constants():
    for name in OPTIMIZERS:
        assert Optimizer(name) == optimizer(name)
