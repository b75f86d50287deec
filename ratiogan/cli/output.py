"""What a command hands back, and how it is printed: text, Markdown, the JSON envelope, errors.

Results go to stdout, everything else to stderr. stdout is plain ASCII; colour only underlines what
the words already say, and only on a terminal.
"""

import os
import shlex
import sys
from dataclasses import dataclass, field

SCHEMA_VERSION = 1


@dataclass
class Report:
    """The outcome of one command, before anybody decides how to print it.

    Attributes
    ----------
    kind : str
        What the JSON calls it: ``run``, ``compare``, ``games``, ...
    finding : str
        The one sentence with a number in it.
    header, body, footer : list of str
        Lines of the text output; the finding is the first line of `body`.
    extra : dict
        The keys that only this kind has in the JSON.
    """

    kind: str
    finding: str = None
    header: list = field(default_factory=list)
    body: list = field(default_factory=list)
    footer: list = field(default_factory=list)
    markdown: str = None
    status: dict = None
    exit_code: int = 0
    unit: str = None
    input: dict = None
    options: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    timing: dict = None
    extra: dict = field(default_factory=dict)
    job: object = None

    def text(self):
        """The text output as one string."""
        blocks = [self.header, self.body, self.footer]
        return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def envelope(report, job):
    """The JSON object of one command, keys in the order of the specification."""
    from ratiogan import __version__

    timing = report.timing or {"seconds": job.seconds, "compile_seconds": 0.0}
    return {
        "schema": "ratiogan",
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "kind": report.kind,
        "command": job.command,
        "seed": job.seed,
        "unit": report.unit,
        "input": report.input,
        "options": report.options,
        "finding": report.finding,
        "status": report.status,
        "exit_code": report.exit_code,
        "warnings": list(report.warnings),
        "files": report.files,
        "timing": {**timing, "threads": timing.get("threads", job.threads)},
        **report.extra,
    }


def dump(value):
    """Strict JSON text: ASCII, no NaN, arrays as lists, infinities as objects."""
    import json

    from ratiogan.text import jsonable

    return json.dumps(jsonable(value), indent=2, allow_nan=False) + "\n"


def labelled(label, text, width):
    """Lines of `width` columns for a label, which stands before the first, and the text."""
    return [f"{label if i == 0 else '':{width}}{line}" for i, line in enumerate(text.split("\n"))]


def again(job):
    """The line that makes the output again."""
    return f"again: {shlex.join(job.command)}"


def emit(report, job):
    """Print a report as the job asks for it."""
    for line in report.notes:
        say(line)
    if not job.as_json:
        warn(report.warnings, job)
    if job.as_json:
        write(dump(envelope(report, job)))
    elif job.quiet:
        write((report.finding or report.text().rstrip("\n")) + "\n")
    elif job.markdown and report.markdown:
        write(report.markdown.rstrip("\n") + "\n")
    else:
        write(paint(report.text(), report))


def warn(warnings, job):
    """Warnings on stderr: the first three, all of them with ``-v``, none with ``-q``."""
    shown = [] if job.quiet else warnings if job.verbose else warnings[:3]
    for text in shown:
        say(f"Warning: {text}")
    if shown and len(shown) < len(warnings):
        say(f"({len(warnings) - len(shown)} more warnings: -v)")


def write(text):
    """Text on stdout; what its encoding cannot hold is escaped, never an error."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def say(text):
    """One line on stderr."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    sys.stderr.write((text + "\n").encode(encoding, "backslashreplace").decode(encoding))
    sys.stderr.flush()


def colours(stream):
    """Whether colour may be used: a terminal, and NO_COLOR unset (or empty)."""
    return (
        not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and getattr(stream, "isatty", lambda: False)()
    )


def paint(text, report):
    """The finding in bold on a terminal: green where the outcome is the predicted one, else red."""
    if not (report.finding and colours(sys.stdout)):
        return text
    import click

    first = report.finding.split("\n", 1)[0]
    colour = "green" if report.exit_code == 0 else "red"
    return text.replace(first, click.style(first, fg=colour, bold=True), 1)


def error_report(error_code, exit_code, message, argument=None, fix=None):
    """The envelope of a refusal or a failure."""
    if argument is not None:
        argument = str(argument).lstrip("-").replace("-", "_")
    problem = {"code": error_code, "argument": argument, "message": message, "fix": fix}
    return Report(
        "error", finding=message, exit_code=exit_code, extra={"error": problem}, options={}
    )


def say_error(sentence):
    """``Error: ...`` on stderr, the word in red on a terminal."""
    word = "Error:"
    if colours(sys.stderr):
        import click

        word = click.style(word, fg="red", bold=True)
    say(f"{word} {sentence}")


def drawing():
    """The module of the figures, silent on where Matplotlib can keep its own caches."""
    import logging

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from ratiogan import plots

    return plots


def progress_of(job, name, tol=None):
    """A `Progress` if somebody can see it, else a stand-in that hands the solver None."""
    if job.quiet or not getattr(sys.stderr, "isatty", lambda: False)():
        return _Silence()
    from ratiogan.progress import Progress
    from ratiogan.trace import step_word

    return Progress(name, tol, unit=step_word(name))


class _Silence:
    """No progress: ``with progress_of(...) as progress`` gives None."""

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None
