"""Commands that measure two exact distributions: divergence, wasserstein."""

import contextlib

from ratiogan.cli.frame import command
from ratiogan.cli.options import PROBLEM, RESULTS
from ratiogan.cli.output import Report, drawing, progress_of
from ratiogan.cli.saving import Results


@command(
    "divergence",
    sentence="All divergences between two exact distributions, and what others print for them.",
    example="ratiogan divergence --real bimodal --gen normal",
    options=(*PROBLEM, "unit", "out", "force", "no-save", "markdown"),
)
def divergence(job, **options):
    results = Results(None, options)
    chosen, problem = _read(options)
    from ratiogan.divergences import divergence as measured
    from ratiogan.text import markdown_table

    unit = options["unit"]
    found = measured(
        real=problem.real,
        gen=problem.gen,
        unit=unit,
        threads=1 if job.threads is None else job.threads,
    )
    exact = _is_exact(problem)
    headings = ("divergence", "value", "what it is, what others print")
    report = Report(
        "divergence",
        finding=found.finding,
        header=[
            f"ratiogan divergence   {_pair(problem)}   {problem.real.grid.describe()}   "
            + ("exact: no sampling noise" if exact else "of estimated densities"),
            *([] if exact else problem.header),
            *found.summary().split("\n"),
        ],
        markdown=f"{found.finding}\n\n{markdown_table(headings, found.rows())}",
        unit=unit,
        input=problem.input,
        options={"unit": unit, "singular": chosen["singular"]},
        warnings=list(problem.warnings),
        extra={"divergences": found.to_dict()},
    )
    report.header += _left_out(problem)
    if not exact:
        report.footer.append(_NOISE)
    results.write(report, job)
    return report


@command(
    "wasserstein",
    sentence="The Wasserstein-1 distance (earth mover's) between two distributions, with its critic"
    " and a proof: exact on the line, within a certified interval in 2-D and 3-D.",
    example="ratiogan wasserstein --real ring8 --gen ring8:drop=4,thin=7 --grid 64x64",
    options=(*PROBLEM, "metric", "mass", "tol", "max-steps", *RESULTS),
)
def wasserstein(job, **options):
    results = Results(None, options)
    chosen, problem = _read(options)
    import ratiogan

    saving = results.folder is not None
    given = {key: value for key, value in options.items() if value is not None}
    with _seconds_shown(job, "wasserstein"):
        found = ratiogan.wasserstein(
            real=problem.real,
            gen=problem.gen,
            plan=saving and given.get("mass") != "spread",
            flow=saving and (given.get("metric") == "manhattan" or problem.real.grid.ndim == 1),
            **given,
        )
    extra = found.to_dict()
    report = Report(
        "wasserstein",
        finding=found.finding,
        header=[*_heading(problem, found), *_measured(found)],
        status={
            "code": found.status.value,
            "as_predicted": found.status.value == "converged",
            "sentence": found.status.sentence,
        },
        exit_code=0 if found.status.value == "converged" else 5,
        input=problem.input,
        options={
            **{name: getattr(found, name) for name in ("metric", "mass", "tol", "max_steps")},
            "singular": chosen["singular"],
        },
        warnings=list(problem.warnings),
        timing={"seconds": found.seconds, "compile_seconds": found.compile_seconds},
        extra=extra,
    )
    report.header += _left_out(problem)
    if not _is_exact(problem):
        report.footer.append(_NOISE)
    if not saving and not results.no_save:
        what = "critic, plan and figure" if found.mass == "centre" else "critic and figure"
        report.footer.append(f"wrote nothing (add -o FOLDER for {what})")
    if job.verbose:
        report.footer.append(
            f"solver {found.seconds:.3f} s in {found.n_steps} steps, compiling "
            f"{found.compile_seconds:.3f} s; steepest slope of the critic over all pairs of cells: "
            f"1 {found.critic_lipschitz - 1:+.1e}"
        )

    def draw(style, command):
        return drawing().figure(found, style=style, command=command)

    def store(folder, command):
        found.save(folder, command)
        return {"run": "run.npz"}

    results.write(report, job, draw, store)
    return report


@contextlib.contextmanager
def _seconds_shown(job, name):
    """The seconds that have passed, on one line of a terminal: the kernels leave Python free."""
    with progress_of(job, name) as progress:
        if progress is None:
            yield
            return
        import threading

        done = threading.Event()

        def show():
            while not done.wait(progress.interval):
                progress.rows(int(job.seconds), what="s")

        clock = threading.Thread(target=show, daemon=True)
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()


def _heading(problem, found):
    """The header, on two lines where one is too long, and the sources where they are data."""
    from ratiogan.text import WIDTH

    cells = problem.real.grid.describe()
    if problem.real.grid.ndim > 1:
        cells += f", {found.metric}, cancelled common mass {100 * found.cancelled:.1f}%"
    elif found.mass == "spread":
        cells += ", mass spread over the cells"
    line = f"ratiogan wasserstein   {_pair(problem)}   {cells}"
    lines = [line] if len(line) <= WIDTH else [line[: -len(cells)].rstrip(), f"  {cells}"]
    return lines if _is_exact(problem) else [*lines, *problem.header]


def _measured(found):
    """The interval first, then what proves it; seconds and memory last."""
    from ratiogan.text import wrap

    finding = wrap(found.finding, 118).split("\n")
    spent = f"{1e3 * found.seconds:.1f} ms" if found.seconds < 0.1 else f"{found.seconds:.1f} s"
    lines = found.lines()
    if found.grid.ndim == 1:
        return [f"{finding[0]}   {lines[0]}   {spent}"]
    memory = _peak_memory()
    spent += f", {memory:.0f} MB" if memory else ""
    return [*finding, *lines[:-1], f"{lines[-1]}     {spent}"] if lines else finding


def _peak_memory():
    """Megabytes that this process has held at most; None where that cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def _read(options):
    """Take the problem's options out of `options` and read both sources."""
    from ratiogan.sources import read_problem

    chosen = {name: options.pop(name) for name in PROBLEM}
    problem = read_problem(
        stdin_format=chosen.pop("format"),
        **{key: value for key, value in chosen.items() if value is not None},
    )
    return chosen, problem


def _is_exact(problem):
    return all(side.rows is None for side in (problem.real, problem.gen))


def _pair(problem):
    real, gen = (side.label.partition(":")[0] for side in (problem.real, problem.gen))
    return f"real {real}   gen {gen}"


def _left_out(problem):
    """The line on mass outside the cells, where there is any."""
    from ratiogan.sources import percent

    outside = [side.outside or 0.0 for side in (problem.real, problem.gen)]
    if max(outside) < 1e-16:  # less than the round-off of all the mass
        return []
    return [
        f"outside the cells, and not in these numbers: {percent(outside[0])} of real, "
        f"{percent(outside[1])} of gen"
    ]


_NOISE = "noise of the samples is in these numbers: ratiogan diagnose says how much"
