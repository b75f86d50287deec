"""Commands that solve: run ALGORITHM, compare. To add an algorithm: one line in the table."""

from dataclasses import replace

import click

from ratiogan import catalogue
from ratiogan.cli.frame import LazyGroup, command
from ratiogan.cli.options import ALGORITHM_TYPE, CLUSTER, PROBLEM, RESULTS
from ratiogan.cli.output import Report, drawing, progress_of, write
from ratiogan.cli.saving import Results, forget_comparison
from ratiogan.errors import InputError
from ratiogan.spec import is_own_code, parse

# algorithm: (module:function, heading of --help, what it does)
ALGORITHMS = {
    "glgd": ("ratiogan.cli.run:glgd", "Algorithms", "converges to R = p_g/p_r = 1"),
    "conditional": ("ratiogan.cli.run:conditional", "Algorithms", "glgd of p(y|x), for every x"),
    "alternating": ("ratiogan.cli.run:alternating", "Algorithms", "collapses onto one point"),
    "wglgd": ("ratiogan.cli.run:wglgd", "Algorithms", "descends Wasserstein-1, and cycles"),
    "wgan": ("ratiogan.cli.run:wgan", "Algorithms", "WGAN as printed, beside the exact critic"),
    "training": ("ratiogan.cli.run:training", "Algorithms", "the practical algorithm, in turns"),
}

AUTO_RULE = "1/(2 Phi''(1))"
GEOMETRY_LABELS = {
    "reference": "L2(p_r)",
    "lebesgue": "L2(dy)",
    "fisher": "Fisher-Rao",
    "logits": "theta = log R",
}


def _show_algorithms():
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is None:
        write(ctx.get_help() + "\n")


run = LazyGroup(
    "run",
    ALGORITHMS,
    what="algorithm",
    see="ratiogan run --help",
    callback=_show_algorithms,
    help="Run one algorithm on one problem, beside what the theory predicts.",
)


@command(
    "glgd",
    sentence="Generator-loss gradient descent: watch it converge to R = p_g/p_r = 1.",
    example="ratiogan run glgd --grid 1024",
    options=(
        *PROBLEM,
        *("game", "geometry", "step", "alpha", "tol", "max-steps"),
        *RESULTS,
        *("animate", "html"),
        *CLUSTER,
    ),
)
def glgd(job, **options):
    where = _where(job, options)
    return _descend_elsewhere(job, options, where) if where else _descend(job, "glgd", options)


@command(
    "conditional",
    sentence="GLGD of p(y|x), one constraint per x: a match of the y-marginals is not enough.",
    example="ratiogan run conditional --grid 64x128",
    options=(
        *PROBLEM,
        *("game", "geometry", "alpha", "tol", "max-steps"),
        *RESULTS,
        *("animate", "html"),
        *CLUSTER,
    ),
)
def conditional(job, **options):
    return _descend(job, "conditional", options, _where(job, options))


def _where(job, options):
    """Take --scheduler and what belongs to it out of `options`; None without one."""
    where = {name: options.pop(name) for name in CLUSTER}
    if all(value is None for value in where.values()):
        return None
    from ratiogan.cluster.connection import check_place

    check_place(**where)
    _refuse_threads(job)

    def tell(sentence):
        if not job.quiet:
            click.echo(f"note: {sentence}", err=True)

    return {**where, "tell": tell}


def _descend(job, name, options, where=None):
    """GLGD, of p(y) or of p(y|x); `where` is a scheduler, and what belongs to it."""
    results = Results(name, options)
    problem = _read_problem(options, [name])
    import ratiogan

    solver = getattr(ratiogan.cluster if where else ratiogan, name)
    chosen = name == "conditional" and _choose_geometry(options, problem)
    tol = options["tol"]
    # With tol 0 there is no error to head for: the steps themselves are counted.
    with progress_of(job, name, 1e-10 if tol is None else tol or None) as progress:
        solution = solver(
            real=problem.real,
            gen=problem.gen,
            progress=progress,
            **(where or {"threads": job.threads}),
            **_given(options),
        )
    if chosen:
        told = {**solution.options, "geometry_reason": "for a KDE"}
        solution = replace(solution, options=told, warnings=(chosen, *solution.warnings))
    return _report_run(job, results, problem, solution)


def _refuse_threads(job):
    """Refuse --threads beside --scheduler; those of the environment are meant for this process."""
    from click.core import ParameterSource

    source = click.get_current_context().get_parameter_source("threads")
    if source is ParameterSource.COMMANDLINE:
        from ratiogan.solvers.glgd import refuse_threads

        refuse_threads(job.threads)


