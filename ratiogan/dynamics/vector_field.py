"""A game of few parameters as a vector field: what `simulate` and `stability` work on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ratiogan.dynamics.march import BILINEAR, DIRAC, FREE, LINEAR, velocities
from ratiogan.dynamics.march import jacobian as fill_jacobian
from ratiogan.errors import InputError, InputTypeError, check_integer
from ratiogan.spec import is_own_code

_EPS = float(np.finfo(np.float64).eps)
_COMPLEX_STEP = 1e-30
_DIFFERENCE = _EPS ** (1 / 5)


@dataclass(frozen=True)
class Conserved:
    """A quantity that the continuous flow leaves alone.

    Attributes
    ----------
    text : str
        ``"w^2 + a^2/2 - log|a|"``.
    value : callable
        States (..., n) to values (...).
    """

    text: str
    value: Callable = field(repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class Field:
    """The velocity (theta_G', theta_D') of a two-player game; make one with a function of
    `ratiogan.dynamics`, or from your own function with `field`.

    The generator's coordinates come first. It moves down its loss, the discriminator up V; time is
    the step size times the number of steps.

    Attributes
    ----------
    spec : str
        The text that names this field on the command line.
    summary, formula : str
        What it is; its velocity as a formula.
    coordinates : tuple of str
    n_gen : int
        How many of them are the generator's.
    start : array (n,)
        Where a simulation starts unless it is told.
    equilibria : tuple of arrays (n,)
        Known equilibria, the first one the one that is meant.
    alpha : float
        The step size ``auto`` stands for.
    zero_sum : bool
        Whether the generator minimises the V that the discriminator maximises.
    conserved : Conserved or None
        By the continuous flow.
    eta, consensus : float
        Weights of the regularisers: the generator's eta |grad_D V|^2, and consensus |v|^2/2 of
        both players.
    lower, upper : array (n,)
        Bounds, onto which every step is clipped; infinite where there are none.
    bare : Field or None
        The same game without its penalty; None where there is none.
    damping : str
        What `bare` is without: a penalty, or noise.
    matched : str
        Why p_g = p_r and D = 0 at the first equilibrium; empty where they are not.
    concave : bool
        Whether V is concave in the parameters of both players.
    constraint : str
        What never moves and is no direction of the states, with the eigenvalue 0 that it adds.
    methods : tuple of str
        The methods that `dynamics` shows where none is asked for.

    Examples
    --------
    >>> from ratiogan import dynamics
    >>> dynamics.bilinear().velocity([1.0, 2.0])
    array([-2.,  1.])
    """

    spec: str
    summary: str
    formula: str
    coordinates: tuple
    n_gen: int
    start: np.ndarray
    equilibria: tuple = ()
    alpha: float = 0.1
    zero_sum: bool = True
    conserved: Conserved | None = None
    eta: float = 0.0
    consensus: float = 0.0
    lower: np.ndarray = None
    upper: np.ndarray = None
    bare: object = None
    damping: str = "penalty"
    matched: str = ""
    concave: bool = False
    constraint: str = ""
    methods: tuple = ("simultaneous",)
    kernel: tuple | None = field(default=None, repr=False)  # (code, parameters) of a built-in
    own: Callable | None = field(default=None, repr=False)  # a velocity in Python, of one state
    kink: Callable | None = field(default=None, repr=False)  # state -> why it has no Jacobian

    def __post_init__(self):
        n = len(self.coordinates)
        for name, default in (("lower", -np.inf), ("upper", np.inf)):
            bound = getattr(self, name)
            bound = np.full(n, default) if bound is None else np.asarray(bound, dtype=float)
            object.__setattr__(self, name, bound)
        object.__setattr__(self, "start", np.asarray(self.start, dtype=float))
        points = tuple(np.asarray(point, dtype=float) for point in self.equilibria)
        object.__setattr__(self, "equilibria", points)

    @property
    def name(self):
        """The spec without its parameters."""
        return self.spec.partition(":")[0]

    @property
    def source(self):
        """What `ratiogan.dynamics.field` makes this field from again: spec and more arguments.

        Raises
        ------
        InputError
            For a function that is in no file.
        """
        if self.own is None:
            return {"spec": self.spec, "more": {}}
        if not is_own_code(self.spec):
            raise InputError(
                f"a run of {self.spec} cannot be kept: its field is a function of this session.",
                argument="field",
                fix="Write the function into a file, and pass path/to/file.py:NAME.",
            )
        return {"spec": self.spec, "more": {"start": self.start.tolist(), "n_gen": self.n_gen}}

    @property
    def command(self):
        """The field as it is typed after ``ratiogan dynamics``."""
        return self.spec

    @property
    def size(self):
        """How many coordinates there are."""
        return len(self.coordinates)

    def velocity(self, states):
        """The velocity at one state or many, regularisers included.

        Parameters
        ----------
        states : array (..., n)

        Returns
        -------
        array (..., n)
        """
        states = np.asarray(states)
        if states.shape[-1:] != (self.size,):
            raise InputError(
                f"states of {self.spec} have {self.size} coordinates, got shape {states.shape}.",
                argument="states",
                fix="Let the last axis run over the coordinates.",
            )
        kind = complex if np.iscomplexobj(states) else float
        flat = np.ascontiguousarray(states, dtype=kind).reshape(-1, self.size)
        out = np.empty_like(flat)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.kernel is not None:
                velocities(*self.kernel, self.n_gen, self.eta, self.consensus, flat, out)
            else:
                for state, row in zip(flat, out, strict=True):
                    row[:] = self.felt(state)
        return out.reshape(states.shape)

    def jacobian(self, state, how="analytic"):
        """d velocity / d state.

        Parameters
        ----------
        state : array (n,)
        how : str
            ``analytic`` (a built-in field's own formula; a regulariser's part is a complex step),
            ``complex-step`` or ``differences`` (central, of fourth order).

        Returns
        -------
        array (n, n)
        """
        state = np.asarray(state, dtype=float)
        if how == "analytic":
            return self._analytic(state)
        if how == "complex-step":
            steps = state + 1j * _COMPLEX_STEP * np.eye(self.size)
            return self.velocity(steps).imag.T / _COMPLEX_STEP
        # Five points: off by a fifth derivative times h^4/30 and by eps/h, both 1e-12 or so.
        step = _DIFFERENCE * np.maximum(1.0, np.abs(state))
        sides = [self.velocity(state + k * np.diag(step)) for k in (-2.0, -1.0, 1.0, 2.0)]
        rise = (sides[0] - sides[3] + 8.0 * (sides[2] - sides[1])) / 12.0
        return (rise / step[:, None]).T

    @property
    def is_analytic(self):
        """Whether the velocity takes complex states, so that a complex step is exact."""
        return self.kernel is not None

    @property
    def jacobian_error(self):
        """How far `jacobian` may be off, over its size: rounding, or that of differences."""
        return 1e-10 if self.own is not None else 8.0 * self.size * _EPS

    def unrest(self, point):
        """How far from an equilibrium: the norm of the velocity, and what it is called."""
        return self.norm(self.velocity(point)), "|velocity|"

    def regularised(self, eta=0.0, consensus=0.0):
        """The same field with more of both regularisers."""
        bare = self if self.bare is None else self.bare
        eta, consensus = self.eta + eta, self.consensus + consensus
        return replace(self, eta=eta, consensus=consensus, bare=bare, conserved=None)

    def norm(self, velocity):
        """The Euclidean length of a velocity."""
        return float(np.sqrt(np.dot(velocity, velocity)))

    def rest_directions(self, point):
        """An orthonormal basis (n, k) of the directions along which there are more equilibria.

        Those of the kernel of J along which another equilibrium is found: a field may be at rest
        there to first order only.
        """
        if self.kink is not None and self.kink(point) is not None:
            return np.zeros((self.size, 0))
        directions = _null_space(self._analytic(np.asarray(point, dtype=float)))
        found = [one for one in directions.T if _has_neighbour(self, point, one)]
        return np.array(found).reshape(len(found), self.size).T

    def away(self, states, point):
        """From an equilibrium, or the subspace of equilibria it belongs to, to states (K, n)."""
        away = np.asarray(states, dtype=float) - point
        directions = self.rest_directions(point)
        return away - (away @ directions) @ directions.T

    def distance(self, states, point):
        """The length of `away`."""
        return np.sqrt(np.sum(np.square(self.away(states, point)), axis=-1))

    def neutral(self, point):
        """How many dimensions the equilibria have at `point`, and what they are, in words."""
        found = self.rest_directions(point).shape[1]
        words = "a line of equilibria" if found == 1 else f"{found} dimensions of equilibria"
        return found, words if found else ""

    def said(self, point):
        """A state as it is written."""
        point = np.asarray(point, dtype=float) + 0.0
        if point.size > 8:
            return f"the state of {point.size} numbers"
        return f"({', '.join(f'{x:.6g}' for x in point)})"

    def nudged(self, point, size):
        """A state a little off an equilibrium, in no direction in particular."""
        away = np.cos(1.0 + np.arange(self.size))  # fixed, and along none of the axes
        return point + size * (1.0 + float(np.linalg.norm(point))) * away / np.linalg.norm(away)

    @property
    def cross_matrix(self):
        """A, where the field is x' = -A y, y' = A^T x and nothing else; else None."""
        if self.kernel is None or self.eta or self.consensus:
            return None
        if np.isfinite([*self.lower, *self.upper]).any():
            return None
        code, p = self.kernel
        if code == BILINEAR:
            return p[2:].reshape(int(p[0]), int(p[1]))
        free = code == DIRAC and p[0] == LINEAR and (p[2] == FREE or p[3] == 0.0)
        return np.ones((1, 1)) if free else None

    def correct(self, state, rates, residual):
        """x with (I - rates J) x = residual, J at `state`: Newton's correction, implicit steps."""
        matrix = np.eye(self.size) - rates[:, None] * self._analytic(state)
        return np.linalg.solve(matrix, residual)

    def blocks(self, state):
        """J as independent blocks: a list of (J, generator's coordinates in it, how many)."""
        return [(self._analytic(np.asarray(state, dtype=float)), self.n_gen, 1)]

    def check_state(self, state, name="start"):
        """`state` as an array of the right shape inside the bounds.

        Raises
        ------
        InputError
        """
        try:
            state = np.array(state, dtype=float)
        except (TypeError, ValueError):
            raise InputTypeError(
                f"{name} must be {self.size} numbers, got {state!r}.", argument=name
            ) from None
        if state.shape != (self.size,):
            raise InputError(
                f"{name} must have {self.size} numbers ({', '.join(self.coordinates[:6])}"
                f"{', ..' if self.size > 6 else ''}), got shape {state.shape}.",
                argument=name,
                fix=f"Write for instance {','.join(f'{x:g}' for x in self.start[:6])}.",
            )
        outside = ~((state >= self.lower) & (state <= self.upper) & np.isfinite(state))
        if outside.any():
            at = int(np.argmax(outside))
            raise InputError(
                f"{name} is off the domain of {self.spec}: {self.coordinates[at]} must lie in "
                f"[{self.lower[at]:g}, {self.upper[at]:g}] and be finite, got {state[at]:g}.",
                argument=name,
                fix=f"Start for instance at {','.join(f'{x:g}' for x in self.start[:6])}.",
            )
        return state

    def felt(self, state):
        """The velocity of one state in Python, regularisers included."""
        bare = self._own(state)
        if not self.eta and not self.consensus:
            return bare
        matrix = replace(self, eta=0.0, consensus=0.0).jacobian(state.real, "differences")
        disc = bare.copy()
        disc[: self.n_gen] = 0.0
        felt = bare - self.consensus * (matrix.T @ bare)
        felt[: self.n_gen] -= 2.0 * self.eta * (matrix.T @ disc)[: self.n_gen]
        return felt

    def _own(self, state):
        try:
            found = self.own(state.copy())  # a function may write into what it is handed
        except Exception as error:
            raise InputError(
                f"the field {self.spec} failed at {state.tolist()}: {type(error).__name__}: "
                f"{error}.",
                argument="field",
                fix=f"It is handed {self.size} numbers; a start (stability: a point) of another "
                "length changes that.",
            ) from error
        values = np.asarray(found)
        if values.shape != (self.size,) or values.dtype.kind not in "fciu":
            raise InputError(
                f"the field {self.spec} returned {_described(found, values)}, {self.size} numbers "
                "are needed.",
                argument="field",
                fix=f"It was handed {self.size}: return one velocity each, or pass a start "
                "(stability: a point) of another length.",
            )
        return values.astype(state.dtype, copy=False)

    def _analytic(self, state):
        if self.kernel is None:
            return self.jacobian(state, "differences")
        if self.eta or self.consensus:
            return self.jacobian(state, "complex-step")
        out = np.empty((self.size, self.size))
        fill_jacobian(*self.kernel, state, out)
        return out


