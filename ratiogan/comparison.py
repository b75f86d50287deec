"""Several runs on one problem: different algorithms, games, geometries or steps, side by side.

A run is named by a spec ``ALGORITHM:key=value,...``. Its keys are the parameters of the algorithm
and, after ``game=NAME``, those of that game, written beside them because commas separate keys:
``glgd:game=least-squares,a=-1,b=1,c=0,alpha=0.1`` (``game=least-squares:a=-1,b=1,c=0`` reads the
same).
"""

import contextlib
import inspect
import itertools
import json
import math
import os
from dataclasses import dataclass

import numpy as np

from ratiogan import games, presets, sweeps
from ratiogan.catalogue import (
    ALGORITHM_GEOMETRIES,
    ALGORITHM_STEPS,
    ALGORITHMS,
    GAMES,
    TIES,
)
from ratiogan.cluster.connection import check_place
from ratiogan.cluster.sweeps import run_calls, told
from ratiogan.distribution import Distribution
from ratiogan.errors import (
    InputError,
    check_choice,
    check_integer,
    check_number,
    check_positive,
    nearest,
)
from ratiogan.solution import Status, load, write_atomically
from ratiogan.solvers.alternating import alternating
from ratiogan.solvers.conditional import conditional
from ratiogan.solvers.glgd import glgd
from ratiogan.solvers.scenarios import shared_problem
from ratiogan.solvers.training import trainer, training
from ratiogan.solvers.training_batch import training_batch
from ratiogan.solvers.wgan import wgan
from ratiogan.solvers.wglgd import wglgd
from ratiogan.spec import Spec, format_number, format_value, is_own_code, parse, parse_value
from ratiogan.text import (
    WIDTH,
    html_block,
    html_table,
    jsonable,
    markdown_table,
    scientific,
    significant,
    wrap,
)
from ratiogan.trace import step_word

SOLVERS = {
    "glgd": glgd,
    "conditional": conditional,
    "alternating": alternating,
    "wglgd": wglgd,
    "wgan": wgan,
    "training": training,
}
INDEX_FILE = "comparison.json"
SCHEMA_VERSION = 1
RMS_TOLERANCE = 1e-3

EPS = 1e-16  # a JSD below this is round-off of the masses, whatever its digits say

# Parameters of the solvers that say how to compute and record, not what: common to all runs.
PASSED = ("record", "snapshots", "threads", "singular")

# Words of the catalogue for an argument of `training` that is left out.
LEFT_OUT = ("none", "same", "fresh", "all")

