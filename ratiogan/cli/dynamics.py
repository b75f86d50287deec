"""Commands on games of few parameters: dynamics, stability."""

import click

from ratiogan import catalogue
from ratiogan.cli.frame import command
from ratiogan.cli.options import SpecText
from ratiogan.cli.output import Report, drawing
from ratiogan.cli.saving import Results
from ratiogan.errors import InputError
from ratiogan.spec import is_own_code

FIELD_TYPE = SpecText(catalogue.FIELDS, "field", "ratiogan list fields", own_code=True)
_FIELD = {"metavar": "[FIELD]", "type": FIELD_TYPE, "required": False, "default": "bilinear"}
_FILES = ("out", "force", "no-save", "no-plot", "style", "figure-format")


@command(
    "dynamics",
    sentence="Simulate a game of few parameters, method beside method.",
    example="ratiogan dynamics --method simultaneous --method alternating --alpha 0.2",
    options=(
        *("game", "method", "start", "alpha", "alpha-gen", "alpha-disc", "gen-steps"),
        *("disc-steps", "tol", "max-steps", "sweep", *_FILES, "animate"),
    ),
    arguments=[click.Argument(["field"], **_FIELD)],
)
def dynamics(job, field, **options):
    results = Results("dynamics", options)
    import ratiogan

    made = _field(field, options.pop("game"), options["start"])
    methods, sweep = options.pop("method"), _one_sweep(options.pop("sweep"))
    given = {key: value for key, value in options.items() if value is not None}
    found = ratiogan.dynamics.simulate_several(made, methods, sweep=sweep, **given)
    report = Report(
        "dynamics",
        finding=found.finding,
        header=_header("dynamics", found.field, job) + _settings(found),
        body=found.summary().split("\n"),
        exit_code=0 if found.as_predicted else 5,
        options={
            "field": found.field.spec,
            "start": found.trajectories[0].states[0][:32],
            "sweep": sweep,
            "alpha": found.trajectories[0].alpha_gen,
            "max_steps": 500,
            "tol": 1e-12,
            **given,
            "method": [run.method for run in found.trajectories],
        },
        timing=_timing(job, sum(run.seconds for run in found.trajectories)),
        extra=found.to_dict(),
    )
    for run in found.trajectories:
        if not run.as_predicted:
            report.warnings.append(f"not as predicted: {run.finding}")

    def draw(style, command):
        return drawing().figure(found, style=style, command=command)

    def store(folder, command):
        from ratiogan.dynamics import saving

        saving.save(found, folder, command)
        return {"run": "run.npz"}

    def animate(path, command):
        from ratiogan import animation

        animation.animate(found, path, command=command, style=results.style)

    results.write(report, job, draw, store, animate)
    return report


@command(
    "stability",
    sentence="Is the equilibrium stable? Eigenvalues, verdict, largest stable step.",
    example="ratiogan stability dirac:loss=gan,reg=r1,gamma=0.5 --alpha 0.2",
    options=("game", "method", "point", "alpha", "sweep", *_FILES),
    arguments=[click.Argument(["field"], **_FIELD)],
)
def stability(job, field, **options):
    results = Results(None, options)
    import ratiogan

    made = _field(field, options.pop("game"), options["point"])
    methods, sweep = options.pop("method"), _one_sweep(options.pop("sweep"))
    given = {key: value for key, value in options.items() if value is not None}
    found = ratiogan.dynamics.stability(made, methods=methods, sweep=sweep, **given)
    report = Report(
        "stability",
        finding=found.finding,
        header=_header("stability", found.field, job),
        body=found.summary().split("\n"),
        options={
            "field": found.field.spec,
            "sweep": sweep,
            **given,
            "alpha": found.alpha,
            "method": [row.method for row in found.methods],
        },
        timing=_timing(job, found.seconds),
        extra=found.to_dict(),
    )
    if results.folder is None and not results.no_save:
        report.footer.append("wrote nothing (add -o FOLDER for the figure)")

    def draw(style, command):
        return drawing().figure(found, style=style, command=command)

    results.write(report, job, draw)
    return report


def _field(text, game, start):
    """The field as typed: by name, so that a sweep can change its parameters, or own code."""
    from ratiogan.dynamics import fields

    if is_own_code(text) and ".py:" in text and text.partition(":")[0] not in catalogue.FIELDS:
        _refuse_game(text, game)
        return fields.field(text) if start is None else fields.field(text, start=start)
    if text.partition(":")[0] != "nonparametric":
        _refuse_game(text, game)
        return text
    return text if game is None else fields.field(text, game=game)


def _refuse_game(text, game):
    if game is not None:
        raise InputError(
            f"--game belongs to the field nonparametric, the field is {text}.",
            argument="game",
            fix=f"Write: ratiogan dynamics nonparametric --game {game}",
        )


def _one_sweep(pairs):
    if len(pairs) > 1:
        raise InputError(
            f"--sweep takes one key here, got {' and '.join(key for key, _ in pairs)}.",
            argument="sweep",
            fix="Run once per value of the other.",
        )
    return pairs[0] if pairs else None


def _header(name, field, job):
    from ratiogan.text import wrap

    shares = f"{field.n_gen} of the generator"
    lines = [f"ratiogan {name} {field.spec}   seed {job.seed}   {field.size} coordinates, {shares}"]
    return [*lines, *wrap(f"{field.summary}:  {field.formula}", 118).split("\n")]


def _settings(found):
    from ratiogan.text import WIDTH, significant

    run = found.trajectories[0]
    parts = [f"start {found.field.said(run.states[0])}"]
    met = [one.equilibrium for one in found.trajectories if one.equilibrium is not None]
    if met and all((point == met[0]).all() for point in met):
        parts.append(f"equilibrium {found.field.said(met[0])}")
    elif met:
        parts.append("distances to the equilibrium nearest to each end")
    if run.alpha_gen == run.alpha_disc:
        parts.append(f"alpha {significant(run.alpha_gen)}")
    else:
        parts.append(
            f"alpha {significant(run.alpha_gen)} generator, {significant(run.alpha_disc)} "
            "discriminator"
        )
    line = "     ".join(parts)
    return [line] if len(line) <= WIDTH else parts


def _timing(job, seconds):
    return {"seconds": seconds, "compile_seconds": 0.0, "threads": job.threads}
