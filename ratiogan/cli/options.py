"""Every option of the command line, once: its name, meaning and default never differ by command.

A command names the options it takes (`command`); the table `OPTIONS` says what they mean. Values
are checked here as far as text alone allows, so that a slip is answered before numba is loaded.
"""

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from ratiogan import catalogue
from ratiogan.errors import (
    InputError,
    check_choice,
    check_fraction,
    check_integer,
    check_number,
    check_positive,
    nearest,
)
from ratiogan.spec import is_own_code, parse, parse_value, resolve

PROBLEM = tuple("real gen grid domain density singular columns categorical nan format".split())
SAMPLES = tuple("real gen grid domain columns categorical nan format project".split())
GROUPS = tuple("group labels-real labels-gen".split())
RESULTS = tuple("out force no-save no-plot style figure-format".split())
CLUSTER = ("scheduler", "checkpoint")
COMMON = ("seed", "json", "threads", "quiet", "verbose", "version")


class Choice(click.ParamType):
    """One of a few words, completed and checked with the nearest names."""

    name = "choice"

    def __init__(self, names):
        self.names = tuple(names)

    def get_metavar(self, param, ctx=None):
        return "|".join(self.names)

    def convert(self, value, param, ctx):
        return check_choice(flag(param, ctx), value, self.names)

    def shell_complete(self, ctx, param, incomplete):
        return complete(self.names, incomplete)


class SpecText(click.ParamType):
    """NAME[:key=value,...] out of a table of the catalogue; own code FILE.py:NAME where allowed."""

    name = "spec"

    def __init__(self, entries, kind, see, own_code=False, others=()):
        self.entries = entries
        self.kind = kind
        self.see = see
        self.own_code = own_code
        self.others = others  # names of no table, which a command may know

    def convert(self, value, param, ctx):
        if self.own_code and value.endswith(".py"):
            raise InputError(
                f"{value} is a file: which {self.kind} in it?",
                argument=param.name,
                fix=f"Write {value}:NAME.",
            )
        if value not in self.others and not (self.own_code and is_own_code(value)):
            resolve(value, self.entries, self.kind, self.see)
        return value

    def shell_complete(self, ctx, param, incomplete):
        return complete_specs(self.entries, incomplete, or_files=self.own_code)


class RunSpec(click.ParamType):
    """ALGORITHM[:key=value,...]: its keys, and those of its game, are checked where it is run."""

    name = "spec"

    def convert(self, value, param, ctx):
        resolve(parse(value).name, catalogue.ALGORITHMS, "algorithm", "ratiogan list algorithms")
        return value

    def shell_complete(self, ctx, param, incomplete):
        return complete_specs(catalogue.ALGORITHMS, incomplete)


class Source(click.ParamType):
    """A preset or a file: read later, completed here."""

    name = "source"

    def convert(self, value, param, ctx):
        return value

    def shell_complete(self, ctx, param, incomplete):
        return complete_specs(catalogue.PRESETS, incomplete, or_files=True)


class Alpha(click.ParamType):
    """A positive number, or the word auto."""

    name = "alpha"

    def convert(self, value, param, ctx):
        if value == "auto":
            return value
        return check_positive(flag(param, ctx), value, fix="Pass a number such as 0.5, or auto.")


class Scheduler(click.ParamType):
    """local:N or tcp://HOST:PORT, checked before anything is loaded."""

    name = "scheduler"

    def convert(self, value, param, ctx):
        from ratiogan.cluster.connection import check_scheduler

        return check_scheduler(value)


class Tolerance(click.ParamType):
    """A number above 0; or 0, which asks for a fixed number of steps."""

    name = "tolerance"

    def convert(self, value, param, ctx):
        number = check_number(flag(param, ctx), value)
        if number < 0:
            raise InputError(
                f"{flag(param, ctx)} must be at least 0, got {value}.", argument=param.name
            )
        return number


class Positive(click.ParamType):
    """A positive number; or one of a few words, where there are any."""

    name = "positive"

    def __init__(self, *words):
        self.words = words

    def convert(self, value, param, ctx):
        if value in self.words:
            return value
        fix = f"Or pass {' or '.join(self.words)}." if self.words else None
        return check_positive(flag(param, ctx), value, fix=fix)

    def shell_complete(self, ctx, param, incomplete):
        return complete(self.words, incomplete)


