"""What simulations and stability analyses return: frozen records, which plots and tables read."""

import math
from dataclasses import dataclass, field

import numpy as np

from ratiogan.dynamics.vector_field import Field
from ratiogan.text import html_block, html_table, jsonable, scientific, significant, table, wrap

WIDEST = 118  # columns of a table
LONG = 20  # of a cell
HEADINGS = ("method", "status", "steps", "end/start", "factor pred.", "factor meas.", "conserved")


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
    gaps : array (K,) or None
        Of a matrix game: what both players could gain by a best response.
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
    gaps: np.ndarray | None = None
    seconds: float = 0.0

    def __repr__(self):
        return f"<Trajectory of {self.field.spec}: {self.finding}>"

    def cells(self):
        """The row of the printed table."""
        drift = "" if self.drift is None else f", drift {scientific(self.drift, 1)}"
        return (
            self.label, self.status, str(self.n_steps), _short(self.end_over_start),
            _factor(self.factor_predicted), _factor(self.factor_measured), self.conserved + drift,
        )  # fmt: skip

    def to_dict(self):
        """The run as strict JSON holds it."""
        return jsonable(
            {
                "method": self.method,
                "label": self.label,
                "alpha_gen": self.alpha_gen,
                "alpha_disc": self.alpha_disc,
                "status": self.status,
                "as_predicted": self.as_predicted,
                "finding": self.finding,
                "n_steps": self.n_steps,
                "end": self.states[-1],
                "end_over_start": self.end_over_start,
                "factor": {
                    "predicted": self.factor_predicted,
                    "measured": self.factor_measured,
                },
                "multipliers": _complex(self.multipliers),
                "conserved": None if self.conserved == "nothing" else self.conserved,
                "drift": self.drift,
            }
        )

    def plot(self, style="slide"):
        """The figure of the run, as a Matplotlib ``Figure``."""
        return Dynamics(trajectories=(self,), finding=self.finding).plot(style)

    def _repr_html_(self):
        return html_block(self.finding, (html_table(HEADINGS, [self.cells()]),), self.plot())


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

    @property
    def field(self):
        """The field of the first trajectory."""
        return self.trajectories[0].field

    @property
    def as_predicted(self):
        """Whether all of them do what the local analysis predicts."""
        return all(run.as_predicted for run in self.trajectories)

    def __repr__(self):
        return f"<Dynamics of {self.field.spec}: {self.finding}>"

    def summary(self):
        """The finding and the table, as text."""
        rows = [run.cells() for run in self.trajectories]
        lines = _narrow_table(HEADINGS, rows, "<<>>>><")
        return "\n".join([wrap(self.finding), "", *(f"  {line}" for line in lines)])

    def to_dict(self):
        """What ``--json`` prints below its envelope."""
        return {"methods": [run.to_dict() for run in self.trajectories]}

    def plot(self, style="slide"):
        """The figure, as a Matplotlib ``Figure``."""
        from ratiogan import plots  # upward: a result must be able to show itself

        return plots.figure(self, style=style)

    def animate(self, path):
        """Write the animation to a ``.gif`` or ``.html`` file."""
        from ratiogan import animation  # upward, as in `plot`

        return animation.animate(self, path)

    def _repr_html_(self):
        shown = html_table(HEADINGS, [run.cells() for run in self.trajectories])
        return html_block(self.finding, (shown,), self.plot())


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

    def cells(self):
        """The row of the printed table."""
        if self.rate is not None:
            measured = (
                "-" if self.measured is None else f"exp({round(self.measured, 4) + 0.0:.4f} t)"
            )
            return self.method, "-", "-", "-", "-", measured
        largest = "none" if self.largest_alpha == 0.0 else _number(self.largest_alpha, 4)
        measured = "-" if self.measured is None else f"{self.measured:.6f}"
        return (
            self.method, f"{self.radius:.6f}", largest, _number(self.best_alpha, 4),
            "-" if math.isnan(self.best_radius) else f"{self.best_radius:.6f}", measured,
        )  # fmt: skip

    def to_dict(self):
        """The row as strict JSON holds it."""
        names = ("method", "radius", "largest_alpha", "best_alpha", "best_radius", "measured")
        return jsonable({**{name: getattr(self, name) for name in names}, "rate": self.rate})


