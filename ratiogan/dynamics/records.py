"""What simulations and stability analyses return: frozen records, which plots and tables read."""

from dataclasses import dataclass, field

import numpy as np

from ratiogan.dynamics.vector_field import Field


@dataclass(frozen=True, eq=False, kw_only=True)
class Trajectory:
    """One method's run on a field.

    Attributes
    ----------
    field : Field
    method : str
        Canonical spec, such as ``"momentum:beta=-0.5"``.
    label : str
        What tables and figures call it: the method, or ``key=value`` in a sweep.
    alpha_gen, alpha_disc : float
        Step sizes of both players.
    steps : int array (K,)
        The recorded steps, from 0 on.
    states : array (K, n)
    n_steps : int
    status : str
        A code of `catalogue.STATUSES`.
    as_predicted : bool
        Whether this is what the local analysis predicts.
    finding : str
        One sentence with a number in it.
    equilibrium : array (n,) or None
        The one that the distances are to.
    distance : array (K,)
        From `states` to the equilibrium (the nearest point of it, where it is a subspace); NaN
        without one.
    multipliers : complex array
        Eigenvalues of the update at the equilibrium; empty where it has no Jacobian. For ``flow``
        those of the map over a time alpha.
    factor_predicted, factor_measured : float or None
        Of the distance per step: the spectral radius, and that of the linear map fitted to the
        last states.
    end_over_start : float
        The last distance over the first.
    conserved : str
        What this method conserves, as a formula; ``"nothing"``.
    conserved_values : array (K,) or None
    drift : float or None
        The largest change of the conserved quantity.
    moves : array (K, 2) of int or None
        Pure actions played at every recorded step, by a matrix game's best responses.
    seconds : float
    """

    field: Field
    method: str
    label: str
    alpha_gen: float
    alpha_disc: float
    steps: np.ndarray
    states: np.ndarray
    n_steps: int
    status: str
    as_predicted: bool
    finding: str
    equilibrium: np.ndarray | None
    distance: np.ndarray
    multipliers: np.ndarray
    factor_predicted: float | None
    factor_measured: float | None
    end_over_start: float
    conserved: str
    conserved_values: np.ndarray | None = None
    drift: float | None = None
    moves: np.ndarray | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Dynamics:
    """Several trajectories side by side: what ``ratiogan dynamics`` shows.

    Attributes
    ----------
    trajectories : tuple of Trajectory
    finding : str
    sweep : str or None
        The key that differs between them, where it is one.
    """

    trajectories: tuple
    finding: str
    sweep: str | None = None


@dataclass(frozen=True)
class Assumption:
    """One assumption of a theorem, checked.

    Attributes
    ----------
    name : str
    statement : str
    holds : bool or None
        None where it does not apply.
    detail : str
        The number behind it.
    """

    name: str
    statement: str
    holds: bool | None
    detail: str


@dataclass(frozen=True, eq=False)
class MethodStability:
    """The spectral radius of one method's update against its step size.

    Attributes
    ----------
    method : str
    radius : float or None
        At `alpha`; None for ``flow``.
    largest_alpha : float
        Every smaller step size converges; 0 where none does, inf where all do, NaN for ``flow``.
    best_alpha, best_radius : float
        The step size of least radius; NaN where none converges.
    measured : float or None
        From a run near the equilibrium.
    rate : float or None
        For ``flow``: the largest real part of the eigenvalues.
    alphas, radii : array
        The curve, for the figure.
    """

    method: str
    radius: float | None
    largest_alpha: float
    best_alpha: float
    best_radius: float
    measured: float | None
    rate: float | None
    alphas: np.ndarray
    radii: np.ndarray


@dataclass(frozen=True, eq=False)
class EigenvaluePath:
    """Eigenvalues of J against one parameter of the field.

    Attributes
    ----------
    key : str
    values : array (K,)
    eigenvalues : complex array (K, m)
        Continuous along the path.
    critical : tuple of (float, str)
        Values of the parameter at which something changes, and what does.
    """

    key: str
    values: np.ndarray
    eigenvalues: np.ndarray
    critical: tuple


@dataclass(frozen=True, eq=False, kw_only=True)
class Stability:
    """The local stability of one equilibrium.

    Attributes
    ----------
    field : Field
    point : array (n,)
    residual : float
        |velocity| there.
    jacobian : array (n, n) or None
        None where it is too large to be written down: `blocks` hold it.
    agreement : dict
        How the Jacobian was checked: {way: largest difference}.
    eigenvalues : complex array (m,)
        Distinct blocks' eigenvalues, the largest real part first.
    multiplicities : int array (m,)
    verdict : str
        ``exponentially stable``, ``marginal``, ``unstable``, or ``stable modulo ..``.
    neutral : int
        Directions along which the equilibria form a subspace.
    finding : str
    theorem : str
        The theorem that decides, as a sentence.
    assumptions : tuple of Assumption
        Of Nagarajan and Kolter (2017).
    alpha : float
    methods : tuple of MethodStability
    path : EigenvaluePath or None
    seconds : float
    """

    field: Field
    point: np.ndarray
    residual: float
    jacobian: np.ndarray | None
    agreement: dict
    eigenvalues: np.ndarray
    multiplicities: np.ndarray
    verdict: str
    neutral: int
    finding: str
    theorem: str
    assumptions: tuple
    alpha: float
    methods: tuple
    path: EigenvaluePath | None = None
    seconds: float = 0.0
    notes: tuple = field(default=())
