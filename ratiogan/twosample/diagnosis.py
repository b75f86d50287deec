"""`diagnose`: what a generator gets wrong, with honest uncertainty on every number."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ratiogan.catalogue import METRICS
from ratiogan.errors import (
    CannotMeasure,
    InputError,
    check_choice,
    check_fraction,
    check_integer,
)
from ratiogan.sources import percent
from ratiogan.text import significant
from ratiogan.twosample.accumulate import Counts
from ratiogan.twosample.cells import bin_pair
from ratiogan.twosample.estimate import LEAST_ROWS, detectable, measure, precision_recall
from ratiogan.twosample.ground import can_exclude_0, measure_ground
from ratiogan.twosample.marginals import compare_marginals
from ratiogan.twosample.passes import passes_over
from ratiogan.twosample.regions import UNKNOWN, class_regions, find_regions, ratio_interval
from ratiogan.twosample.samples import read_pair, seed_of
from ratiogan.twosample.wording import markdown, summary

POWER = 0.8  # "4 times in 5"
SENSITIVITY_RESAMPLES = 500  # for the divergence on other cells: a check, not the headline
CROWDED = 0.9  # share of the rows in one cell that deserves a warning
LOG2 = math.log(2.0)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Diagnosis:
    """How a generated sample differs from a real one: what `diagnose` returns.

    Attributes
    ----------
    finding : str
        One sentence with the number.
    verdict : str
        ``different`` or ``not-distinguishable``.
    divergences : dict
        By name, as `ratiogan table` writes it, a `Measured`; ``wasserstein`` for columns of
        numbers.
    regions : tuple of Region
        Where the generator puts too much or too little, worst first.
    classes : tuple of Region
        The same for the classes of `group`.
    real, gen : Counts or None
        On the common cells; None for more than 3 columns.
    sensitivity : tuple of dict
        The JSD on coarser and finer cells: grid, estimate, value, floor, pvalue.
    detectable : float
        The JSD that would be found with power 0.8.
    precision_recall : PrecisionRecall or None
    null : array
        The JSD of the permuted samples.
    columns, pairs : tuple of Marginal
        For more than 3 columns: each column and each pair by itself.
    projected : bool
        Whether the columns were projected: every divergence is then a lower bound.
    notes : tuple of str
        Parts of the samples that were read again, because a worker was lost.
    """

    finding: str
    verdict: str
    divergences: dict
    regions: tuple = ()
    classes: tuple = ()
    real: Counts | None = None
    gen: Counts | None = None
    sensitivity: tuple = ()
    detectable: float = math.nan
    precision_recall: object = None
    null: np.ndarray = field(default_factory=lambda: np.empty(0))
    columns: tuple = ()
    pairs: tuple = ()
    projected: bool = False
    level: float = 0.95
    resamples: int = 2000
    seed: int | None = 0
    unit: str = "nats"
    names: tuple = ()
    rows: tuple = (0, 0)
    header: tuple = ()
    input: dict = field(default_factory=dict)
    warnings: tuple = ()
    notes: tuple = ()

    def __getattr__(self, name):
        # .jsd, .kl_gen_real, ...: the divergences by their Python names.
        found = self.__dict__.get("divergences", {}).get(name.replace("_", "-"))
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return found

    @property
    def grid(self):
        """The common cells; None for more than 3 columns."""
        return None if self.real is None else self.real.grid

    @property
    def ratio_band(self):
        """Exact intervals for R in every cell: two arrays of the grid's shape."""
        low, high = ratio_interval(
            self.real.counts.ravel(),
            self.gen.counts.ravel(),
            self.real.inside,
            self.gen.inside,
            self.level,
        )
        return low.reshape(self.grid.shape), high.reshape(self.grid.shape)

    @property
    def cells(self):
        """The common cells in a few words: ``32x32 cells (335 in use)``."""
        in_use = int(np.count_nonzero(self.real.counts + self.gen.counts))
        kinds = {axis.kind for axis in self.grid.axes}
        what = (
            {"counts": "counts", "categories": "categories"}.get(*kinds) if len(kinds) == 1 else ""
        )
        shape = "x".join(map(str, self.grid.shape))
        return f"{shape} {what or 'cells'} ({in_use} in use)"

    def summary(self, all_rows=False):
        """The report as text, the finding first; at most 120 columns."""
        return "\n".join(summary(self, all_rows))

    def markdown(self):
        """The same as Markdown tables."""
        return markdown(self)

    def to_dict(self):
        """What ``--json`` adds to the envelope."""
        found = {
            "verdict": self.verdict,
            "divergences": {name: m.to_dict() for name, m in self.divergences.items()},
            "regions": [region.to_dict() for region in self.regions],
            "classes": [region.to_dict() for region in self.classes],
            "sensitivity": list(self.sensitivity),
            "power": {"jsd": self.detectable, "power": POWER, "unit": self.unit},
            "precision": None,
            "recall": None,
            "precision_recall_curve": None,
            "columns": [marginal.to_dict() for marginal in self.columns],
            "pairs": [marginal.to_dict() for marginal in self.pairs],
            "projected": self.projected,
        }
        if self.precision_recall is not None:
            found["precision"] = self.precision_recall.precision
            found["recall"] = self.precision_recall.recall
            found["precision_recall_curve"] = [
                {"precision": p, "recall": r}
                for p, r in zip(*self.precision_recall.curve, strict=True)
            ]
        return found

    def plot(self, style="slide"):
        """The figure: densities, R with its regions, and the JSD beside what noise shows.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ratiogan import plots

        return plots.diagnosis_figure(self, style=style)

    def __repr__(self):
        return f"<Diagnosis: {self.finding}>"

    def _repr_html_(self):
        from ratiogan.report import diagnosis_fragment

        return diagnosis_fragment(self)


def diagnose(
    real=None,
    gen=None,
    *,
    grid=None,
    domain=None,
    level=0.95,
    resamples=2000,
    rng=0,
    unit="nats",
    columns=None,
    categorical=(),
    nan="refuse",
    project=None,
    group=None,
    labels_real=None,
    labels_gen=None,
    stdin=None,
    stdin_format="csv",
    metric="euclidean",
    progress=None,
    scheduler=None,
    checkpoint=None,
):
    """Compare samples of a real and a generated distribution.

    Both samples are counted on common cells. Every divergence comes with a debiased estimate, an
    interval, what noise alone would show on the same cells, and a p-value; cells are gathered into
    regions where the generator puts too much or too little.

    Parameters
    ----------
    real, gen : array_like (n, d), Dask array or data frame, path, text or Counts
        Rows are samples. A preset (``ring8:n=10000``) is drawn. None is the default problem.
    grid : Grid, text, int or tuple, optional
        The cells; by default they are chosen from the pooled sample, see `cells.bin_pair`.
    domain : text or pairs, optional
    level : float, optional
        Of the intervals. The verdict is at 1 - `level`.
    resamples : int, optional
        Bootstrap and permutation replicates. Not of Wasserstein-1 of two and three columns, a
        transport problem for each: always 99 permutations and 16 halvings.
    rng : int or numpy.random.Generator, optional
        0 is a seed.
    unit : str, optional
        ``nats`` or ``bits``.
    columns, categorical, nan, project, group, labels_real, labels_gen, stdin, stdin_format
        How the sources are read, see `samples.read_pair`.
    metric : {"euclidean", "manhattan"}
        The distance between points, for Wasserstein-1 of two and three columns of numbers.
    progress : callable, optional
    scheduler, checkpoint : optional
        Workers that scan and count the samples, see `counting.count`; the statistics, and for more
        than 3 columns the pairs, are made here from what they found. The report is the same.

    Returns
    -------
    Diagnosis
        For more than 3 columns without `project` each column and each pair is compared by itself.

    Raises
    ------
    InputError
        If a source cannot be used.
    CannotMeasure
        If there are too few rows for the question.

    Examples
    --------
    >>> found = diagnose("normal", "normal:mean=0.5", rng=0)
    >>> print(found.finding[:37])
    DIFFERENT: JSD is 0.019 nats, 2.8% of
    >>> found.verdict, found.jsd.pvalue
    ('different', 0.0004997501249375312)
    """
    seed = seed_of(rng)
    with passes_over((real, gen), scheduler, checkpoint) as passes:
        pair = read_pair(
            real,
            gen,
            columns=columns,
            categorical=categorical,
            nan=nan,
            seed=seed,
            group=group,
            labels_real=labels_real,
            labels_gen=labels_gen,
            project=project,
            stdin=stdin,
            stdin_format=stdin_format,
            passes=passes,
        )
        found = diagnose_pair(
            pair,
            grid=grid,
            domain=domain,
            level=level,
            resamples=resamples,
            seed=seed,
            unit=unit,
            projected=project is not None,
            group=group,
            metric=metric,
            progress=progress,
        )
    return replace(found, notes=tuple(passes.notes))


def diagnose_pair(
    pair,
    *,
    grid=None,
    domain=None,
    level=0.95,
    resamples=2000,
    seed=0,
    unit="nats",
    projected=False,
    group=None,
    metric="euclidean",
    progress=None,
):
    """`diagnose` for sources that have been read: a `samples.Pair`.

    With `metric` None there is no Wasserstein-1 of several columns, which takes seconds: on 32 x 32
    cells 3 in the Euclidean metric, 0.6 in Manhattan.
    """
    if metric is not None:
        check_choice("metric", metric, tuple(METRICS))
    level = check_fraction("level", level)
    check_integer("resamples", resamples, minimum=100)
    check_choice("unit", unit, ("nats", "bits"))
    for role, side in (("real", pair.real), ("gen", pair.gen)):
        if side.rows < LEAST_ROWS:
            raise CannotMeasure(f"{role} has {side.rows} rows, {LEAST_ROWS} are needed.")
    facts = {
        "level": level,
        "resamples": resamples,
        "seed": seed,
        "unit": unit,
        "names": pair.names,
        "rows": (pair.real.rows, pair.gen.rows),
        "projected": projected,
        "warnings": tuple(pair.warnings),
        "header": tuple(pair.header),
    }
    facts["classes"] = _compared_classes(pair, group or "class", level)
    if len(pair.names) > 3:
        if grid is not None or domain is not None:
            raise InputError(
                f"--{'grid' if grid is not None else 'domain'} is for at most 3 columns, "
                f"the samples have {len(pair.names)}.",
                argument="grid" if grid is not None else "domain",
                fix="Add --project pca:2 or --columns, or leave it out.",
            )
        return _by_marginals(pair, facts, seed, progress)
    return _jointly(pair, facts, grid, domain, seed, metric, progress)


def _compared_classes(pair, name, level):
    if pair.real.classes is None:
        return ()
    return class_regions(pair.real.classes, pair.gen.classes, name=name, level=level)


def _jointly(pair, facts, grid, domain, seed, metric, progress):
    """The diagnosis on common cells of up to 3 columns."""
    binned = bin_pair(pair, grid, domain, progress)
    real, gen = binned.real, binned.gen
    level, unit = facts["level"], facts["unit"]
    measured = measure(
        real.counts.ravel(),
        gen.counts.ravel(),
        centres=binned.positions,
        level=level,
        resamples=facts["resamples"],
        rng=seed,
        unit=unit,
    )
    null, measured = measured.null, dict(measured)
    if metric is not None and _has_ground(binned.grid):
        measured["wasserstein"] = measure_ground(
            real.counts,
            gen.counts,
            binned.grid.edges,
            metric=metric,
            level=level,
            rng=seed,
            progress=progress,
        )
    different = measured["jsd"].pvalue <= 1 - level
    power = detectable(real.counts, gen.counts, level=1 - level, power=POWER)
    power = power / LOG2 if unit == "bits" else power
    facts["input"] = pair.input_record(real, gen)
    warnings = [*facts.pop("warnings"), *_outside(real, "real"), *_outside(gen, "gen")]
    warnings += _crowded(binned)
    warnings += _open_to_0(measured.get("wasserstein"), level)
    regions = find_regions(real.counts, gen.counts, binned.grid, rate=1 - level, level=level)
    sensitivity = _sensitivity(binned, measured["jsd"], level, unit, seed)
    finding = _finding(measured["jsd"], different, power, facts["projected"])
    finding += _reservations(different, measured, regions, sensitivity, 1 - level)
    return Diagnosis(
        finding=finding + _on_classes(facts["classes"]),
        verdict="different" if different else "not-distinguishable",
        divergences=measured,
        regions=regions,
        real=real,
        gen=gen,
        sensitivity=sensitivity,
        detectable=power,
        precision_recall=precision_recall(real.counts.ravel(), gen.counts.ravel()),
        null=null,
        warnings=tuple(warnings),
        **facts,
    )


def _has_ground(grid):
    """Whether W1 needs a transport problem: several axes, all of numbers."""
    return grid.ndim > 1 and all(axis.kind != "categories" for axis in grid.axes)


def _outside(counts, role):
    if not counts.outside:
        return
    yield (
        f"{counts.outside} of the {counts.rows} rows of {role} lie outside the domain: all numbers "
        "are about the rest."
    )


def _crowded(binned):
    """A warning where one cell holds nearly all rows: an outlier has stretched the cells."""
    pooled = binned.real.counts + binned.gen.counts
    share = float(pooled.max() / pooled.sum())
    if binned.is_auto and share > CROWDED:
        yield (
            f"one cell holds {percent(share)} of the rows: differences inside it do not show. Pass "
            "--domain to leave out what stretches the cells."
        )


def _open_to_0(distance, level):
    """A warning where the permutations of Wasserstein-1 are too few for the level of intervals."""
    if distance is None or distance.metric is None or not distance.resamples:
        return
    if not can_exclude_0(level):
        least = 1 / (distance.resamples + 1)
        yield (
            f"the interval of Wasserstein-1 starts at 0 whatever the samples: above 0 at level "
            f"{level:g} takes p <= {(1 - level) / 2:.2g}, and {distance.resamples} permutations "
            f"give at least {least:g}."
        )


def _sensitivity(binned, jsd, level, unit, seed):
    """The JSD on the coarser, the chosen and the finer cells."""
    rows = [_sensitivity_row(binned.grid, jsd)]
    for real, gen in binned.others:
        other = measure(
            real.counts.ravel(),
            gen.counts.ravel(),
            names=("jsd",),
            level=level,
            resamples=SENSITIVITY_RESAMPLES,
            rng=seed,
            unit=unit,
        )
        rows.append(_sensitivity_row(real.grid, other["jsd"]))
    return tuple(sorted(rows, key=lambda row: math.prod(row["shape"])))


def _sensitivity_row(grid, jsd):
    return {
        "grid": "x".join(map(str, grid.shape)),
        "shape": grid.shape,
        "estimate": jsd.estimate,
        "value": jsd.value,
        "floor": jsd.floor,
        "pvalue": jsd.pvalue,
    }


def _finding(jsd, different, power, projected):
    """The one sentence."""
    least = "at least " if projected else ""
    if different:
        largest = "1 bit" if jsd.unit == "bits" else "log 2"
        share = 100 * jsd.estimate / (1.0 if jsd.unit == "bits" else LOG2)
        return (
            f"DIFFERENT: JSD is {least}{jsd.estimate:.2g} {jsd.unit}, {significant(share, 2)}% of "
            f"its maximum {largest}; raw {jsd.value:.2g}, noise alone would show {jsd.floor:.2g} "
            f"(p = {jsd.pvalue:.2g})."
        )
    return (
        f"NOT DISTINGUISHABLE: JSD {jsd.value:.2g} raw, noise alone shows {jsd.floor:.2g} "
        f"(p = {jsd.pvalue:.2g}). A true JSD of {power:.2g} or more would have been found 4 times "
        "in 5 on these cells."
    )


def _reservations(different, measured, regions, sensitivity, alpha):
    """What speaks against the verdict, which is that of the JSD on the cells chosen."""
    said = []
    distance = measured["wasserstein"].pvalue if "wasserstein" in measured else None
    if not different and distance is not None and distance <= alpha:
        said.append(f"Wasserstein-1 does differ (p = {distance:.2g}).")
    if not different and regions:
        count = "1 region does" if len(regions) == 1 else f"{len(regions)} regions do"
        said.append(f"{count} differ.")
    if len({row["pvalue"] <= alpha for row in sensitivity}) > 1:
        said.append("The verdict depends on the grid.")
    return "".join(f" {sentence}" for sentence in said)


def _on_classes(classes):
    """What the classes add to the finding."""
    unequal = sum(row.verdict != UNKNOWN for row in classes)
    return f" {unequal} of {len(classes)} classes differ." if unequal else ""


def _by_marginals(pair, facts, seed, progress):
    """The diagnosis of more than 3 columns: each of them, and each pair, by itself."""
    columns, pairs, warnings = compare_marginals(
        pair, facts["level"], facts["resamples"], seed, facts["unit"], progress
    )
    found = [marginal for marginal in (*columns, *pairs) if marginal.different]
    everything = f"{len(columns)} columns and {len(pairs)} pairs"
    if found:
        worst = min(found, key=lambda marginal: marginal.rank)
        finding = (
            f"DIFFERENT in {len(found)} of {len(columns) + len(pairs)} comparisons ({everything}); "
            f"worst {' x '.join(worst.names)}: JSD {worst.measured.estimate:.2g} {facts['unit']}, "
            f"noise alone would show {worst.measured.floor:.2g} "
            f"(adjusted p = {worst.pvalue_adjusted:.2g})."
        )
    else:
        finding = (
            f"NOT DISTINGUISHABLE in any of {everything}: least adjusted p = "
            f"{min(m.pvalue_adjusted for m in (*columns, *pairs)):.2g}."
        )
    facts["input"] = pair.input_record()
    facts["warnings"] += warnings
    return Diagnosis(
        finding=finding + _on_classes(facts["classes"]),
        verdict="different" if found else "not-distinguishable",
        divergences={},
        columns=columns,
        pairs=pairs,
        **facts,
    )
