"""Commands on names, text only: explain, list, completion. Nothing numerical is imported here."""

import os

import click

from ratiogan import catalogue
from ratiogan.cli.frame import command
from ratiogan.cli.options import Choice, complete
from ratiogan.cli.output import Report, labelled
from ratiogan.errors import InputError, nearest
from ratiogan.spec import format_value


class ExplainName(click.ParamType):
    """Anything that has an explanation."""

    name = "name"

    def convert(self, value, param, ctx):
        return value

    def shell_complete(self, ctx, param, incomplete):
        from ratiogan.explanations import EXPLANATIONS

        return complete(EXPLANATIONS, incomplete)


@command(
    "explain",
    sentence="Say what a name or number stands for: statement, argument, command, source.",
    example="ratiogan explain glgd",
    arguments=[
        click.Argument(["words"], metavar="[NAME]", type=ExplainName(), nargs=-1, required=False),
    ],
)
def explain(job, words):
    from ratiogan.explanations import ALIASES, EXPLANATIONS, find

    if not words:
        return _index(EXPLANATIONS)
    text = " ".join(words)
    entry = find(text)
    if entry is None:
        near = nearest(text, [*EXPLANATIONS, *ALIASES])
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise InputError(
            f'nothing is known about "{text}".', argument="name", fix=f"{hint}See: ratiogan explain"
        )
    return Report(
        "explain",
        finding=entry.statement,
        header=[f"{entry.name}   {entry.kind}"],
        body=_explanation_lines(entry),
        options={"name": entry.name},
        extra={"explanations": [_explanation_dict(entry)]},
    )


def _index(explanations):
    """All names that have an explanation, by kind."""
    from ratiogan.text import wrap

    lines = []
    for kind in dict.fromkeys(entry.kind for entry in explanations.values()):
        names = [entry.name for entry in explanations.values() if entry.kind == kind]
        wrapped = wrap("   ".join(names), 96).split("\n")
        lines += [f"  {kind if i == 0 else '':12}{line}" for i, line in enumerate(wrapped)]
    return Report(
        "explain",
        finding=f"{len(explanations)} names can be explained: {', '.join(explanations)}.",
        header=["what can be explained: ratiogan explain NAME"],
        body=lines,
        options={"name": None},
        extra={"explanations": [_explanation_dict(entry) for entry in explanations.values()]},
    )


def _explanation_lines(entry):
    from ratiogan.text import wrap

    lines = []
    if entry.printed:
        lines += labelled("as printed", wrap(entry.printed), 12)
        lines += labelled("in truth", wrap(entry.statement), 12)
    else:
        lines += wrap(entry.statement).split("\n")
    lines += ["", *wrap(entry.argument).split("\n"), ""]
    parameters = _entry_of(entry.name)
    if parameters is not None and parameters.defaults:
        for key, value in parameters.defaults.items():
            lines.append(f"  {f'{key}={_value(value)}':24}{parameters.help.get(key, '')}".rstrip())
        lines.append("")
    lines += labelled("see it", entry.command, 12)
    lines += labelled("source", wrap(entry.source, 95), 12)
    if entry.related:
        lines += labelled("related", wrap(", ".join(entry.related), 95), 12)
    return lines


def _entry_of(name):
    """The catalogue's entry of a name with parameters."""
    for table in (
        *(catalogue.GAMES, catalogue.PRESETS, catalogue.ALGORITHMS),
        *(catalogue.FIELDS, catalogue.METHODS),
    ):
        if name in table:
            return table[name]
    return None


def _explanation_dict(entry):
    return {
        "name": entry.name,
        "kind": entry.kind,
        "statement": entry.statement,
        "printed": entry.printed,
        "argument": entry.argument,
        "command": entry.command,
        "source": entry.source,
        "related": list(entry.related),
    }


# What `list` can list: KIND -> (what it is, its entries). Later issues add a line each.
LISTS = {
    "presets": ("named distributions, for --real and --gen", lambda: catalogue.PRESETS),
    "games": ("GAN games, for --game (in full: ratiogan games)", lambda: catalogue.GAMES),
    "divergences": ("for table and check (in full: ratiogan table)", lambda: catalogue.DIVERGENCES),
    "algorithms": ("for run and compare", lambda: catalogue.ALGORITHMS),
    "geometries": ("inner products, for --geometry", lambda: catalogue.GEOMETRIES),
    "steps": ("step rules, for --step", lambda: catalogue.STEPS),
    "metrics": ("distances between points, for --metric", lambda: catalogue.METRICS),
    "ties": ("tie rules, for --ties", lambda: catalogue.TIES),
    "optimizers": ("optimizers, for --optimizer", lambda: catalogue.OPTIMIZERS),
    "scenarios": ("settings of training, for --scenario", lambda: catalogue.SCENARIOS),
    "families": ("of generators that training trains, for --family", lambda: catalogue.FAMILIES),
    "discriminators": ("of particles, for --discriminator", lambda: catalogue.DISCRIMINATORS),
    "inner-products": ("of training, for --inner-product", lambda: catalogue.INNER_PRODUCTS),
    "fields": ("games of few parameters, for dynamics and stability", lambda: catalogue.FIELDS),
    "methods": ("ways of taking steps, for --method", lambda: catalogue.METHODS),
    "critics": ("critics of wgan, for --critic", lambda: catalogue.CRITICS),
    "statuses": ("how a run can end", lambda: catalogue.STATUSES),
    "styles": ("of figures, for --style", lambda: catalogue.STYLES),
    "palettes": ("what each colour means in every figure", None),
    "schema": ("the JSON Schema of all --json output", None),
}