# What makes two runs of one game differ, in words.
DIFFERENCES = {
    "geometry": "the inner product",
    "step": "the step rule",
    "alpha": "the step size",
}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Runs on one problem.

    Attributes
    ----------
    runs : tuple of Solution
        In the order in which they were asked for.
    labels : tuple of str
        The spec of each run.
    real, gen : Distribution
        The problem all of them started from.
    seed : int
    interrupted : bool
        Whether Ctrl-C stopped it: then `runs` holds what was finished.
    failures : tuple of (str, str)
        Of runs on workers that raised, also when tried again: the spec, and what was raised. They
        are not among `runs`.
    repeated : tuple of (str, int)
        Of runs on workers that were begun more than once: the spec, and how often.
    """

    runs: tuple
    labels: tuple
    real: Distribution
    gen: Distribution
    seed: int = 0
    interrupted: bool = False
    failures: tuple = ()
    repeated: tuple = ()

    def __repr__(self):
        return f"<Comparison of {len(self.runs)} runs: {self.finding}>"

    def __eq__(self, other):
        if not isinstance(other, Comparison):
            return NotImplemented
        # Not `repeated`: a worker that was lost changes nothing.
        names = ("runs", "labels", "seed", "interrupted", "failures")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None

    @property
    def ranking(self):
        """Indices of the runs: converged ones first, by steps; the others by what is left.

        Training runs only: by KL(p_g || p_r), mean over the last quarter of the turns.
        """
        if sweeps.are_training(self.runs):
            return sweeps.ranked(self.runs)

        def key(i):
            run = self.runs[i]
            error = _late(run, "js")[0] if self.by_jsd else run.max_error
            error = error if not math.isnan(error) else math.inf
            converged = run.status is Status.CONVERGED
            return (0, run.n_steps) if converged else (1, error)

        return tuple(sorted(range(len(self.runs)), key=key))

    @property
    def by_jsd(self):
        """Whether what is left is judged by JSD: beside training, whose noise sits in the emptiest
        cell, which is all that max|R-1| looks at."""
        return any(run.algorithm == "training" for run in self.runs) and all(
            "js" in run.trace for run in self.runs
        )

    def jsd_left(self):
        """Mean, least and most of each run's JSD over the last quarter of its steps."""
        return [_late(run, "js") for run in self.runs]

    @property
    def as_predicted(self):
        """Whether every run ended as the theory predicts."""
        return all(run.as_predicted for run in self.runs)

    @property
    def warnings(self):
        """What became of runs on workers, beside their results: a sentence for each."""
        return (
            *(f"{label} failed: {why}." for label, why in self.failures),
            *(
                f"{label} was begun {times} times: its worker was lost, or it failed at first."
                for label, times in self.repeated
            ),
        )

    @property
    def finding(self):
        """Which run was best and by how much, as one sentence."""
        if sweeps.are_training(self.runs):
            if len(self.runs) == 1:
                return f"{self.labels[0]}: {self.runs[0].finding}"
            return sweeps.finding_of(self.labels, self.runs)
        ranked = [(self.labels[i], self.runs[i]) for i in self.ranking]
        converged = [pair for pair in ranked if pair[1].status is Status.CONVERGED]
        if not converged:
            label, run = ranked[0]
            if self.by_jsd:
                word = step_word(run.algorithm)
                return (
                    f"NONE CONVERGED: closest is {label}, JSD = "
                    f"{scientific(_late(run, 'js')[0])} in the mean of the last quarter of its "
                    f"{_steps(run.n_steps, word)}{self._farthest(*ranked[-1])}."
                )
            return (
                f"NONE CONVERGED: closest is {label}, max|R-1| = {scientific(run.max_error)} "
                f"after {_steps(run.n_steps)}."
            )
        (best, first), (slowest, last) = converged[0], converged[-1]
        tol = first.options.get("tol")
        within = tol is not None and first.max_error <= tol
        reached = f" to max|R-1| < {format_number(tol)}" if within else ""
        text = f"BEST: {best} ({_steps(first.n_steps)}{reached})"
        if slowest == best:
            return f"{text}; {self._others_than(best)}." if len(ranked) > 1 else f"{text}."
        if last.n_steps < 2 * first.n_steps or first.n_steps == 0:
            return f"{text}; {slowest} needs {last.n_steps}."
        why = ": its tails freeze" if last.options.get("geometry") == "lebesgue" else ""
        times = significant(last.n_steps / first.n_steps, 3)
        return f"{text}; {slowest} needs {times}x as many{why}."

    def _farthest(self, label, run):
        """What the last of several runs has left."""
        if len(self.runs) == 1:
            return ""
        return f"; {label} is at {scientific(_late(run, 'js')[0])}"

    def _others_than(self, best):
        others = [i for i in self.ranking if self.labels[i] != best]
        if len(others) > 1:
            return f"none of the other {len(others)} converges"
        label, run = self.labels[others[0]], self.runs[others[0]]
        if run.status is Status.CONVERGING and not run.options.get("tol"):
            taken = _steps(run.n_steps, step_word(run.algorithm))
            return f"{label} had no tolerance, and took its {taken}"
        return f"{label} does not converge ({run.status.value})"

    def table(self):
        """The table as text cells, best run first.

        Of training runs only: means over the last quarter of the turns, of cells and modes medians.

        Returns
        -------
        headings : list of str
        rows : list of list of str
        """
        if sweeps.are_training(self.runs):
            return sweeps.table_of(self.labels, self.runs, self.ranking)
        headings = [
            *("run", "alpha", "status", "steps", f"steps to rms < {RMS_TOLERANCE:g}"),
            *("rate predicted", "rate measured", "final max|R-1|", "final JSD"),
        ]
        return headings, [_cells(self.labels[i], self.runs[i]) for i in self.ranking]

    def summary(self, all_rows=False):
        """The comparison as text: the finding, the table, what the runs have in common.

        All combinations of two settings of training are a map instead, with the table below it if
        `all_rows`.
        """
        drawn = sweeps.sweep_map(self)
        parts = [wrap(self.finding, WIDTH)]
        parts += [drawn.text(self.runs)] if drawn else []
        if all_rows or not drawn:
            parts.append(self._table_text())
        return "\n\n".join([*parts, *self._costs(), *self._common()])

    def _table_text(self):
        headings, rows = self.table()
        if sweeps.are_training(self.runs):
            return sweeps.table_text(headings, rows, self.real)
        status = max([9, *(len(row[2]) for row in rows)])
        steps = max([5, *(len(row[3]) for row in rows)])
        # The other columns take 71; a label too long for the rest stands on a line of its own.
        label = min(max(len(row[0]) for row in rows), WIDTH - 71 - status - steps)
        lines = [
            f"  {'':{label}}    alpha   {'status':{status}}   {'steps':>{steps}}   "
            "steps to    rate per step        final       final",
            f"  {'run':{label}}            {'':{status}}   {'':{steps}}   "
            "rms<1e-3    pred.    meas.      max|R-1|      JSD",
        ]
        for name, alpha, word, count, to_rms, predicted, measured, error, js in rows:
            if len(name) > label:
                lines.append(f"  {name}")
                name = ""
            lines.append(
                f"  {name:{label}}    {alpha:5}   {word:{status}}   {count:>{steps}}   "
                f"{to_rms:>8}    {predicted:6}   {measured:6}      {error:7}    {js}"
            )
        return "\n".join(lines)

    def markdown(self):
        """The finding and the table for a Markdown page."""
        drawn = sweeps.sweep_map(self)
        body = drawn.markdown(self.runs) if drawn else markdown_table(*self.table())
        return f"{self.finding}\n\n{body}\n"

    def _costs(self):
        """W1 where all runs measure it, JSD beside training; of the last quarter, since a run may
        hover or cycle."""
        if all(run.algorithm in ("wglgd", "wgan") for run in self.runs):  # the cost of others is
            name, column = "W1", "cost"  # E[Phi], in a unit of its game's
        elif self.by_jsd and not sweeps.are_training(self.runs):  # whose table has it
            name, column = "JSD", "js"
        else:
            return []
        rows = []
        for i in self.ranking:
            mean, least, most = _late(self.runs[i], column)
            rows.append(f"{self.labels[i]} {mean:.3g} ({least:.2g} to {most:.2g})")
        text = f"{name}, mean of the last quarter (least to most): {', '.join(rows)}."
        return [wrap(text, WIDTH)]

    def _common(self):
        """What the glgd runs of one game share, and what alone tells them apart."""
        families = {}
        for rank, i in enumerate(self.ranking):
            run = self.runs[i]
            if run.algorithm == "glgd":
                families.setdefault(run.options.get("game"), []).append((rank, run))
        family = max(families.values(), key=len, default=[])
        differing = [
            words
            for key, words in DIFFERENCES.items()
            if len({_choice(run, key) for _, run in family}) > 1
        ]
        if not differing:
            return []
        ranks = [rank for rank, _ in family]
        who = "The glgd runs"
        if len(families) > 1:
            who = f"The glgd runs with {family[0][1].options.get('game')}"
        elif ranks == list(range(len(ranks))):
            who = "All" if len(ranks) == len(self.runs) else f"The first {_number(len(ranks))}"
        verb = "differs" if len(differing) == 1 else "differ"
        text = (
            f"{who} start from the same R and descend the same E[Phi]; "
            f"only {_listed(differing)} {verb}."
        )
        return [wrap(text, WIDTH)]

    def to_dict(self, all_rows=False):
        """The comparison as strict JSON holds it, runs in the order they were asked for."""
        return {
            "finding": self.finding,
            "interrupted": self.interrupted,
            "runs": [
                {
                    "spec": label,
                    **run.to_dict(all_rows),
                    "steps_to_rms": jsonable(steps_to_rms(run)[0]),
                    "max_error": jsonable(run.max_error),
                }
                for label, run in zip(self.labels, self.runs, strict=True)
            ],
        }

    def save(self, folder, command=None):
        """Write ``run-01.npz``, ``run-02.npz``, ... and, last, the index ``comparison.json``.

        The old index goes first: a folder without one is no comparison, so that runs of two
        comparisons are never taken for one, wherever this was stopped.

        Parameters
        ----------
        folder : str or path
        command : str or sequence of str, optional
            The command line that made the comparison.

        Returns
        -------
        list of str
            The names of the files.

        Raises
        ------
        InputError
            If the folder does not exist.
        """
        folder = os.fspath(folder)
        if not os.path.isdir(folder):
            raise InputError(f"there is no folder {folder}.", argument="folder", fix="Make it.")
        index = os.path.join(folder, INDEX_FILE)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(index)
        names = [f"run-{number:02d}.npz" for number in range(1, len(self.runs) + 1)]
        for name, run in zip(names, self.runs, strict=True):
            run.save(os.path.join(folder, name), command)
        content = {
            "schema": "ratiogan-comparison",
            "schema_version": SCHEMA_VERSION,
            "seed": self.seed,
            "interrupted": self.interrupted,
            "failures": [{"spec": label, "error": why} for label, why in self.failures],
            "runs": [
                {"spec": label, "file": name}
                for label, name in zip(self.labels, names, strict=True)
            ],
        }
        write_atomically(index, json.dumps(content, indent=2) + "\n")
        return [*names, INDEX_FILE]

    def plot(self, style="slide"):
        """The figure of the comparison, as a Matplotlib ``Figure``."""
        # Beside this module, not below it: loaded only by who looks at a figure.
        from ratiogan import plots

        return plots.figure(self, style=style)

    def _repr_html_(self):
        words = (*self.warnings, *self._common())
        return html_block(self.finding, [html_table(*self.table())], self.plot(), words)


