"""Hand-made records of dynamics: exact linear maps, so that figures have something to draw."""

import numpy as np

from ratiogan.dynamics.records import (
    Dynamics,
    EigenvaluePath,
    MethodStability,
    Stability,
    Trajectory,
)
from ratiogan.dynamics.vector_field import field_of

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])  # of V = x y: x' = -y, y' = x


def bilinear(pairs=1, damping=0.0, **more):
    """x' = -y, y' = x - damping y, for any number of pairs, in NumPy."""
    n = 2 * pairs

    def velocity(z):
        x, y = z[:pairs], z[pairs:]
        return np.concatenate([-y, x - damping * y])

    start = np.concatenate([np.ones(pairs), np.full(pairs, 0.5)])
    names = ("x", "y") if pairs == 1 else tuple(f"{a}{i}" for a in "xy" for i in range(pairs))
    given = {"coordinates": names, "equilibria": (np.zeros(n),), "name": "bilinear", **more}
    return field_of(velocity, start=start, n_gen=pairs, **given)


def update(method, alpha, matrix=TURN):
    """The linear map of one step."""
    one = np.eye(len(matrix))
    half = len(matrix) // 2
    gen, disc = np.diag(np.repeat([1.0, 0.0], half)), np.diag(np.repeat([0.0, 1.0], half))
    return {
        "simultaneous": one + alpha * matrix,
        "alternating": (one + alpha * disc @ matrix) @ (one + alpha * gen @ matrix),
        "extragradient": one + alpha * matrix @ (one + alpha * matrix),
        "implicit": np.linalg.inv(one - alpha * matrix),
        "half": one + alpha / 2 * matrix @ (one + alpha / 2 * matrix),
    }[method]


def follow(field, method, alpha=0.2, n_steps=300, matrix=TURN, label=None, **more):
    step = update(method, alpha, matrix)
    states = [field.start]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n_steps):
            states.append(step @ states[-1])
        states = np.array(states)
        distance = np.linalg.norm(states, axis=1)
        multipliers = np.linalg.eigvals(step).astype(complex)
        ends = float(distance[-1] / distance[0])
    factor = float(np.abs(multipliers).max())
    keeps = method == "alternating" and field.size == 2
    values = None
    if keeps:
        x, y = states.T
        with np.errstate(over="ignore", invalid="ignore"):
            values = x**2 + y**2 - alpha * x * y
    return record(
        field, method, states, label=label or method, alpha=alpha, distance=distance,
        multipliers=multipliers, factor_predicted=factor, factor_measured=factor,
        end_over_start=ends, conserved="x^2+y^2-alpha x y" if keeps else "nothing",
        conserved_values=values, drift=3e-15 if keeps else None, **more,
    )  # fmt: skip


def record(field, method, states, alpha=0.2, **more):
    """A `Trajectory` of states that are already there."""
    states = np.asarray(states, dtype=float)
    point = field.equilibria[0] if field.equilibria else None
    with np.errstate(over="ignore", invalid="ignore"):
        away = states - (np.nan if point is None else point)
        distance = np.sqrt(np.sum(away**2, axis=1))
    given = {
        "label": method, "steps": np.arange(len(states)), "n_steps": len(states) - 1,
        "status": "cycle", "as_predicted": True, "finding": "", "equilibrium": point,
        "distance": distance, "multipliers": np.zeros(0, complex), "factor_predicted": None,
        "factor_measured": None, "end_over_start": 1.0, "conserved": "nothing", **more,
    }  # fmt: skip
    return Trajectory(
        field=field, method=method, alpha_gen=alpha, alpha_disc=alpha, states=states, **given
    )


def spirals(methods=("simultaneous", "alternating", "extragradient"), **more):
    field = bilinear()
    return Dynamics(
        trajectories=tuple(follow(field, method, **more) for method in methods),
        finding="UNSTABLE with simultaneous steps: they multiply the distance to (0, 0) by "
        "1.0198039 per step, alternating ones cycle, extragradient converges.",
    )


def sweep(count=7, n_steps=200):
    field = bilinear()
    rates = np.geomspace(0.02, 1.2, count)
    return Dynamics(
        trajectories=tuple(
            follow(field, "extragradient", rate, n_steps, label=f"alpha={rate:.3g}")
            for rate in rates
        ),
        finding=f"CONVERGING for {count - 1} of {count} step sizes alpha.",
        sweep="alpha",
    )


def damped():
    """A curved field (the Dirac-GAN with a penalty), its Euler steps."""
    field = field_of(
        lambda z: np.array(
            [-z[1] / (1 + np.exp(z[0] * z[1])), z[0] / (1 + np.exp(z[0] * z[1])) - 0.5 * z[1]]
        ),
        start=(2.0, 1.0), n_gen=1, name="dirac", coordinates=("theta", "psi"),
        equilibria=((0.0, 0.0),),
    )  # fmt: skip
    runs = []
    for method, alpha in (("simultaneous", 0.2), ("momentum:beta=-0.5", 0.1)):
        states = [field.start]
        for _ in range(240):
            states.append(states[-1] + alpha * field.velocity(states[-1]))
        values = 1 + alpha * np.array([-0.25 + 0.4330127j, -0.25 - 0.4330127j])
        factor = float(abs(values[0]))
        runs.append(record(field, method, states, alpha, multipliers=values,
                           factor_predicted=factor, factor_measured=factor))  # fmt: skip
    return Dynamics(trajectories=tuple(runs), finding="CONVERGING: the factor is 0.953939.")