def rank_tolerance(matrix):
    """What is smaller counts as 0 in a Jacobian: what differences are off by, and some more."""
    return 1e-9 * float(np.abs(matrix).max(initial=0.0))


def _null_space(matrix):
    if not np.isfinite(matrix).all():
        return np.zeros((len(matrix), 0))
    _, values, rows = np.linalg.svd(matrix)
    return rows[np.append(values, np.zeros(len(rows) - values.size)) <= rank_tolerance(matrix)].T


def _has_neighbour(field, point, direction, step=0.1, newtons=12):
    """Whether there is another equilibrium about `step` away along `direction`.

    Newton's method from there stays, where there is one; where the field rests to first order only
    it comes back, or finds no rest.
    """
    size = step * (1.0 + float(np.linalg.norm(point)))
    state = point + size * direction
    for _ in range(newtons):
        matrix = field._analytic(state)
        if not np.isfinite(matrix).all():
            return False
        state = state - np.linalg.pinv(matrix, rcond=1e-6) @ field.velocity(state)
    largest = float(np.abs(field._analytic(point)).max(initial=0.0))
    rests = np.linalg.norm(field.velocity(state)) <= 1e-10 * largest * size
    return bool(rests and np.linalg.norm(state - point) > 0.5 * size)


def _described(found, values):
    if values.shape and values.dtype.kind in "fciu":
        return f"an array of shape {values.shape}"
    return f"{found!r}"[:60]