def compare(
    *specs,
    real=None,
    gen=None,
    grid=None,
    domain=None,
    sweep=None,
    seed=0,
    progress=None,
    scheduler=None,
    checkpoint=None,
    **common,
):
    """Run several algorithms, games, geometries or steps on one problem.

    Every spec is checked before the first run starts. Runs of `training` only are one call of
    `training_batch`: they advance side by side.

    Parameters
    ----------
    *specs : str
        ``glgd``, ``glgd:geometry=fisher``, ``alternating:game=minimax,ties=first``, ...; `glgd`
        and `alternating` if there are none. The parameters of a game stand beside those of the
        algorithm: ``glgd:game=least-squares,a=-1,b=1,c=0``.
    real, gen : str or Distribution, optional
        The problem; the default problem if not given (that of `conditional` where all runs are).
    grid, domain : optional
        The cells, as for `glgd`.
    sweep : str or dict, optional
        ``"alpha=0.5,1,2"`` or ``{"alpha": [0.5, 1, 2]}``: one run per value for every spec that
        has this parameter and does not set it itself. Several keys give every combination.
    seed : int
        Handed to the algorithms that draw: every run draws what it would draw alone.
    progress : bool or callable, optional
        Handed to every run; to `training_batch` once. On workers it is told of whole runs, as they
        end: ``progress(runs finished, runs in all, least max|R-1|, nan, seconds)``.
    scheduler : str or distributed.Client, optional
        Where the runs are tasks, each on one thread, with the results they have here: ``local:2``
        for two processes, ``tcp://HOST:PORT`` for a running Dask cluster. Runs that fail are tried
        again, and lose no others; if all fail, the first one's exception is raised.
    checkpoint : str or path, optional
        Folder in which a comparison on a scheduler keeps its finished runs. The same comparison
        with this folder, after this process was lost, computes only those that are missing.
    **common
        Parameters of all runs that have them; those of a spec win. ``threads`` of training runs
        are those of the batch.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If a spec, the sweep or a common parameter is unknown or out of range, the scheduler cannot
        be used, or the checkpoint is that of something else.

    Examples
    --------
    >>> compare("glgd", "glgd:geometry=fisher").finding
    'BEST: glgd:geometry=fisher (34 steps to max|R-1| < 1e-10); glgd needs 38.'
    """
    check_place(scheduler, checkpoint)
    seed = check_integer("seed", seed, minimum=0)
    plan = expand(specs or ("glgd", "alternating"), sweep=sweep, **common)
    if real is None and gen is None:
        own = shared_problem(options.get("scenario") for *_, options in plan)
        real, gen = own.get("real"), own.get("gen")
        grid, domain = own.get("grid", grid), own.get("domain", domain)
    default_real, default_gen = presets.defaults(algorithm for _, algorithm, _ in plan)
    real, gen = presets.problem(
        default_real if real is None else real,
        default_gen if gen is None else gen,
        grid=grid,
        domain=domain,
    )
    only_training = all(
        name == "training" and "scenario" not in options for _, name, options in plan
    )
    if scheduler is not None:
        solvers = SOLVERS | ({"training": _train_one} if only_training else {})
        where = {"scheduler": scheduler, "checkpoint": checkpoint, "progress": progress}
        return _on_workers(plan, solvers, real, gen, seed, **where)
    every = {"real": real, "gen": gen, "rng": seed, "progress": progress or None}
    if only_training:
        runs = _train([options for *_, options in plan], **every, threads=common.get("threads"))
        labels = tuple(label for label, *_ in plan)
        interrupted = any(run.status is Status.INTERRUPTED for run in runs)
        return Comparison(runs, labels, real, gen, seed, interrupted)
    runs, labels, interrupted = [], [], False
    for label, algorithm, options in plan:
        solver = SOLVERS[algorithm]
        try:
            run = solver(**_accepted(solver, every), **options)
        except KeyboardInterrupt:
            if not runs:
                raise
            interrupted = True
            break
        runs.append(run)
        labels.append(label)
        if run.status is Status.INTERRUPTED:
            interrupted = True
            break
    return Comparison(tuple(runs), tuple(labels), real, gen, seed, interrupted)


