"""What a descent of W1 means: its status, its finding, and the predictions beside the run."""

import math

import numpy as np

from ratiogan.solution import Prediction, Status
from ratiogan.solvers.outcome import dropped_mass
from ratiogan.solvers.subgradient import MISSED, MISSED_POLYAK, SQUARES, START, STEP
from ratiogan.transport.certified import interval_text

_FAR = 1e2  # R above this drains for long: a step takes off alpha |f| only
_LONGEST_CYCLE = 10_000  # steps over which a cycle is averaged
_NOTHING_LEFT = 1e-12  # W1, in units of the range of the axes, that round-off alone can leave
_NEAR = 2.0  # floors, below which W1 has come down to where a step of one size ends
_HOVERS, _FEWEST = 1.5, 20  # floors below which W1 hovers on a grid, and steps that show it


def outcome(solver, run, trace):
    """Status, prediction and words, as keyword arguments of `Solution`."""
    found = _Outcome(solver, run, trace)
    status, as_predicted, finding = found.verdict()
    return {
        "status": status,
        "as_predicted": as_predicted,
        "finding": finding + dropped_mass(solver.gen),
        "predictions": found.predictions(),
        "warnings": found.warnings(),
        "notes": found.notes(status),
    }


class _Outcome:
    def __init__(self, solver, run, trace):
        self.solver, self.run, self.trace = solver, run, trace
        self.descent = solver.descent
        self.numbers = self.descent.numbers.copy()
        self.counts = self.descent.counts.copy()
        self.reference = not self.descent.is_fisher
        self.has_polyak_bound = self.descent.rule == "polyak" and self.reference
        missed = self.counts[MISSED] or (self.has_polyak_bound and self.counts[MISSED_POLYAK])
        self.kept = not missed
        self.cycle = self._over_the_cycle()
        self.hover = None if self.descent.exact else self._hovering()

    # --- what repeats, what hovers ---

    def _over_the_cycle(self):
        """Mean W1, its floor, and whether nothing was projected; None where there is no cycle."""
        descent = self.descent
        if not 1 < descent.period <= _LONGEST_CYCLE or descent.rule != "constant":
            return None
        costs, floors, whole = descent.over_one_period()
        return float(np.mean(costs)), float(np.mean(floors)), whole

    def _hovering(self):
        """The later half of the steps near the floor: how many, mean W1, mean floor; or None."""
        if self.descent.rule != "constant" or not self.descent.passed:
            return None
        costs, floors = np.array(self.descent.passed).T
        near = np.flatnonzero(costs <= _HOVERS * floors)
        if not near.size or costs.size - near[0] < _FEWEST:
            return None
        # In the first half it may still be falling.
        late = slice((int(near[0]) + costs.size) // 2, None)
        return costs[late].size, float(costs[late].mean()), float(floors[late].mean())

    # --- in words ---

    def _now(self, digits=".3g"):
        """W1 at the end: a value, or the interval that holds it."""
        last = float(self.trace.cost[-1])
        if self.descent.exact or last == self.descent.upper:
            return f"W1 = {last:{digits}}"
        return f"W1 in {interval_text(last, self.descent.upper)}"

    def _least(self):
        """The least W1 on the way; on a grid nothing, where that is the last."""
        best = float(self.trace.best[-1])
        if self.descent.exact:
            return f", at its least {best:.3g}"
        if best == self.trace.cost[-1] and self.descent.least_upper == self.descent.upper:
            return ""
        # The least of the lower bounds, and of the upper ones that were asked for.
        return f", at its least in {interval_text(best, max(best, self.descent.least_upper))}"

    @property
    def _law(self):
        return f"(alpha/2) Var f{'*' if self.descent.exact else ''}"

    def verdict(self):
        """Status, whether the theory predicts it, and the finding."""
        run, trace, solver = self.run, self.trace, self.solver
        n, cost, tol = run.n_steps, float(trace.cost[-1]), solver.tol
        steps = f"{n} step{'' if n == 1 else 's'}"
        if run.reason == "converged":
            text = f"CONVERGED in {steps}: {self._now('.1e')}, below tol {tol:.0e}."
            return Status.CONVERGED, True, text
        if run.reason == "interrupted":
            return Status.INTERRUPTED, False, f"INTERRUPTED at step {n}: {self._now()}."
        if run.reason == "diverged":
            text = f"DIVERGED at step {n}: R is not finite. Take alpha below {solver.alpha:g}."
            return Status.DIVERGED, False, text
        if run.reason == "repeats" and cost <= _NOTHING_LEFT * self.descent.length:
            text = f"TOOK {steps}, after which R repeats itself: {self._now('.1e')}."
            return Status.CONVERGED if tol == 0 else Status.STALLED, tol == 0, text
        if not self.reference and trace.min_ratio[-1] == 0:
            text = (
                f"SUPPORT NOT COVERED, as predicted: cells with R = 0 stay empty in fisher; "
                f"{self._now()} after {steps}."
            )
            return Status.SUPPORT_NOT_COVERED, True, text
        if self.cycle is not None:
            mean, _, whole = self.cycle
            law = f" = {self._law}" if self.reference and whole else ""
            text = (
                f"CYCLE{', as predicted' if self.kept else ''}: by step {n} R repeats itself every "
                f"{self.descent.period} steps, with mean W1 = {mean:.4g}{law}."
            )
            return Status.CYCLE, self.kept, text
        if run.reason == "repeats":
            text = f"STALLED at step {n}: R repeats itself at {self._now()}."
            return Status.STALLED, False, text
        if tol == 0:
            text = f"TOOK {steps}, as asked: {self._now()}{self._least()}."
            return Status.CONVERGING, True, text
        text = f"NOT BELOW tol {tol:.0e} in {steps}: {self._now()}{self._least()}"
        if not self.kept:
            return Status.MAX_STEPS, False, f"{text}, ABOVE the bound that theory sets."
        return Status.MAX_STEPS, True, f"{text}; {self._expected()}."

    def _expected(self):
        """What theory lets one expect of a run whose steps ran out."""
        trace = self.trace
        if self.descent.rule == "constant":
            law = f" = {self._law}" if self.reference else ""
            floor = trace.floor[-1] if self.hover is None else self.hover[2]
            away = trace.cost[-1] > _NEAR * floor if self.descent.exact else self.hover is None
            if self.hover is not None and self.hover[1] < floor / _NEAR:
                return f"as predicted, W1 stays below about {floor:.3g}{law} in the mean"
            if away:
                return f"on its way to about {floor:.3g}{law}, where steps of this size end"
            return f"as predicted, a constant step hovers at about {floor:.3g}{law}"
        if self.reference and trace.max_ratio[0] > _FAR:
            return (
                f"R started at {trace.max_ratio[0]:.1e}, and a step takes off about alpha |f|: use "
                "--geometry fisher, or leave the tails out with --domain"
            )
        return "as predicted, a subgradient step promises no more than 1/sqrt(k)"

    # --- beside the run ---

    def predictions(self):
        rows = []
        numbers, counts = self.numbers, self.counts
        steps = int(counts[STEP])
        law = self._law if self.reference else "log E_g[exp(alpha (f - E_g f))]/alpha"
        what = "W1" if self.descent.exact else "E_r f - E_g f"
        if self.cycle is not None:
            mean, floor, whole = self.cycle
            # Where R >= 0 had to be kept by projection, a step also falls by what that takes.
            sign = "=" if whole else "<="
            off = abs(floor - mean) if whole else None
            rows.append(Prediction(f"mean W1 of the cycle {sign} {law}", floor, mean, off))
        if self.hover is not None:
            last, mean, floor = self.hover
            rows.append(Prediction(f"mean {what}, last {last} steps: about {law}", floor, mean))
        if not steps:
            return tuple(rows)
        if self.has_polyak_bound:
            kept = _kept(steps + 1, counts[MISSED_POLYAK])
            rows += [
                Prediction(f"min {what} <= |R0-1| max sd(f)/sqrt(k+1)", "yes", kept),
                Prediction(
                    f"sum of {_squared(what)}/Var f <= E[(R0-1)^2]",
                    f"<= {numbers[START]:.6g}",
                    f"{numbers[SQUARES]:.6g}",
                ),
            ]
        if math.isfinite(numbers[START]):
            bound = (
                "(E[(R0-1)^2] + sum alpha^2 Var f)/(2 sum alpha)"
                if self.reference
                else "(KL(p_r||p_g0) + sum alpha floor)/sum alpha"
            )
            rows.append(Prediction(f"min {what} <= {bound}", "yes", _kept(steps, counts[MISSED])))
        return tuple(rows)

    def warnings(self):
        if self.reference or self.trace.min_ratio[-1] > 0:
            return ()
        ratio = self.descent.ratio
        return (
            f"R = 0 in {int(np.count_nonzero(ratio == 0))} of {ratio.size} "
            "cells: in fisher such a cell stays empty. In reference it fills again.",
        )

    def notes(self, status):
        if status is Status.CYCLE:
            return (
                "Why: the slope of the critic is +-1 however close R is to 1, so a step of one "
                "size overshoots: the critic changes sign and takes it back.",
            )
        if self.descent.exact:
            return ()
        found = []
        if self.hover is not None:
            found.append(
                "Why: the critic keeps its slope however close R is to 1, so a step of one size "
                "overshoots. R need not repeat itself here: no cycle is looked for."
            )
        found.append(
            "W1 is proved, not exact, on this grid: E_r f - E_g f of the critic found bounds it "
            "from below, a plan from above; the bounds on the steps hold with E_r f - E_g f."
        )
        return tuple(found)


def _kept(total, missed):
    missed = int(missed)
    return f"{'NO' if missed else 'yes'} ({total - missed} of {total} steps)"


def _squared(what):
    return f"{what}^2" if " " not in what else f"({what})^2"
