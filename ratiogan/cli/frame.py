"""What all commands stand on: lazy groups, help pages, and the `Job` that a command is handed."""

import time

import click

from ratiogan.cli.options import COMMON, OPTIONS
from ratiogan.errors import InputError, nearest

EXIT_CODES = {
    0: "done; what happened is what the theory predicts for these settings",
    1: "runtime error, or interrupted (what was finished is kept and named)",
    2: "usage: bad option, bad file, refused input",
    3: "a check failed",
    4: "could not measure: no rows, all NaN, too few samples for the question",
    5: "the outcome is not the predicted one",
}

HEADINGS = ("Problem", "Algorithm", "Results", "General")


class Job:
    """What every command shares: the command as typed, the seed, and how to print.

    Attributes
    ----------
    command : list of str
        The whole command, with ``--seed`` even where it was not typed: it makes the output again.
    seed : int
    as_json, markdown, quiet, verbose : bool
    threads : int or None
    """

    def __init__(self, words, values):
        self.started = time.perf_counter()
        self.seed = values.pop("seed", 0)
        self.as_json = values.pop("json", False)
        self.markdown = values.pop("markdown", False)
        self.quiet = values.pop("quiet", False)
        self.verbose = values.pop("verbose", False)
        self.threads = values.pop("threads", None)
        self.command = ["ratiogan", *words]
        if self.seed is not None and not any(
            word == "--seed" or word.startswith("--seed=") for word in words
        ):
            self.command += ["--seed", str(self.seed)]

    @property
    def seconds(self):
        """Wall-clock seconds since the command began."""
        return time.perf_counter() - self.started


class Command(click.Command):
    """A command whose callback takes a `Job` and its own options, and returns a `Report`."""

    def __init__(self, name, callback, sentence, example, options, arguments=()):
        names = [known for known in OPTIONS if known in options or known in COMMON]
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise KeyError(f"not in the table of options: {sorted(unknown)}")
        super().__init__(
            name,
            callback=callback,
            params=[*arguments, *(OPTIONS[known]() for known in names)],
            help=sentence,
            short_help=sentence,
            context_settings=CONTEXT,
        )
        self.example = example

    def invoke(self, ctx):
        values = dict(ctx.params)
        job = Job(ctx.find_root().obj or [], values)
        report = self.callback(job, **values)
        report.job = job
        return report

    def format_help(self, ctx, formatter):
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        with formatter.section("Example"):
            formatter.write_text(self.example)
        self.format_options(ctx, formatter)
        write_exit_codes(formatter)

    def format_options(self, ctx, formatter):
        for heading in HEADINGS:
            rows = [
                param.get_help_record(ctx)
                for param in self.get_params(ctx)
                if isinstance(param, click.Option)
                and getattr(param, "heading", "General") == heading
            ]
            rows = [row for row in rows if row]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows, col_max=34)


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def write_exit_codes(formatter):
    """The exit codes stand in every ``--help``."""
    with formatter.section("Exit codes"):
        formatter.write_dl([(str(code), text) for code, text in EXIT_CODES.items()])


def command(name, sentence, example, options=(), arguments=()):
    """Decorator: a function ``f(job, **options) -> Report`` becomes a command."""

    def decorate(callback):
        return Command(name, callback, sentence, example, options, arguments)

    return decorate


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, from a table of names."""

    def __init__(self, name, table, what="command", see="ratiogan --help", **attributes):
        super().__init__(name, invoke_without_command=True, context_settings=CONTEXT, **attributes)
        self.table = table
        self.what = what
        self.see = see

    def list_commands(self, ctx):
        return list(self.table)

    def get_command(self, ctx, name):
        if name not in self.table:
            return None
        import importlib

        module, _, function = self.table[name][0].partition(":")
        return getattr(importlib.import_module(module), function)

    def resolve_command(self, ctx, args):
        name = args[0]
        if name not in self.table:
            near = nearest(name, self.table)
            hint = f"Nearest: {', '.join(near)}. " if near else ""
            raise InputError(f'no {self.what} "{name}".', fix=f"{hint}See: {self.see}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx, incomplete):
        from click.shell_completion import CompletionItem

        own = [
            CompletionItem(name, help=row[2])
            for name, row in self.table.items()
            if name.startswith(incomplete)
        ]
        # Options of the group itself; click would import every command to offer its help.
        return own + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx, formatter):
        headings = dict.fromkeys(row[1] for row in self.table.values())
        for heading in headings:
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, row[2]) for name, row in self.table.items() if row[1] == heading]
                )

    def format_epilog(self, ctx, formatter):
        write_exit_codes(formatter)