def _train(rows, **every):
    """All runs of `training` in one call; the options of a run that it does not have are None."""
    shared = {key: rows[0][key] for key in ("record", "snapshots") if key in rows[0]}
    names = dict.fromkeys(name for options in rows for name in options if name not in shared)
    return training_batch(
        **every, **shared, **{name: [options.get(name) for options in rows] for name in names}
    )


def _train_one(real, gen, rng, threads, **options):
    """A row of `_train` by itself."""
    (run,) = _train([options], real=real, gen=gen, rng=rng, threads=threads)
    return run


def _on_workers(plan, solvers, real, gen, seed, **where):
    """Every run of the plan as a task, with the arguments it has here."""
    for _, algorithm, options in plan:
        if algorithm == "training" and "scenario" not in options:
            # Refused before the first run starts, as a batch refuses its rows.
            settings = {k: v for k, v in options.items() if k not in ("record", "snapshots")}
            trainer(real=real, gen=gen, rng=seed, **settings)
    calls = []
    for label, algorithm, options in plan:
        solver = solvers[algorithm]
        own = _accepted(solver, {"rng": seed, "threads": 1})  # a worker's other threads are taken
        calls.append((label, solver, {**options, **own}))
    outcome = run_calls(calls, real, gen, **where)
    if not outcome.results:
        raise KeyboardInterrupt if outcome.interrupted else outcome.failures[min(outcome.failures)]
    labels = [label for label, *_ in plan]
    done = sorted(outcome.results)
    return Comparison(
        tuple(outcome.results[i] for i in done),
        tuple(labels[i] for i in done),
        *(real, gen, seed, outcome.interrupted),
        failures=tuple((labels[i], told(outcome.failures[i])) for i in sorted(outcome.failures)),
        repeated=tuple((labels[i], n) for i, n in outcome.repeated.items() if i in done),
    )


