"""What a game does to GLGD, in one screen: "will it converge?", answered for any losses.

`analyse` takes a row of the table or a game of your own and says which of the cases of the theory
it is: convex, stiff, convex only around R = 1, flat, chattering or unstable. The sentence follows
from u and Phi'' alone (design: a step R - alpha (u - E[u]) multiplies small deviations from R = 1
by 1 - alpha Phi''(1); E[Phi] never rises where alpha sup Phi'' <= 2).
"""

import math
import shlex
from dataclasses import dataclass

import numpy as np

from ratiogan.errors import check_positive
from ratiogan.games import Game, game

RATIOS = (1e-3, 1e-2, 1e-1, 0.5, 1.0, 2.0, 10.0, 100.0, 1e3)
_LOW, _HIGH = 1e-6, 1e6  # where convexity is looked for


@dataclass(frozen=True, eq=False)
class Analysis:
    """What `analyse` found.

    Attributes
    ----------
    game : Game
        Its ``formulas`` hold the losses and what they induce as text, ``prediction`` the word of
        the table.
    ratios, best_response, signal, curvature : ndarray, shape (9,)
        f*, u and Phi'' at R from 1e-3 to 1e3.
    curvature_at_one : float
        Phi''(1); NaN at a kink.
    convex_on : (float, float)
        The largest interval of R around 1 on which Phi'' > 0: 0 and inf where it does not end
        within 1e-6 .. 1e6, (1, 1) where Phi'' is not positive at R = 1.
    alpha : float
        The step size asked for, or the automatic one: 1/(2 Phi''(1)), 0.5 where that is undefined.
    alpha_is_auto : bool
    largest_alpha : float
        2/sup Phi'': below it E[Phi] falls at every step; NaN where no such step exists.
    rate : float
        The factor 1 - alpha Phi''(1) per step near R = 1; NaN where u has no slope there.
    sentence : str
        ``PREDICTION: ...``, one sentence.
    command : str
        The command that tests it.
    """

    game: Game
    ratios: np.ndarray
    best_response: np.ndarray
    signal: np.ndarray
    curvature: np.ndarray
    curvature_at_one: float
    convex_on: tuple
    alpha: float
    alpha_is_auto: bool
    largest_alpha: float
    rate: float
    sentence: str
    command: str

    def to_dict(self):
        """Everything but the game itself, under the names of the attributes, as plain values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "game"}
        return {
            "game": self.game.spec,
            **{
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in values.items()
            },
        }


def analyse(spec, alpha=None):
    """Will GLGD with this game reach R = 1, how fast, and from where?

    Parameters
    ----------
    spec : str or Game
        As for `ratiogan.game`.
    alpha : float, optional
        The step size to judge, in `reference`; automatic when not given.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        For an unknown game, losses that cannot be used, or a step size that is not positive.

    Examples
    --------
    >>> found = analyse("non-saturating", alpha=1.5)
    >>> found.rate, found.largest_alpha, found.convex_on
    (0.25, 2.0, (0.0, inf))
    >>> analyse("logit").command
    'ratiogan run glgd --game logit --geometry fisher'
    """
    row = game(spec)
    if alpha is not None:
        alpha = check_positive("alpha", alpha)
    auto = 0.5 / row.curvature_at_one if row.curvature_at_one > 0 else 0.5
    step = auto if alpha is None else alpha
    ratios = np.array(RATIOS)
    kinks = () if row._numeric is None else row._numeric.kinks
    convex_on = _convex_on(row)
    rate = math.nan if row.has_kink else row.rate(step)
    smooth = row.convex and not row.has_kink and math.isfinite(row.sup_curvature)
    largest = 2.0 / row.sup_curvature if smooth else math.nan
    sentence, options = _judge(row, convex_on, kinks, largest)
    if alpha is not None:
        options = [option for option in options if option[0] not in ("--alpha", "--geometry")]
        options.append(("--alpha", f"{alpha:g}"))
        if abs(rate) >= 1 and row.curvature_at_one > 0:
            bound = 2.0 / row.curvature_at_one
            sentence = (
                f"PREDICTION: alpha {alpha:.4g} is too long: the error grows by the factor "
                f"{abs(rate):.4g} per step near R = 1; alpha < {bound:.4g} converges there."
            )
    words = ["ratiogan", "run", "glgd", "--game", row.spec]
    return Analysis(
        game=row,
        ratios=ratios,
        best_response=row.best_response(ratios),
        signal=row.signal(ratios),
        curvature=row.curvature(ratios),
        curvature_at_one=row.curvature_at_one,
        convex_on=convex_on,
        alpha=step,
        alpha_is_auto=alpha is None,
        largest_alpha=largest,
        rate=rate,
        sentence=sentence,
        command=shlex.join([*words, *(word for option in options for word in option)]),
    )


def _judge(row, convex_on, kinks, largest):
    """The sentence, and the options of the command that shows it."""
    at_one = row.curvature_at_one
    if row.has_kink:
        return _judge_kink(row)
    if not at_one > 0:
        return _judge_no_force(row)
    rate = f"1 - alpha {at_one:.4g} per step"
    unbounded, options = "", []
    if not math.isfinite(row.sup_curvature):
        unbounded, options = _stiffness(row, kinks)
    if row.convex:
        start = f"from any start if alpha < {largest:.4g}" if not unbounded else "from any start"
        return (
            f"PREDICTION: GLGD converges to R = 1 {start}, at {rate} near it{unbounded}.",
            options,
        )
    where = " and ".join(
        f"R {sign} {end:.3g}"
        for sign, end in zip("<>", convex_on, strict=True)
        if 0 < end < math.inf
    )
    return (
        f"PREDICTION: GLGD converges near R = 1 at {rate}; not convex for {where}, so far starts "
        f"may not{unbounded}.",
        options,
    )


def _stiffness(row, kinks):
    """What an unbounded Phi'' means for the step, and what runs instead."""
    if kinks:
        places = " and ".join(f"{place:.3g}" for place in kinks)
        return f"; u jumps at R = {places}, where steps chatter", []
    small = float(row.curvature(1e-6)) > 10 * float(row.curvature(1e-2))
    end = "R -> 0" if small else "R -> inf"
    what = f"; stiff: Phi'' is unbounded as {end}, so constant steps must be short there"
    if math.isfinite(row.sup_ratio_curvature):
        return f"{what}, and geometry fisher is the cure", [("--geometry", "fisher")]
    return f"{what}, and step newton is the cure", [("--step", "newton")]


def _judge_kink(row):
    below, above = row.signal(np.array([1.0 - 1e-7, 1.0 + 1e-7]))
    jump = float(above - below)
    if jump > 1e-5:
        return (
            f"PREDICTION: GLGD chatters: u jumps by {jump:.4g} at R = 1, so a constant step "
            "crosses R = 1 for ever and the error stays of the order of alpha.",
            [("--alpha", "0.1"), ("--max-steps", "200")],
        )
    if jump < -1e-5:
        return (
            f"PREDICTION: GLGD leaves R = 1: u falls by {-jump:.4g} there, so what is too rare "
            "becomes rarer.",
            [("--gen", "near-real")],
        )
    low, high = _flat_around_one(row)
    between = (
        f"for R {'<' if low == 0 else '>'} {high if low == 0 else low:.3g}"
        if low == 0 or high == math.inf
        else f"for R between {low:.3g} and {high:.3g}"
    )
    return (
        f"PREDICTION: GLGD does not reach R = 1: u is the same everywhere {between}, so nothing "
        "drives R to 1 there.",
        [],
    )


def _judge_no_force(row):
    """Phi''(1) <= 0."""
    if row.curvature_at_one < 0:
        return (
            f"PREDICTION: GLGD leaves R = 1: Phi''(1) = {row.curvature_at_one:.4g}, so small "
            f"deviations grow by 1 + alpha {-row.curvature_at_one:.4g} per step.",
            [("--gen", "near-real")],
        )
    ratio = np.array([0.9, 0.99, 1.01, 1.1])
    bends = row.curvature(ratio)
    falling = [side for side, bend in zip("<<>>", bends, strict=True) if bend < 0]
    if falling:
        sides = " and ".join(f"R {side} 1" for side in dict.fromkeys(falling))
        return (
            f"PREDICTION: R = 1 is unstable: Phi''(1) = 0 and Phi'' < 0 for {sides}, so no force "
            "restores R = 1 and deviations grow.",
            [("--gen", "near-real")],
        )
    if not np.any(bends):
        return (
            "PREDICTION: GLGD does not move near R = 1: u is constant there, so nothing drives R "
            "to 1.",
            [],
        )
    return (
        "PREDICTION: GLGD creeps to R = 1 slower than at any rate: Phi''(1) = 0, so the force "
        "vanishes faster than the error.",
        [],
    )


def _flat_around_one(row):
    """The interval of R around 1 on which u does not change, to three digits."""
    level = float(row.signal(1.0))
    ends = []
    for far in (_LOW, _HIGH):
        same = [abs(float(row.signal(r)) - level) < 1e-9 for r in (1.0, far)]
        if same[1]:
            ends.append(0.0 if far < 1 else math.inf)
            continue
        near, end = 1.0, far
        for _ in range(60):
            middle = math.sqrt(near * end)
            if abs(float(row.signal(middle)) - level) < 1e-9:
                near = middle
            else:
                end = middle
        ends.append(near)
    return tuple(ends)


def _convex_on(row):
    if row._numeric is not None:
        return row._numeric.convex_on
    if not row.curvature_at_one > 0:
        return (1.0, 1.0)
    ratio = np.geomspace(_LOW, _HIGH, 1201)
    bad = ratio[~(row.curvature(ratio) > 0)]
    ends = []
    for edges, pick, open_end in ((bad[bad < 1], max, 0.0), (bad[bad > 1], min, math.inf)):
        if not edges.size:
            ends.append(open_end)
            continue
        wrong = float(pick(edges))
        good = wrong * (1.0 / wrong) ** (1.0 / 200.0) if abs(math.log(wrong)) > 0.05 else 1.0
        good = good if float(row.curvature(good)) > 0 else 1.0
        for _ in range(60):
            middle = math.sqrt(good * wrong)
            good, wrong = (middle, wrong) if float(row.curvature(middle)) > 0 else (good, middle)
        ends.append(good)
    return tuple(ends)