class WholeOr(click.ParamType):
    """A whole number above 0, or a word."""

    name = "whole"

    def __init__(self, word):
        self.word = word

    def convert(self, value, param, ctx):
        return value if value == self.word else Whole(1).convert(value, param, ctx)

    def shell_complete(self, ctx, param, incomplete):
        return complete((self.word,), incomplete)


class NumberOr(click.ParamType):
    """Any finite number, or one of a few words."""

    name = "number"

    def __init__(self, *words):
        self.words = words

    def convert(self, value, param, ctx):
        if value in self.words:
            return value
        try:
            return check_number(flag(param, ctx), value)
        except InputError:
            near = nearest(str(value), self.words)
            raise InputError(
                f"{flag(param, ctx)} must be a number, {', '.join(self.words[:-1])} or "
                f"{self.words[-1]}, got {value!r}.",
                argument=param.name,
                fix=f"Nearest: {', '.join(near)}." if near else None,
            ) from None

    def shell_complete(self, ctx, param, incomplete):
        return complete(self.words, incomplete)


class Cells(click.ParamType):
    """How many cells: one number, or one per axis joined by x."""

    name = "cells"

    def convert(self, value, param, ctx):
        numbers = tuple(Whole(1).convert(part, param, ctx) for part in str(value).split("x"))
        return numbers[0] if len(numbers) == 1 else numbers


class Whole(click.ParamType):
    """A whole number, not below `minimum`; 1e5 is one too."""

    name = "whole"

    def __init__(self, minimum):
        self.minimum = minimum

    def convert(self, value, param, ctx):
        number = check_number(flag(param, ctx), value)
        if number.is_integer():
            number = int(number) if isinstance(value, float) or "e" in str(value) else int(value)
        return check_integer(flag(param, ctx), number, self.minimum)


class Fraction(click.ParamType):
    """A number between 0 and 1, both excluded."""

    name = "fraction"

    def convert(self, value, param, ctx):
        return check_fraction(flag(param, ctx), value)


class Threshold(click.ParamType):
    """A number above 0: a limit on R."""

    name = "threshold"

    def convert(self, value, param, ctx):
        return check_positive(flag(param, ctx), value)


class Limit(click.ParamType):
    """NAME=X: a limit on a measured number."""

    name = "limit"

    def convert(self, value, param, ctx):
        name, equals, number = str(value).partition("=")
        if not (name.strip() and equals and number.strip()):
            raise InputError(
                f"{flag(param, ctx)} must read NAME=X, got {value!r}.",
                argument=param.name,
                fix=f"Write for instance {flag(param, ctx)} jsd=0.02.",
            )
        name = name.strip()
        if name not in catalogue.LIMITS:
            near = nearest(name, catalogue.LIMITS)
            hint = f"Nearest: {', '.join(near)}. " if near else ""
            raise InputError(
                f'{flag(param, ctx)}: nothing is measured by the name "{name}".',
                argument=param.name,
                fix=f"{hint}See: ratiogan check --help",
            )
        return name, check_number(f"{flag(param, ctx)} {name}", number.strip())

    def shell_complete(self, ctx, param, incomplete):
        return complete([f"{name}=" for name in catalogue.LIMITS], incomplete)


class Words(click.ParamType):
    """Words separated by commas."""

    name = "words"

    def convert(self, value, param, ctx):
        return tuple(word.strip() for word in str(value).split(",") if word.strip())


class Numbers(click.ParamType):
    """Numbers separated by commas."""

    name = "numbers"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        return tuple(check_number(flag(param, ctx), part.strip()) for part in value.split(","))


class Sweep(click.ParamType):
    """KEY=V1,V2,...: one run per value."""

    name = "sweep"

    def convert(self, value, param, ctx):
        key, equals, values = str(value).partition("=")
        values = [parse_value(item.strip()) for item in values.split(",") if item.strip()]
        if not (key.strip() and equals and values):
            raise InputError(
                f"{flag(param, ctx)} must read KEY=V1,V2,..., got {value!r}.",
                argument="sweep",
                fix="Write for instance --sweep alpha=0.5,1,2.",
            )
        return key.strip().replace("-", "_"), values