def load_comparison(folder):
    """Read the comparison that `Comparison.save` wrote into a folder.

    Raises
    ------
    InputError
        If the folder holds none, or one of its files is damaged.
    """
    index = os.path.join(os.fspath(folder), INDEX_FILE)
    if not os.path.isfile(index):
        raise InputError(
            f"{os.fspath(folder)} holds no {INDEX_FILE}.",
            argument="folder",
            fix="Pass the folder of a comparison that was written to its end.",
        )
    try:
        with open(index, encoding="utf-8") as handle:
            content = json.load(handle)
        files = [str(run["file"]) for run in content["runs"]]
        labels = tuple(str(run["spec"]) for run in content["runs"])
        seed, interrupted = content["seed"], bool(content["interrupted"])
        failures = tuple((str(f["spec"]), str(f["error"])) for f in content.get("failures", ()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{index} is damaged, or no comparison that ratiogan saved.",
            argument="folder",
            fix="Run the comparison again.",
        ) from error
    # Names only: an index must not lead out of its folder.
    runs = tuple(load(os.path.join(os.fspath(folder), os.path.basename(name))) for name in files)
    if not runs:
        raise InputError(f"{index} names no run.", argument="folder")
    return Comparison(runs, labels, runs[0].real, runs[0].gen, seed, interrupted, failures)


def expand(specs, sweep=None, **common):
    """The runs that `specs` and `sweep` ask for, checked and with the defaults filled in.

    Parameters
    ----------
    specs : sequence of str
    sweep : str or dict, optional
    **common
        As in `compare`.

    Returns
    -------
    list of (label, algorithm, options)
        `label` is the canonical spec of what was asked for, `options` are keyword arguments.

    Raises
    ------
    InputError

    Examples
    --------
    >>> [label for label, _, _ in expand(["glgd", "alternating"], sweep="alpha=0.5,1")]
    ['glgd:alpha=0.5', 'glgd:alpha=1', 'alternating']
    """
    common = _split_game({key: value for key, value in common.items() if value is not None})
    swept = _read_sweep(sweep)
    specs = [_read_spec(text) for text in specs]
    known = dict.fromkeys(key for spec in specs for key in _keys(spec, common, swept))
    taken = {key for spec in specs for key in _parameters(SOLVERS[spec.name])}
    if any(spec.name == "training" for spec in specs):
        taken.add("threads")  # of all runs together
    _check_keys("no run has a", swept, known, "sweep")
    known = [*known, *_game_keys(common.get("game")), *(key for key in PASSED if key in taken)]
    _check_keys("no run has a", common, known)
    plan = []
    for spec in specs:
        for chosen in _combinations(spec, common, swept):
            plan.append((_label(spec, chosen), spec.name, _options(spec, common, chosen)))
    labels = [label for label, _, _ in plan]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"{label} is asked for twice.", argument="specs", fix="Drop one.")
    return plan