def _descend_elsewhere(job, options, where):
    """GLGD with R on the workers of a scheduler; on a large grid it is not brought here."""
    whole = options["out"] is not None
    results = Results("glgd", options)
    from ratiogan import cluster, presets
    from ratiogan.solvers.loop import SNAPSHOT_CELLS
    from ratiogan.sources import problem_of, read_grid, refuse_columns

    problem = None
    if all(presets.is_preset(options[role]) for role in ("real", "gen")):
        # Evaluated where they are needed: nothing is laid out here.
        chosen = {name: options.pop(name) for name in PROBLEM}
        refuse_columns(columns=chosen["columns"], categorical=chosen["categorical"])
        wanted = {name: chosen[name] for name in ("real", "gen", "domain", "singular")}
        wanted["grid"] = read_grid(chosen["grid"])
    else:
        problem = _read_problem(options, ["glgd"])
        wanted = {"real": problem.real, "gen": problem.gen}
    tol = options["tol"]
    with progress_of(job, "glgd", 1e-10 if tol is None else tol or None) as progress:
        found = cluster.glgd(**_given({**wanted, **options}), **where, progress=progress)
    with found:
        is_small = found.grid.size <= SNAPSHOT_CELLS
        solution = found.gather() if is_small else found.coarse()
        problem = problem or problem_of(found.real, found.gen)
        report = _report_run(job, results, problem, solution, found, None if is_small else whole)
    return report


def _choose_geometry(options, problem):
    """Take `fisher` where a KDE was made and no geometry typed; what to say about it, or None.

    Divided by the tail of a KDE, R is so large at the start that linear steps reach no end.
    """
    sides = {"real": problem.real, "gen": problem.gen}
    smooth = [role for role, side in sides.items() if side.density_method == "kde"]
    if options["geometry"] is not None or not smooth:
        return None
    options["geometry"] = "fisher"
    those = f"{smooth[0]} is a KDE" if len(smooth) == 1 else "real and gen are KDEs"
    return (
        f"geometry fisher was taken: {those}, in whose tails R may be huge. For the usual one: "
        "--geometry reference."
    )


@command(
    "alternating",
    sentence="Alternating minimization: watch it collapse onto one point.",
    example="ratiogan run alternating --ties first",
    options=(*PROBLEM, *("game", "max-steps", "ties"), *RESULTS, *("animate", "html")),
)
def alternating(job, **options):
    results = Results("alternating", options)
    problem = _read_problem(options)
    import ratiogan

    with progress_of(job, "alternating") as progress:
        solution = ratiogan.alternating(
            real=problem.real,
            gen=problem.gen,
            rng=job.seed,
            progress=progress,
            **_given(options),
        )
    return _report_run(job, results, problem, solution)


@command(
    "wglgd",
    sentence="Descent on Wasserstein-1: a constant step ends in a cycle, Polyak's converges.",
    example="ratiogan run wglgd --step polyak",
    options=(
        *PROBLEM,
        *("geometry", "step", "alpha", "tol", "max-steps"),
        *RESULTS,
        *("animate", "html"),
    ),
)
def wglgd(job, **options):
    results = Results("wglgd", options)
    problem = _read_problem(options)
    import ratiogan

    with progress_of(job, "wglgd") as progress:
        solution = ratiogan.wglgd(
            real=problem.real, gen=problem.gen, progress=progress, **_given(options)
        )
    return _report_run(job, results, problem, solution)


@command(
    "wgan",
    sentence="WGAN, algorithm 1: a critic with clipped weights, beside the exact critic of W1.",
    example="ratiogan run wgan --critic relu",
    options=(
        *PROBLEM,
        *("tol", "max-steps", "critic", "clip", "alpha-gen", "alpha-disc", "gen-steps"),
        *("disc-steps", "batch", "optimizer", "gradient"),
        *RESULTS,
        *("animate", "html"),
    ),
)
def wgan(job, **options):
    results = Results("wgan", options)
    problem = _read_problem(options)
    import ratiogan

    with progress_of(job, "wgan") as progress:
        solution = ratiogan.wgan(
            real=problem.real, gen=problem.gen, rng=job.seed, progress=progress, **_given(options)
        )
    return _report_run(job, results, problem, solution)