def flag(param, ctx):
    """The name by which a user knows a parameter: an option, an argument or a variable."""
    if ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT:
        return param.envvar
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.name.upper()


def complete(names, incomplete):
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_specs(entries, incomplete, or_files=False):
    """Names that begin so; where none does, files: bash shows either names or files."""
    items = [
        CompletionItem(name, help=entry.summary)
        for name, entry in entries.items()
        if name.startswith(incomplete)
    ]
    return items or ([CompletionItem("", type="file")] if or_files else [])


class Option(click.Option):
    """An option that knows under which heading of ``--help`` it stands."""

    def __init__(self, *declarations, heading, **attributes):
        super().__init__(declarations, **attributes)
        self.heading = heading


def _option(heading, declarations, metavar=None, **attributes):
    def build():
        return Option(*declarations.split(), heading=heading, metavar=metavar, **attributes)

    return build


def _flag(heading, declarations, help):
    return _option(heading, declarations, is_flag=True, help=help)


def _show_version(ctx, param, value):
    if value:
        from ratiogan import __version__

        click.echo(f"ratiogan {__version__}")
        ctx.exit()


GAME_TYPE = SpecText(
    catalogue.GAMES, "game", "ratiogan games", own_code=True, others=("wasserstein",)
)
ALGORITHM_TYPE = RunSpec()