def steps_to_rms(run):
    """Steps until the root mean square of R - 1 under p_r is below 1e-3.

    Returns
    -------
    steps : int or None
        None if it never is, or was not recorded.
    exact : bool
        False where not every step was recorded: then the error is taken to fall geometrically
        between the two rows around the crossing.
    """
    if "rms_error" not in run.trace:
        return None, True
    steps, errors = run.trace.step, run.trace.rms_error
    below = np.flatnonzero(errors < RMS_TOLERANCE)
    if not below.size:
        return None, True
    row = below[0]
    if row == 0 or steps[row] - steps[row - 1] == 1:
        return int(steps[row]), True
    if not errors[row] > 0:
        return int(steps[row]), False
    before, after = math.log(errors[row - 1]), math.log(errors[row])
    part = (before - math.log(RMS_TOLERANCE)) / (before - after)
    return math.ceil(steps[row - 1] + part * (steps[row] - steps[row - 1])), False


def _read_spec(text):
    spec = text if isinstance(text, Spec) else parse(text)
    if spec.name not in ALGORITHMS:
        near = nearest(spec.name, ALGORITHMS)
        raise InputError(
            f'no algorithm "{spec.name}".',
            argument="specs",
            fix=f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(ALGORITHMS)}.",
        )
    return Spec(spec.name, _split_game(spec.options))


def _split_game(options):
    """``game="least-squares:a=-1"`` as ``game="least-squares", a=-1``, in its place."""
    split = {}
    for key, value in options.items():
        if key == "game" and isinstance(value, tuple):
            value = format_value(value)  # a path: its slashes were read as those of a list
        if key != "game" or not isinstance(value, str) or is_own_code(value):
            split[key] = value
            continue
        game = parse(value)
        for name in game.options:
            if name in options:
                raise InputError(
                    f"the game {value} and its run both set {name}.",
                    argument="specs",
                    fix="Keep one of the two.",
                )
        split |= {"game": game.name, **game.options}
    return split