def spread_out(pairs=3, n_steps=150):
    """Several pairs of coordinates; from five pairs on there is no portrait."""
    field = bilinear(pairs)
    matrix = np.kron(TURN, np.eye(pairs))
    methods = ("simultaneous", "extragradient")
    return Dynamics(
        trajectories=tuple(follow(field, m, 0.2, n_steps, matrix) for m in methods),
        finding=f"UNSTABLE: {pairs} pairs leave by a factor 1.0198 per step.",
    )


def game(n_steps=400, moves=True):
    """Rock, paper, scissors: replicator-like orbits and fictitious play."""
    payoff = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    names = tuple(f"{player}_{action}" for player in "xy" for action in ("rock", "paper", "sciss"))
    centre = np.full(6, 1 / 3)
    field = field_of(
        lambda z: np.concatenate([-payoff @ z[3:], payoff.T @ z[:3]]), n_gen=3, name="rps",
        start=(0.6, 0.3, 0.1, 0.2, 0.5, 0.3), coordinates=names, equilibria=(centre,),
        zero_sum=True,
    )  # fmt: skip
    object.__setattr__(field, "payoff", payoff)
    object.__setattr__(field, "actions", ("rock", "paper", "scissors"))
    state, played, states, chosen = field.start.copy(), field.start.copy(), [], []
    weights, turning = np.log(field.start), []
    for k in range(n_steps + 1):
        states.append(played.copy())
        turning.append(np.exp(weights))
        turning[-1][:3] /= turning[-1][:3].sum()
        turning[-1][3:] /= turning[-1][3:].sum()
        weights = weights + 0.1 * field.velocity(turning[-1])
        answer = field.velocity(played)
        a, b = int(np.argmax(answer[:3])), int(np.argmax(answer[3:]))
        chosen.append((a, b))
        state[:] = 0.0
        state[a], state[3 + b] = 1.0, 1.0
        played += (state - played) / (k + 2)
    runs = [record(field, "simultaneous", turning)]
    if moves:
        runs.append(record(field, "best-response", states, moves=np.array(chosen)))
    return Dynamics(trajectories=tuple(runs), finding="CYCLE: best responses jump 47 times.")


def nowhere():
    """No equilibrium, no Jacobian."""
    field = field_of(lambda z: np.array([1.0 + 0 * z[0], np.sign(z[0])]), name="own")
    states = np.cumsum(np.full((30, 2), 0.1), axis=0)
    return Dynamics(trajectories=(record(field, "simultaneous", states),), finding="MAX-STEPS: 30.")


def radius(matrix, method, alphas):
    return np.array([np.abs(np.linalg.eigvals(update(method, a, matrix))).max() for a in alphas])


def method_stability(matrix, method):
    alphas = np.geomspace(1e-2, 10, 200)
    radii = radius(matrix, method, alphas)
    below = radii < 1 - 1e-9
    leaves = np.flatnonzero(~below)
    largest = np.inf if below.all() else float(alphas[leaves[0]]) if below[0] else 0.0
    best = int(np.argmin(radii))
    converges = largest > 0
    return MethodStability(
        method=method, radius=float(radii[80]), largest_alpha=largest,
        best_alpha=float(alphas[best]) if converges else np.nan,
        best_radius=float(radii[best]) if converges else np.nan, measured=None, rate=None,
        alphas=alphas, radii=radii,
    )  # fmt: skip


def stability(damping=0.5, path=True, pairs=1, **more):
    matrix = np.kron(np.array([[0.0, -0.5], [0.5, -damping]]), np.eye(pairs))
    values, counts = np.unique(np.round(np.linalg.eigvals(matrix), 9), return_counts=True)
    strengths = np.linspace(0, 1.6, 81)
    traced = np.array([
        -s / 2 + np.sqrt(complex(s**2 / 4 - 0.25)) * np.array([1, -1]) for s in strengths
    ])  # fmt: skip
    names = ("simultaneous", "alternating", "extragradient", "implicit")
    methods = [method_stability(matrix, name) for name in names]
    flow = MethodStability("flow", None, np.nan, np.nan, np.nan, None, -0.25, np.zeros(0),
                           np.zeros(0))  # fmt: skip
    given = {
        "field": bilinear(pairs, coordinates=("theta", "psi")) if pairs == 1 else bilinear(pairs),
        "point": np.zeros(2 * pairs), "residual": 0.0, "jacobian": matrix, "agreement": {},
        "eigenvalues": values.astype(complex), "multiplicities": counts,
        "verdict": "exponentially stable", "neutral": 0,
        "finding": "EXPONENTIALLY STABLE at (0, 0): both eigenvalues have real part -0.25; "
        "simultaneous steps converge for alpha < 2.",
        "theorem": "", "assumptions": (), "alpha": 0.2, "methods": (flow, *methods),
        "path": EigenvaluePath("gamma", strengths, traced, ((1.0, "the pair becomes real"),))
        if path else None, **more,
    }  # fmt: skip
    return Stability(**given)