@command(
    "training",
    sentence="Train in turns on minibatches, as it is practised, beside what theory says.",
    example="ratiogan run training --disc-cells 8 --batch exact",
    options=(
        *PROBLEM,
        *("scenario", "game", "gen-loss", "tol", "max-steps", "alpha-gen", "alpha-disc"),
        *("gen-steps", "disc-steps", "batch", "data", "disc-cells", "gen-cells", "disc-smooth"),
        *("gen-smooth", "optimizer", "gradient", "baseline", "inner-product", "family"),
        *("particles", "discriminator", "bandwidth"),
        *RESULTS,
        *("animate", "html"),
    ),
)
def training(job, **options):
    results = Results("training", options)
    _fill_problem(options, [options["scenario"]])
    problem = _read_problem(options)
    import ratiogan

    with progress_of(job, "training") as progress:
        solution = ratiogan.training(
            real=problem.real, gen=problem.gen, rng=job.seed, progress=progress, **_given(options)
        )
    return _report_run(job, results, problem, solution)


@command(
    "compare",
    sentence="Run several algorithms, games, geometries or steps on one problem, one figure.",
    example="ratiogan compare glgd glgd:geometry=fisher glgd:geometry=lebesgue",
    options=(*PROBLEM, "game", "max-steps", "sweep", *RESULTS, "html", "markdown", *CLUSTER),
    arguments=[
        click.Argument(["specs"], metavar="[SPEC]...", type=ALGORITHM_TYPE, nargs=-1),
    ],
)
def compare(job, specs, **options):
    results = Results("compare", options)
    sweep = _sweep(options.pop("sweep"))
    parsed = [parse(spec) for spec in specs]
    _fill_problem(options, [spec.options.get("scenario") for spec in parsed])
    problem = _read_problem(options, [spec.name for spec in parsed])
    import ratiogan

    with progress_of(job, "compare", 1e-10) as progress:
        comparison = ratiogan.compare(
            *specs,
            real=problem.real,
            gen=problem.gen,
            sweep=sweep,
            seed=job.seed,
            progress=progress,
            **_given({**options, "threads": job.threads}),
        )
    return _report_comparison(job, results, problem, comparison, {**options, "sweep": sweep})


def _sweep(pairs):
    """{key: values} of all --sweep options."""
    sweep = dict(pairs)
    if len(sweep) < len(pairs):
        raise InputError("--sweep names one key twice.", argument="sweep", fix="Join the values.")
    return sweep or None


def _fill_problem(options, scenarios):
    """What was not typed of the problem is the scenarios'; their cells only with their sources."""
    if not any(scenarios) or (options["real"] and options["gen"]):
        return
    from ratiogan.solvers.scenarios import shared_problem

    for key, value in shared_problem(scenarios).items():
        if options[key] is None:
            options[key] = str(value)


def _given(options):
    """The options that were typed: for the others the algorithm has its own defaults."""
    return {key: value for key, value in options.items() if value is not None}


def _read_problem(options, algorithms=()):
    """Take the problem's options out of `options` and read both sources."""
    from ratiogan import presets
    from ratiogan.sources import read_problem

    chosen = {name: options.pop(name) for name in PROBLEM}
    for role, default in zip(("real", "gen"), presets.defaults(algorithms), strict=True):
        chosen[role] = default if chosen[role] is None else chosen[role]
    fewest = 2 if "conditional" in algorithms else 1
    return read_problem(stdin_format=chosen.pop("format"), fewest=fewest, **_given(chosen))


def _report_run(job, results, problem, solution, chunked=None, whole=None):
    """The report on one run, written where it was asked for.

    `chunked` is the run where R lies on workers, and `solution` then what was made of it: the same
    on coarser cells where `whole` says whether R itself is to be saved.
    """
    found = solution.to_dict(all_rows=job.verbose)
    report = Report(
        "run",
        finding=solution.finding,
        header=[
            f"ratiogan run {solution.algorithm}   seed {job.seed}   {problem.real.grid.describe()}"
            + (f"   {_place(chunked)}" if chunked else ""),
            *problem.header,
            *_settings(solution),
        ],
        body=solution.summary(all_rows=job.verbose).split("\n"),
        status=found["status"],
        exit_code=0 if solution.as_predicted else 5,
        unit="nats",
        input=problem.input,
        options=found["options"],
        warnings=[*problem.warnings, *solution.warnings],
        timing=_timing(job, solution.seconds, solution.compile_seconds),
        extra={key: found[key] for key in ("n_steps", "trace", "predictions", "certificate")},
    )
    from ratiogan.trace import step_word

    interrupted = solution.status.value == "interrupted"
    if interrupted:
        report.exit_code = 1
    if chunked is not None:
        report.timing["workers"] = chunked.workers
        report.footer += chunked.replayed
    if whole is False and results.folder is not None:
        size = f"{8e-9 * chunked.grid.size:.2g} GB"
        report.footer.append(f"R itself ({size}) was not saved: with -o FOLDER it is, in chunks")
    if job.verbose:
        report.footer.append(
            f"solver {solution.seconds:.3f} s, compiling {solution.compile_seconds:.3f} s"
        )

    def draw(style, command):
        plots = drawing()

        return plots.figure(solution, style=style, command=command)

    def store(folder, command):
        forget_comparison(folder)
        if whole is None:
            solution.save(folder, command)
            return {"run": "run.npz"}
        *chunks, run = chunked.save(folder, command, chunks=whole)
        return {"run": run, **({"index": chunks[-1]} if chunks else {})}

    def animate(path, command):
        from ratiogan import animation

        animation.animate(solution, path, command=command, style=results.style)

    results.write(report, job, draw, store, animate, page=animate)
    if interrupted:
        held = "; run.npz holds it" if results.folder else ""
        report.notes.append(
            f"stopped at {step_word(solution.algorithm)} {solution.n_steps}{held}, "
            'status "interrupted"'
        )
    return report