# The table of options, in the order in which --help prints them.
OPTIONS = {
    "real": _option(
        "Problem", "--real", "SOURCE", type=Source(), help="Reference p_r: a preset, a file, or -."
    ),
    "gen": _option(
        "Problem", "--gen", "SOURCE", type=Source(), help="Generator p_g: a preset, a file, or -."
    ),
    "grid": _option(
        "Problem",
        "--grid",
        "GRID",
        help="The cells: auto, 1024, 256x256, counts, categories or edges.npz, per column joined"
        " by x. Default: 1024 for presets (128x128 in 2-D), auto for samples.",
    ),
    "domain": _option(
        "Problem",
        "--domain",
        "LOW:HIGH,...",
        help="Where the cells lie, one LOW:HIGH per column. Default: the preset's, or the pooled"
        " range.",
    ),
    "density": _option(
        "Problem",
        "--density",
        type=Choice(("kde", "histogram")),
        help="How samples become a density. Default: kde; histogram for counts and categories.",
    ),
    "singular": _option(
        "Problem",
        "--singular",
        type=Choice(("error", "restrict")),
        default="error",
        help="Generator mass where p_r = 0: refuse it (default), or drop it and say so.",
    ),
    "columns": _option(
        "Problem", "--columns", "A,B", type=Words(), help="Columns by name or 0-based number."
    ),
    "categorical": _option(
        "Problem", "--categorical", "A", type=Words(), help="Columns to treat as categories."
    ),
    "nan": _option(
        "Problem",
        "--nan",
        type=Choice(("refuse", "drop")),
        default="refuse",
        help="NaN and empty fields: count and refuse (default), or drop their rows.",
    ),
    "format": _option(
        "Problem",
        "--format",
        type=Choice(("csv", "npy")),
        default="csv",
        help="What stdin holds, for a source given as -. Default: csv.",
    ),
    "project": _option(
        "Problem",
        "--project",
        "pca:K|FILE.npy",
        help="Reduce many columns to K <= 3: principal components of the pooled sample, or a saved"
        " matrix.",
    ),
    "group": _option(
        "Problem", "--group", "NAME", help="Column with the class of each row, in both tables."
    ),
    "labels-real": _option(
        "Problem", "--labels-real", "FILE", help="Classes of the real rows, one per row."
    ),
    "labels-gen": _option(
        "Problem", "--labels-gen", "FILE", help="Classes of the generated rows, one per row."
    ),
    "game": _option(
        "Algorithm",
        "--game",
        "SPEC",
        type=GAME_TYPE,
        help="The two players' losses, or FILE.py:NAME; dynamics and stability of nonparametric"
        " also take wasserstein. Default: non-saturating.",
    ),
    "gen-loss": _option(
        "Algorithm",
        "--gen-loss",
        "GAME",
        type=GAME_TYPE,
        help="The game whose generator's loss is taken, where it is not --game's.",
    ),
    "scenario": _option(
        "Algorithm",
        "--scenario",
        "NAME",
        type=SpecText(catalogue.SCENARIOS, "scenario", "ratiogan list scenarios"),
        help="A named setting that reproduces one slide; other options override it. Default: none.",
    ),
    "geometry": _option(
        "Algorithm",
        "--geometry",
        type=Choice(catalogue.GEOMETRIES),
        help="Inner product of gradient, projection and step. Default: reference; conditional"
        " of a KDE: fisher.",
    ),
    "step": _option(
        "Algorithm",
        "--step",
        type=Choice(catalogue.STEPS),
        help="The step rule. Default: constant.",
    ),
    "alpha": _option(
        "Algorithm",
        "--alpha",
        "FLOAT|auto",
        type=Alpha(),
        help="The step size. Default: auto, 1/(2 Phi''(1)): near R = 1 the error halves at every"
        " step; wglgd: from W1 at the start; dynamics, stability: the field's, mostly 0.1.",
    ),
    "tol": _option(
        "Algorithm",
        "--tol",
        "FLOAT",
        type=Tolerance(),
        help="Stop when max|R-1| (wglgd, wgan: W1; training: JSD) is below. With 0 it takes"
        " --max-steps steps. Default: 1e-10; wgan, training: 0. dynamics: the field's norm."
        " Default: 1e-12. wasserstein: the certified"
        " relative gap, above 0. Default: 1e-3.",
    ),
    "max-steps": _option(
        "Algorithm", "--max-steps", "INT", type=Whole(1), help="Most steps. Default: by algorithm."
    ),
    "metric": _option(
        "Algorithm",
        "--metric",
        type=Choice(catalogue.METRICS),
        help="Distance between points, for Wasserstein-1. Default: euclidean.",
    ),
    "mass": _option(
        "Algorithm",
        "--mass",
        type=Choice(catalogue.MASSES),
        help="Where a cell's mass sits: at its centre (default), or spread over it (1-D).",
    ),
    "ties": _option(
        "Algorithm",
        "--ties",
        type=Choice(catalogue.TIES),
        help="Which cell when several attain argmax f. Default: random.",
    ),
    "critic": _option(
        "Algorithm",
        "--critic",
        type=Choice(catalogue.CRITICS),
        help="What the critic's weights are: its slopes, or factors of max(0, y - b_j). Default:"
        " slopes.",
    ),
    "clip": _option(
        "Algorithm",
        "--clip",
        "FLOAT|none",
        type=Positive("none"),
        help="The largest size of the critic's weights: larger ones are clipped. Default: 0.01.",
    ),
    "alpha-gen": _option(
        "Algorithm",
        "--alpha-gen",
        "FLOAT",
        type=Tolerance(),
        help="The generator's learning rate; 0 keeps it where it is. Default: 2e-4; wgan: 5e-5."
        " dynamics (above 0): --alpha.",
    ),
    "alpha-disc": _option(
        "Algorithm",
        "--alpha-disc",
        "FLOAT",
        type=Tolerance(),
        help="The discriminator's (wgan: the critic's, above 0) learning rate. Default: 0.01;"
        " wgan: 5e-5. dynamics: --alpha.",
    ),
    "gen-steps": _option(
        "Algorithm",
        "--gen-steps",
        "INT",
        type=Whole(1),
        help="Generator updates per turn. Default: 1.",
    ),
    "disc-steps": _option(
        "Algorithm",
        "--disc-steps",
        "INT|best",
        type=WholeOr("best"),
        help="Updates of the discriminator, or critic, per turn: N_d, n_critic. best (training,"
        " with --batch exact): solved. dynamics: of --method alternating. Default: 1; wgan: 5.",
    ),
    "batch": _option(
        "Algorithm",
        "--batch",
        "INT|exact",
        type=WholeOr("exact"),
        help="Size of the minibatches, or exact expectations. Default: 64.",
    ),
    "data": _option(
        "Algorithm",
        "--data",
        "INT",
        type=Whole(1),
        help="Train on a fixed sample of p_r with this many rows. Default: fresh samples.",
    ),
    "disc-cells": _option(
        "Algorithm",
        "--disc-cells",
        "INT|16x16",
        type=Cells(),
        help="The discriminator's capacity: its weights along each axis, at most the cells of"
        " --grid. Default: all of them.",
    ),
    "gen-cells": _option(
        "Algorithm",
        "--gen-cells",
        "INT|16x16",
        type=Cells(),
        help="The generator's capacity, in the same way. Default: all cells.",
    ),
    "disc-smooth": _option(
        "Algorithm",
        "--disc-smooth",
        "FLOAT",
        type=Tolerance(),
        help="Sd, in the unit of the axes, of a Gaussian that smooths the discriminator. Default:"
        " 0.",
    ),
    "gen-smooth": _option(
        "Algorithm",
        "--gen-smooth",
        "FLOAT",
        type=Tolerance(),
        help="The same of the generator's log-ratio. Default: 0.",
    ),
    "optimizer": _option(
        "Algorithm",
        "--optimizer",
        "SPEC",
        type=SpecText(catalogue.OPTIMIZERS, "optimizer", "ratiogan list optimizers"),
        help="Of both players: sgd, momentum, rmsprop or adam. Default: adam; wgan: rmsprop.",
    ),
    "gradient": _option(
        "Algorithm",
        "--gradient",
        type=Choice(("exact", "score")),
        help="The generator's gradient given f: the sum over all cells, or its score-function"
        " estimate from a minibatch. Default: exact. (For wgan's family=shift, in Python and"
        " compare, the estimate is pathwise.)",
    ),
    "baseline": _option(
        "Algorithm",
        "--baseline",
        "none|constant|leave-one-out|FLOAT",
        type=NumberOr("none", "constant", "leave-one-out"),
        help="What --gradient score takes off u: nothing, u at R = 1, the mean of the minibatch's"
        " other samples, or a number. Default: none.",
    ),
    "inner-product": _option(
        "Algorithm",
        "--inner-product",
        type=Choice(catalogue.INNER_PRODUCTS),
        help="Of the gradients in weights: divided by shares of p_r, by nothing, or the"
        " generator's by its own shares. Default: reference.",
    ),
    "family": _option(
        "Algorithm",
        "--family",
        type=Choice(catalogue.FAMILIES),
        help="One logit per cell, R itself, or samples that move (with defaults of their own:"
        " ratiogan explain particles). Default: logits.",
    ),
    "particles": _option(
        "Algorithm",
        "--particles",
        "INT",
        type=Whole(1),
        help="How many samples move. Only with --family particles. Default: 2000.",
    ),
    "discriminator": _option(
        "Algorithm",
        "--discriminator",
        type=Choice(catalogue.DISCRIMINATORS),
        help="Of particles: one logit per cell, or the best response to kernel densities. Only"
        " with --family particles.",
    ),
    "bandwidth": _option(
        "Algorithm",
        "--bandwidth",
        "FLOAT",
        type=Positive(),
        help="Sd of the kernels of --discriminator kde.",
    ),
    "method": _option(
        "Algorithm",
        "--method",
        "SPEC",
        type=SpecText(catalogue.METHODS, "method", "ratiogan list methods"),
        multiple=True,
        help="A way of taking steps, with its parameters, such as momentum:beta=-0.5 or flow."
        " Repeat it to see several side by side. Default: simultaneous (matrix games: four;"
        " stability: flow, simultaneous, alternating, extragradient).",
    ),
    "start": _option(
        "Algorithm",
        "--start",
        "X,Y",
        type=Numbers(),
        help="Initial state, the generator's coordinates first. Default: the field's.",
    ),
    "point": _option(
        "Algorithm",
        "--point",
        "X,Y",
        type=Numbers(),
        help="The equilibrium. Default: the field's first.",
    ),
    "sweep": _option(
        "Algorithm",
        "--sweep",
        "KEY=V1,V2,...",
        type=Sweep(),
        multiple=True,
        help="One run per value, such as alpha=0.5,1,2. Two --sweep options make every combination:"
        " of training runs a map. All keys are in: ratiogan list algorithms.",
    ),
    "level": _option(
        "Algorithm",
        "--level",
        "FLOAT",
        type=Fraction(),
        default=0.95,
        help="Confidence level of intervals. Default: 0.95.",
    ),
    "resamples": _option(
        "Algorithm",
        "--resamples",
        "INT",
        type=Whole(100),
        default=2000,
        help="Bootstrap and permutation replicates; Wasserstein-1 of two and three columns always"
        " has 99. Default: 2000.",
    ),
    "max": _option(
        "Algorithm",
        "--max",
        "NAME=X",
        type=Limit(),
        multiple=True,
        help="Fail where NAME is above X, such as jsd=0.02. Repeatable. NAME: a divergence of"
        " `ratiogan table`, wasserstein, p-value, precision, recall, coverage, missing-modes.",
    ),
    "min": _option(
        "Algorithm",
        "--min",
        "NAME=X",
        type=Limit(),
        multiple=True,
        help="Fail where NAME is below X, such as coverage=0.95. Repeatable.",
    ),
    "bound": _option(
        "Algorithm",
        "--bound",
        type=Choice(("upper", "lower", "value")),
        help="Which end of the interval is tested. Default: the unfavourable one.",
    ),
    "covered": _option(
        "Algorithm",
        "--covered",
        "FLOAT",
        type=Threshold(),
        default=0.5,
        help="A mode is covered where the lower end of R is above this. Default: 0.5.",
    ),
    "thinned": _option(
        "Algorithm",
        "--thinned",
        "FLOAT",
        type=Threshold(),
        default=0.8,
        help="It is thinned where the upper end of R is below this. Default: 0.8.",
    ),
    "missing": _option(
        "Algorithm",
        "--missing",
        "FLOAT",
        type=Threshold(),
        default=0.05,
        help="It is missing where the upper end of R is below this. Default: 0.05.",
    ),
    "unit": _option(
        "Results",
        "--unit",
        type=Choice(("nats", "bits")),
        default="nats",
        help="Unit of divergences. Default: nats.",
    ),
    "seed": _option(
        "Results",
        "--seed",
        "INT",
        type=Whole(0),
        default=0,
        help="Seed of everything random. Default: 0.",
    ),
    "out": _option(
        "Results",
        "--out -o",
        "PATH",
        help="Where results go: a folder; for plot, animate, count and merge the file itself."
        " Default: the next free ratiogan-runs/NAME-001 for run, compare and dynamics; others write"
        " nothing.",
    ),
    "force": _flag("Results", "--force", "Overwrite files of ours that exist."),
    "no-save": _flag("Results", "--no-save", "Write nothing."),
    "no-plot": _flag("Results", "--no-plot", "Write no figure."),
    "style": _option(
        "Results",
        "--style",
        type=Choice(catalogue.STYLES),
        help="Figure style. Default: slide.",
    ),
    "figure-format": _option(
        "Results",
        "--figure-format",
        type=Choice(catalogue.FIGURE_FORMATS),
        help="Format of the figure. Default: png.",
    ),
    "animate": _option(
        "Results", "--animate", "FILE.gif|FILE.html", help="Also make the animation."
    ),
    "html": _option("Results", "--html", "FILE", help="Also make one self-contained report."),
    "json": _flag("Results", "--json", "Print JSON instead of text."),
    "markdown": _flag("Results", "--markdown", "Print Markdown tables instead of text."),
    "scheduler": _option(
        "General",
        "--scheduler",
        "local:N|tcp://HOST:PORT",
        type=Scheduler(),
        help="Run on Dask workers: N processes here, or a running cluster. Default: this process.",
    ),
    "checkpoint": _option(
        "General",
        "--checkpoint",
        "DIR",
        help="Keep there what an interrupted command on --scheduler needs to go on.",
    ),
    "threads": _option(
        "General",
        "--threads",
        "INT",
        type=Whole(1),
        envvar="RATIOGAN_THREADS",
        help="Threads. Default: all cores above the size where it pays.",
    ),
    "quiet": _flag("General", "quiet -q", "Print the finding only."),
    "verbose": _flag("General", "verbose -v", "Print every recorded row, timings and warnings."),
    "version": _option(
        "General",
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Print the version.",
    ),
}