def field_of(velocity, start=(1.0, 0.5), n_gen=None, name="own", **more):
    """A field from your own function.

    Parameters
    ----------
    velocity : callable
        ``velocity(z)``: an array of n numbers in, n velocities out. In Python it costs a call per
        evaluation; compiled by ``numba.njit`` the whole loop is compiled around it, once per
        process.
    start : sequence of float
        Where a simulation starts; its length is n.
    n_gen : int, optional
        How many of the first coordinates are the generator's; default the function's own
        attribute ``n_gen``, else half of them.
    name : str
        What messages call it.
    **more
        Any other attribute of `Field`: ``coordinates``, ``equilibria``, ``alpha``, ``zero_sum``, ..

    Raises
    ------
    InputError
        If the velocity at `start` has another shape, or is not finite.

    Examples
    --------
    >>> spiral = field_of(lambda z: (-z[1] - 0.1 * z[0], z[0]))
    >>> spiral.velocity([0.0, 1.0])
    array([-1.,  0.])
    """
    if not callable(velocity):
        raise InputTypeError(
            f"a field must be a function velocity(z), got {type(velocity).__name__}.",
            argument="field",
        )
    start = np.atleast_1d(np.asarray(start, dtype=float))
    n = start.size
    n_gen = getattr(velocity, "n_gen", None) if n_gen is None else n_gen
    n_gen = max(1, n // 2) if n_gen is None else check_integer("n_gen", n_gen, 0)
    if n_gen > n:
        raise InputError(f"n_gen must be at most {n}, got {n_gen}.", argument="n_gen")
    given = {
        "summary": "a field of your own",
        "formula": "z' = velocity(z)",
        "coordinates": ("x", "y") if n == 2 else tuple(f"z{i}" for i in range(n)),
        "zero_sum": False,
        **more,
    }
    made = Field(spec=name, n_gen=n_gen, start=start, own=velocity, **given)
    found = made.velocity(start)
    if not np.isfinite(found).all():
        raise InputError(
            f"the field {name} is not finite at its start {start.tolist()}: {found.tolist()}.",
            argument="field",
            fix="Pass a start inside its domain.",
        )
    return made