@dataclass(frozen=True, eq=False)
class EigenvaluePath:
    """Eigenvalues of J against one parameter of the field.

    Attributes
    ----------
    key : str
    values : array (K,)
    eigenvalues : complex array (K, m)
        Continuous along the path.
    given : tuple of float
        The values that were asked for, where they were.
    critical : tuple of (float, str)
        Values of the parameter at which something changes, and what does.
    """

    key: str
    values: np.ndarray
    eigenvalues: np.ndarray
    critical: tuple
    given: tuple = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Stability:
    """The local stability of one equilibrium.

    Attributes
    ----------
    field : Field
    point : array (n,)
    residual : float
        |velocity| there, over 1 + |point|.
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

    def __repr__(self):
        return f"<Stability of {self.field.spec}: {self.finding}>"

    def summary(self):
        """The finding, the Jacobian beside its eigenvalues, the methods, and why, as text."""
        parts = [wrap(self.finding), "\n".join(self._matrix_lines()), self._method_table()]
        if self.path is not None and self.path.given:
            parts.append("\n".join(self._sweep_lines()))
        if self.path is not None and self.path.critical:
            told = "; ".join(f"{significant(at, 6)}: {what}" for at, what in self.path.critical)
            parts.append(wrap(f"as {self.path.key} varies from {self._range()}, at {told}"))
        if self.assumptions:
            parts.append("\n".join(self._assumption_lines()))
        parts.append(wrap(self.theorem))
        parts += [wrap(note) for note in self.notes]
        return "\n\n".join(parts)

    def _sweep_lines(self):
        """The eigenvalues at the values of the sweep."""
        lines = [f"eigenvalues against {self.path.key}"]
        for value in self.path.given:
            row = self.path.eigenvalues[int(np.argmin(np.abs(self.path.values - value)))]
            texts = dict.fromkeys(complex_text(one) for one in row)
            lines.append(f"  {significant(value, 6):>10}   {',   '.join(texts)}")
        return lines

    def _range(self):
        values = self.path.values
        return f"{significant(values[0])} to {significant(values[-1])}"

    def eigenvalue_texts(self):
        """Every eigenvalue as text, with its multiplicity where that is not 1."""
        return [
            complex_text(value) + (f"   x {count}" if count > 1 else "")
            for value, count in zip(self.eigenvalues, self.multiplicities, strict=True)
        ]

    def _matrix_lines(self):
        names = self.field.coordinates
        ways = [f"{way}: within {scientific(gap, 1)}" for way, gap in self.agreement.items()]
        rest = [f"equilibrium residual {_number(self.residual, 2)}", *ways]
        values = self.eigenvalue_texts()
        if self.jacobian is None:
            rows = [f"  {value}" for value in values]
            if self.field.constraint:
                rows.append(f"  0 (off {self.field.constraint}, where no state is)")
            return ["eigenvalues of the Jacobian", *rows, "   ".join(rest)]
        headings = ("Jacobian", *(f"d {name}" for name in names), "   eigenvalues")
        digits = 6 if len(names) <= 4 else 3
        rounding = 1e-14 * float(np.abs(self.jacobian).max(initial=0.0))
        cleaned = np.where(np.abs(self.jacobian) <= rounding, 0.0, self.jacobian)
        rows = [
            (f"  {name}'", *(_number(entry, digits) for entry in row), f"   {value}")
            for name, row, value in zip(names, cleaned, values, strict=True)
        ]
        align = "<" + ">" * len(names) + "<"
        return [*table(headings, rows, align=align).split("\n"), "   ".join(rest)]

    def _method_table(self):
        headings = (
            "method", f"radius at {significant(self.alpha)}", "largest stable alpha",
            "best alpha", "best radius", "measured (500 steps)",
        )  # fmt: skip
        rows = [row.cells() for row in self.methods]
        return "\n".join(f"  {line}" for line in _narrow_table(headings, rows, "<>>>>>"))

    def _assumption_lines(self):
        words = {True: "holds", False: "FAILS", None: "-"}
        rows = [
            (f"  {item.name}", item.statement, words[item.holds], item.detail)
            for item in self.assumptions
        ]
        lines = table(("assumptions (Nagarajan and Kolter)", "", "", ""), rows, gap=2).split("\n")
        width = max(len(row[0]) for row in rows)
        texts = []
        for name, statement, holds, detail in rows:
            texts.append(f"{name:{width}}  {holds:5}  {statement}")
            texts.append(f"{'':{width}}         ({detail})")
        return [lines[0].rstrip(), *texts]

    def to_dict(self):
        """What ``--json`` prints below its envelope."""
        return jsonable(
            {
                "equilibrium": {"point": self.point, "residual": self.residual},
                "jacobian": self.jacobian,
                "agreement": self.agreement,
                "eigenvalues": [
                    {**value, "multiplicity": int(count)}
                    for value, count in zip(
                        _complex(self.eigenvalues), self.multiplicities, strict=True
                    )
                ],
                "verdict": self.verdict,
                "neutral": self.neutral,
                "theorem": self.theorem,
                "methods": [row.to_dict() for row in self.methods],
                "assumptions": [
                    {
                        "name": item.name,
                        "statement": item.statement,
                        "holds": item.holds,
                        "detail": item.detail,
                    }
                    for item in self.assumptions
                ],
                "path": self._path_dict(),
            }
        )

    def _path_dict(self):
        if self.path is None:
            return None
        return {
            "key": self.path.key,
            "values": self.path.values,
            "eigenvalues": [_complex(row) for row in self.path.eigenvalues],
            "critical": [{"value": at, "what": what} for at, what in self.path.critical],
        }

    def plot(self, style="slide"):
        """The figure, as a Matplotlib ``Figure``."""
        from ratiogan import plots  # upward: a result must be able to show itself

        return plots.figure(self, style=style)

    def _repr_html_(self):
        headings = ("method", "radius", "largest alpha", "best alpha", "best radius", "measured")
        shown = html_table(headings, [row.cells() for row in self.methods])
        return html_block(self.finding, (shown,), self.plot())


def _narrow_table(headings, rows, align):
    """The lines of a table; where they would not fit, long names and remarks on lines of their own.

    Remarks are the last cells.
    """
    lines = table(headings, rows, align=align).split("\n")
    if max(map(len, lines)) <= WIDEST:
        return lines

    def within(cell):
        return cell if len(cell) <= LONG else ""

    short = [(within(row[0]), *row[1:-1], within(row[-1])) for row in rows]
    head, *body = table(headings, short, align=align).split("\n")
    lines = [head]
    for row, line in zip(rows, body, strict=True):
        name, remark = row[0], row[-1]
        lines += [*([name] if len(name) > LONG else []), line]
        lines += [f"    {headings[-1]}: {remark}"] if len(remark) > LONG else []
    return lines


def _number(value, digits):
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "any" if value > 0 else "-inf"
    return "0" if abs(value) < 1e-300 else significant(value, digits)


def _short(value):
    return "-" if math.isnan(value) else f"{value:.2g}"


def _factor(value):
    if value is None:
        return "-"
    return f"{value:.7f}" if value < 1e6 else f"{value:.3g}"


def _complex(values):
    return [{"re": float(value.real), "im": float(value.imag)} for value in values]


def complex_text(value):
    """An eigenvalue as it is written, with four digits of each part.

    Examples
    --------
    >>> complex_text(-0.25 + 0.4330127j), complex_text(-5e-5 - 0.5j), complex_text(2j)
    ('-0.25 + 0.433i', '-5e-05 - 0.5i', '2i')
    """
    size = abs(value)
    real, imaginary = (
        "" if abs(part) <= 1e-12 * size else significant(part, 4)
        for part in (value.real, abs(value.imag))
    )
    if not imaginary:
        return real or "0"
    if not real:
        return f"{'-' if value.imag < 0 else ''}{imaginary}i"
    return f"{real} {'-' if value.imag < 0 else '+'} {imaginary}i"