def _check_keys(head, given, known, argument=None):
    for key in given:
        if key not in known:
            near = nearest(key, known)
            raise InputError(
                f'{head} parameter "{key}".',
                argument=argument or key,
                fix=f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(known)}.",
            )


def _game_keys(game):
    """The parameters of a built-in game; none for the user's own."""
    name = game.partition(":")[0] if isinstance(game, str) else None
    return tuple(GAMES[name].defaults) if name in GAMES else ()


def _keys(spec, common, swept):
    """Every key that some run of this spec has: the algorithm's, and those of its games."""
    defaults = ALGORITHMS[spec.name].defaults
    if "game" not in defaults:
        its_games = []
    elif "game" in spec.options:
        its_games = [spec.options["game"]]
    else:
        its_games = swept.get("game", [common.get("game", defaults["game"])])
    return list(dict.fromkeys([*defaults, *(k for game in its_games for k in _game_keys(game))]))


def _combinations(spec, common, swept):
    """The choices of the sweep that this spec leaves open: one empty choice if there are none."""
    defaults = ALGORITHMS[spec.name].defaults
    known = _keys(spec, common, swept)
    keys = [key for key in swept if key in known and key not in spec.options]
    combinations = []
    for values in itertools.product(*(swept[key] for key in keys)):
        chosen = _split_game(dict(zip(keys, values, strict=True)))
        game = {**defaults, **common, **chosen, **spec.options}.get("game")
        # A sweep over a parameter of one game asks for one run of a game that lacks it.
        own = (*defaults, *(_game_keys(game) if "game" in defaults else ()))
        chosen = {key: value for key, value in chosen.items() if key in own}
        if chosen not in combinations:
            combinations.append(chosen)
    return combinations


def _read_sweep(sweep):
    """``KEY=V1,V2`` or a dict of lists as {key: list of values}."""
    if sweep is None:
        return {}
    if isinstance(sweep, str):
        key, equals, body = sweep.partition("=")
        texts = [text.strip() for text in body.split(",")]
        if not (key.strip() and equals and all(texts)) or "=" in body:
            raise InputError(
                f"sweep must be KEY=V1,V2,..., got {sweep!r}.",
                argument="sweep",
                fix="For example alpha=0.5,1,2.",
            )
        sweep = {key.strip(): [parse_value(text) for text in texts]}
    swept = {}
    for key, values in sweep.items():
        values = list(values) if np.iterable(values) and not isinstance(values, str) else [values]
        if not values:
            raise InputError(f"sweep has no value for {key}.", argument="sweep")
        values = [value.item() if hasattr(value, "item") else value for value in values]
        texts = [
            format_value(value) if isinstance(value, (str, int, float, tuple, list)) else id(value)
            for value in values
        ]
        for text in texts:
            if texts.count(text) > 1:
                raise InputError(
                    f"sweep names {key}={text} twice.",
                    argument="sweep",
                    fix="Name every value once; for runs with other draws change the seed.",
                )
        swept[key.replace("-", "_")] = values
    return swept


def _label(spec, chosen):
    options = {**spec.options, **chosen}
    if isinstance(options.get("game"), games.Game):
        options["game"] = options["game"].spec
    return str(Spec(spec.name, options))