def _place(chunked):
    """Where R lies, for the header."""
    from ratiogan.grid import plural

    return f"{plural(chunked.workers, 'worker')}, {plural(chunked.chunks, 'chunk')}"


def _timing(job, seconds, compile_seconds):
    return {"seconds": seconds, "compile_seconds": compile_seconds, "threads": job.threads}


def _settings(solution):
    """The header's line on game, geometry and step: two lines where one is too long."""
    options = solution.options
    if solution.algorithm == "wglgd":
        return _wrapped_settings("game  Wasserstein-1, u = -f, |slope of f| <= 1", options)
    if solution.algorithm == "wgan":
        return _wgan_settings(options)
    if solution.algorithm == "training":
        return _training_settings(options)
    game = f"game  {options['game']}"
    if solution.algorithm == "alternating":
        return [f"{game}     ties {options['ties']}"]
    return _wrapped_settings(f"game  {_game_and_loss(options['game'])}", options)


def _game_and_loss(spec):
    """The spec of a game with its generator's loss as a formula."""
    from ratiogan import games

    if is_own_code(spec):  # a user's file is not run again for a header
        return spec
    loss = games.game(spec).formulas.get("generator_loss")
    return f"{spec}, u = {loss}" if loss else spec


def _training_settings(options):
    """Losses, turns, rates and capacities, on as many lines as they take."""
    from ratiogan.text import significant

    game = f"game  {_game_and_loss(options['game'])}"
    if options["gen_loss"] != options["game"]:
        game = f"game  {options['game']}     gen-loss {_game_and_loss(options['gen_loss'])}"
    trained = options["disc_steps"] != "best"  # solved, or a kernel density: it has no rate
    rates = f"alpha {significant(options['alpha_gen'])} generator"
    if trained:
        rates = f"alpha {significant(options['alpha_disc'])} discriminator, {rates[6:]}"
    score = f"gradient {options['gradient']}"
    if options["gradient"] == "score":
        score += f", baseline {options['baseline'] or 'none'}"
    kde = options.get("discriminator") == "kde"
    players = [("disc", "discriminator")] if not kde else []
    players += [("gen", "generator")] if options["gen_cells"] is not None else []
    capacities = "capacity " + ", ".join(
        f"{options[f'{player}_cells']} cells {who}"
        + (f" smoothed by {significant(smooth)}" if (smooth := options[f"{player}_smooth"]) else "")
        for player, who in players
    )
    if kde:
        capacities = f"kernel densities of sd {_numbers(options['bandwidth'])}"
    if options.get("particles"):
        capacities += f", {options['particles']} particles"
    defaults = catalogue.ALGORITHMS["training"].defaults
    own = [
        f"{key.replace('_', ' ')} {options[key]}"
        for key in ("family", "inner_product")
        if options[key] != defaults[key]
    ]
    turns = _turns(options, "discriminator")
    return _joined([game, turns, f"{options['optimizer']}, {rates}", score, capacities, *own])


def _numbers(value):
    """One number or one for each axis."""
    from ratiogan.text import significant

    values = value if isinstance(value, (tuple, list)) else (value,)
    return " x ".join(significant(one, 3) for one in values)


def _turns(options, player):
    """Updates of both players per turn, and on what."""
    counts = [(options["disc_steps"], player), (options["gen_steps"], "generator")]
    steps = ", ".join(
        f"the best {who}" if n == "best" else f"{n} {who} update{'' if n == 1 else 's'}"
        for n, who in counts
    )
    rows = f"{options['data']} rows of data" if options.get("data") else ""
    if options["batch"] == "exact":
        seen = f"all {rows}" if rows else "exact expectations"
    else:
        seen = f"minibatch {options['batch']}" + (f" of {rows}" if rows else "")
    return f"turns of {steps}, {seen}"