class ListKind(Choice):
    """A kind of names."""

    def convert(self, value, param, ctx):
        if value not in self.names:
            near = nearest(value, self.names)
            hint = f"Nearest: {', '.join(near)}. " if near else ""
            raise InputError(
                f'no list "{value}".', argument="kind", fix=f"{hint}Known: {', '.join(self.names)}."
            )
        return value


@command(
    "list",
    sentence="List the names that options accept: presets, games, statuses and others.",
    example="ratiogan list presets",
    arguments=[
        click.Argument(["kind"], metavar="[KIND]", type=ListKind(LISTS), required=False),
    ],
)
def list_names(job, kind):
    if kind is None:
        rows = [(name, what) for name, (what, _) in LISTS.items()]
        return _listing(job, None, "what can be listed: ratiogan list KIND", rows)
    what, entries = LISTS[kind]
    if kind == "schema":
        text = schema_text()
        report = Report("list", body=text.rstrip("\n").split("\n"), options={"kind": kind})
        if job.as_json:
            import json

            report.extra = {"entries": [], "document": json.loads(text)}
        return report
    if kind == "palettes":
        return _listing(job, kind, what, list(catalogue.PALETTE.items()))
    rows = []
    for entry in entries().values():
        rows.append((entry.name, entry.summary))
        rows += [
            (f"  {key}={_value(value)}", entry.help.get(key, ""))
            for key, value in entry.defaults.items()
        ]
    report = _listing(job, kind, what, rows)
    report.extra["entries"] = [
        {
            "name": entry.name,
            "summary": entry.summary,
            "parameters": {
                key: {"default": _value(value), "help": entry.help.get(key, "")}
                for key, value in entry.defaults.items()
            },
        }
        for entry in entries().values()
    ]
    return report


def _value(value):
    return "none" if value in ((), None) else format_value(value)


def _listing(job, kind, what, rows):
    names = [name for name, _ in rows if not name.startswith(" ")]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:{width}}   {text}".rstrip() for name, text in rows]
    title = f"{kind}: {what}" if kind else what
    return Report(
        "list",
        finding=f"{len(names)} {kind or 'lists'}: {', '.join(names)}.",
        header=[title],
        body=lines,
        options={"kind": kind},
        extra={"entries": [{"name": name, "summary": text} for name, text in rows]},
    )


def schema_text():
    """The JSON Schema that ships beside this file."""
    with open(os.path.join(os.path.dirname(__file__), "schema.json"), encoding="ascii") as file:
        return file.read()


SHELLS = {
    "bash": 'eval "$(ratiogan completion bash)"     in ~/.bashrc',
    "zsh": 'eval "$(ratiogan completion zsh)"      in ~/.zshrc',
    "fish": "ratiogan completion fish | source      in ~/.config/fish/config.fish",
}


@command(
    "completion",
    sentence="Print the script that completes commands, options and names in your shell.",
    example='eval "$(ratiogan completion bash)"',
    arguments=[
        click.Argument(["shell"], metavar="[SHELL]", type=Choice(SHELLS), required=False),
    ],
)
def completion(job, shell):
    if shell is None:
        lines = [f"  {name:6}{line}" for name, line in SHELLS.items()]
        return Report(
            "completion",
            header=["completion: put one line in your shell's start-up"],
            body=lines,
            options={"shell": None},
            extra={"script": None},
        )
    from click.shell_completion import get_completion_class

    from ratiogan.cli.main import cli

    # Not .source(): for bash it starts a bash to ask for its version.
    script = get_completion_class(shell)(cli, {}, "ratiogan", "_RATIOGAN_COMPLETE")
    text = script.source_template % script.source_vars()
    return Report(
        "completion",
        body=text.rstrip("\n").split("\n"),
        options={"shell": shell},
        extra={"script": text},
    )