def _options(spec, common, chosen):
    """The keyword arguments of one run, all checked that can be without the problem."""
    defaults = ALGORITHMS[spec.name].defaults
    options, parameters = {}, {}
    # A scenario has defaults of its own: what nobody asked for is left to it.
    first = {} if "scenario" in defaults else defaults
    for layer in (first, common, chosen, spec.options):
        if "game" in layer:
            parameters = {}  # those of the game that this one replaces
        options |= {key: value for key, value in layer.items() if key in defaults}
        options |= {key: value for key, value in layer.items() if key in PASSED}
        parameters |= {k: v for k, v in layer.items() if k in _game_keys(options.get("game"))}
    game = options.get("game")
    known = (*defaults, *_game_keys(game))
    which = f" with the game {game}" if game is not None else ""
    _check_keys(f'"{spec.name}"{which} has no', spec.options, known, "specs")
    if game is not None:
        checked = games.game(game, **parameters)
        if isinstance(game, str):
            # The Game itself for own code, so that the run does not execute the file once more.
            options["game"] = checked if is_own_code(game) else checked.spec
    if options.get("alpha", "auto") != "auto":
        options["alpha"] = check_positive("alpha", options["alpha"], fix="Or pass auto.")
    if "tol" in options:
        options["tol"] = check_number("tol", options["tol"])
        if options["tol"] < 0:
            raise InputError(f"tol must be at least 0, got {options['tol']:g}.", argument="tol")
    if options.get("max_steps", "auto") != "auto":
        options["max_steps"] = check_integer("max_steps", options["max_steps"], minimum=1)
    choices = {"ties": tuple(TIES)}
    if spec.name in ALGORITHM_STEPS:
        choices["step"] = ALGORITHM_STEPS[spec.name]
        choices["geometry"] = ALGORITHM_GEOMETRIES[spec.name]
    for key in choices:
        if key in options:
            check_choice(key, options[key], choices[key])
    if spec.name == "training":
        # What nobody asked for is the scenario's, or `training`'s own default.
        asked = {key for layer in (common, chosen, spec.options) for key in layer}
        options = {
            key: _cells_along(value) if key in ("disc_cells", "gen_cells") else value
            for key, value in options.items()
            if key in asked and not (value == defaults.get(key) and value in LEFT_OUT)
        }
        own = [key for key in ("particles", "discriminator", "bandwidth") if key in options]
        if own and options.get("family") != "particles" and "scenario" not in options:
            raise InputError(
                f"{own[0]} is a setting of family particles.",
                argument=own[0],
                fix="Add family=particles, or leave it out.",
            )
    return _accepted(SOLVERS[spec.name], options)


def _cells_along(value):
    """``16x16`` as the command line has it, as (16, 16)."""
    parts = value.split("x") if isinstance(value, str) else ()
    return tuple(map(int, parts)) if len(parts) > 1 and all(map(str.isdigit, parts)) else value


def _parameters(function):
    return inspect.signature(function).parameters


def _accepted(function, options):
    return {key: value for key, value in options.items() if key in _parameters(function)}


def _cells(label, run):
    # The steps of these rules have a length of their own.
    own = run.options.get("step") in ("newton", "polyak")
    alpha = None if own else run.options.get("alpha")
    steps, exact = steps_to_rms(run)
    rate = next((p for p in run.predictions if p.name.startswith("rate per step")), None)
    js = float(run.trace.js[-1]) if "js" in run.trace else None
    return [
        label,
        "-" if alpha is None else f"{alpha:.3g}",
        run.status.value,
        str(run.n_steps),
        "-" if steps is None else f"{'' if exact else '~'}{steps}",
        _rate(rate and rate.predicted),
        _rate(rate and rate.measured),
        scientific(run.max_error),
        _divergence(js),
    ]


def _rate(value):
    """A rate as a number; one that is put in words has no place in the column."""
    return "-" if value is None or isinstance(value, str) else f"{value:.4f}"


def _divergence(value):
    if value is None or math.isnan(value):
        return "-"
    if value < EPS:
        return "< eps"
    return f"{value:.2f}" if value >= 0.1 else scientific(value)


def _choice(run, key):
    """What was chosen, not what came of it: two automatic step sizes are the same choice."""
    if key == "alpha" and run.options.get("alpha_is_auto"):
        return "auto"
    return run.options.get(key)


def _late(run, column):
    """Mean, least and most of a column of the trace over the last quarter of the steps."""
    late = run.trace[column][run.trace.step >= 0.75 * run.trace.step[-1]]
    return float(late.mean()), float(late.min()), float(late.max())


def _steps(count, word="step"):
    return f"{count} {word}{'' if count == 1 else 's'}"


def _number(count):
    words = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count - 2] if 2 <= count <= 10 else str(count)


def _listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