def _joined(parts):
    """Parts of a header on one line while there is room; the next ones are indented."""
    from ratiogan.text import WIDTH

    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 5 + len(part) <= WIDTH:
            lines[-1] += f"     {part}"
        else:
            lines.append(f"      {part}")
    return lines


def _wgan_settings(options):
    """Critic, rates and minibatches, on two lines."""
    from ratiogan.text import significant

    clip = "not clipped" if options["clip"] is None else f"clip {significant(options['clip'])}"
    rates = (
        f"alpha {significant(options['alpha_disc'])} critic, "
        f"{significant(options['alpha_gen'])} generator"
    )
    defaults = catalogue.ALGORITHMS["wgan"].defaults
    # The command cannot change these: they are named where a run of Python's has others.
    own = [
        f"{word} {options[key]}"
        for key, word in (
            ("loss", "loss"),
            ("family", "generator"),
            ("inner_product", "inner product"),
        )
        if options[key] != defaults[key]
    ]
    return [
        f"critic  {options['critic']}, {clip}     {_turns(options, 'critic')}",
        "     ".join(
            [f"        {options['optimizer']}, {rates}", f"gradient {options['gradient']}", *own]
        ),
    ]


def _wrapped_settings(game, options):
    """Game, geometry and step on one line, or on two."""
    from ratiogan.text import WIDTH

    geometry = options["geometry"]
    reason = f" ({options['geometry_reason']})" if "geometry_reason" in options else ""
    parts = [
        game,
        f"geometry {geometry}, {GEOMETRY_LABELS[geometry]}{reason}",
        f"step {options['step']}, {_alpha(options)}",
    ]
    line = "     ".join(parts)
    return [line] if len(line) <= WIDTH else [game, "      " + "     ".join(parts[1:])]


def _alpha(options):
    from ratiogan.text import significant

    if options["alpha"] is None:
        return "alpha W1/|P_0 f|^2"
    text = f"alpha {significant(options['alpha'], 4)}"
    if not options.get("alpha_is_auto"):
        return text
    # The plain reason is the rule itself; any other one is worth saying.
    reason = str(options.get("alpha_reason", AUTO_RULE)).removeprefix("0.5, ")
    return f"{text} (auto)" if reason == AUTO_RULE else f"{text} (auto: {reason})"


def _report_comparison(job, results, problem, comparison, options):
    """The report on a comparison, written where it was asked for."""
    found = comparison.to_dict(all_rows=job.verbose)
    real, gen = (label.label.partition(":")[0] for label in (problem.real, problem.gen))
    count = len(comparison.runs)
    report = Report(
        "compare",
        finding=comparison.finding,
        header=[
            f"ratiogan compare   {count} run{'' if count == 1 else 's'}   real {real}   gen {gen}"
            f"   {problem.real.grid.describe()}   seed {job.seed}"
        ],
        body=comparison.summary(all_rows=job.verbose).split("\n"),
        markdown=comparison.markdown(),
        exit_code=0 if comparison.as_predicted else 5,
        unit="nats",
        input=problem.input,
        options={"specs": list(comparison.labels), **_given(options)},
        warnings=[
            *(*problem.warnings, *comparison.warnings),
            *(text for run in comparison.runs for text in run.warnings),
        ],
        timing=_timing(
            job,
            sum(run.seconds for run in comparison.runs),
            sum(run.compile_seconds for run in comparison.runs),
        ),
        extra={"runs": found["runs"]},
    )
    failed = len(comparison.failures)
    if comparison.interrupted or failed:
        report.exit_code = 1

    def draw(style, command):
        plots = drawing()

        return plots.figure(comparison, style=style, command=command)

    def store(folder, command):
        *runs, index = comparison.save(folder, command)
        return {**{f"run_{i}": name for i, name in enumerate(runs, 1)}, "index": index}

    def page(path, command):
        from ratiogan import animation

        animation.animate(comparison, path, command=command, style=results.style)

    results.write(report, job, draw, store, page=page)
    if comparison.interrupted:
        stopped = sum(run.status.value == "interrupted" for run in comparison.runs)
        where = f"in run {count}" if stopped < 2 else f"in {stopped} of {count} runs"
        if options.get("scheduler"):
            where = f"after {count} run{'' if count == 1 else 's'}"
        report.notes.append(f"stopped {where}; what was finished is kept")
    if failed:
        report.notes.append(f"{failed} of {failed + count} runs failed; the others are kept")
    return report
