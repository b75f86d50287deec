"""Commands on saved runs: plot, animate."""

import os

import click

from ratiogan.catalogue import FIGURE_FORMATS
from ratiogan.cli.frame import command
from ratiogan.cli.output import Report, again, drawing
from ratiogan.cli.saving import check_file, newest_run
from ratiogan.errors import InputError


class RunPath(click.ParamType):
    """A saved run: ``run.npz``, or the folder that holds one."""

    name = "run"

    def convert(self, value, param, ctx):
        return value

    def shell_complete(self, ctx, param, incomplete):
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def _run_argument():
    return click.Argument(["path"], metavar="[RUN]", type=RunPath(), required=False)


def _load(path, verb):
    """The run or comparison at `path`; a suggestion where none is named."""
    if path is None:
        newest = newest_run()
        fix = f"Try: ratiogan {verb} {newest}." if newest else "Make one: ratiogan run glgd."
        raise InputError(f"{verb} needs a saved RUN.", argument="path", fix=fix)
    from ratiogan import comparison, solution

    if os.path.isfile(os.path.join(path, comparison.INDEX_FILE)):
        return comparison.load_comparison(path)
    return solution.load(path)


def _report_on(kind, result, path, job):
    """A report on a saved result, before anything is drawn."""
    return Report(
        kind,
        finding=result.finding,
        header=[f"ratiogan {kind} {path}"],
        input={"run": path},
        timing={"seconds": job.seconds, "compile_seconds": 0.0},
    )


@command(
    "plot",
    sentence="Draw the figure of a saved run or comparison.",
    example="ratiogan plot ratiogan-runs/glgd-001 -o figure.png",
    options=("out", "force", "style", "figure-format"),
    arguments=[_run_argument()],
)
def plot(job, path, out, force, style, figure_format):
    target = _figure_file(out, figure_format, force)
    result = _load(path, "plot")
    report = _report_on("plot", result, path, job)
    report.options = {"style": style or "slide", "figure_format": figure_format or "png"}
    report.body = result.summary().split("\n")
    if target is None:
        report.footer = ["wrote nothing (add -o FILE.png, .svg or .pdf for the figure)"]
    else:
        name, kind = target
        plots = drawing()

        figure = plots.figure(result, style=style or "slide", command=job.command)
        plots.save(figure, name, job.command)
        report.files = {"figure": name}
        report.options["figure_format"] = kind
        report.footer = [f"wrote {name}   {job.seconds:.1f} s"]
    report.footer.append(again(job))
    return report


def _figure_file(out, figure_format, force):
    """(name, format) of the figure, its suffix following the format where it has none."""
    if out is None:
        return None
    if figure_format and not os.path.splitext(out)[1]:
        out = f"{out}.{figure_format}"
    suffix = check_file(out, "--out", FIGURE_FORMATS, force)
    if figure_format and suffix != figure_format:
        raise InputError(
            f"--out {out} and --figure-format {figure_format} disagree.",
            argument="figure_format",
            fix="Keep one of the two.",
        )
    return out, suffix


@command(
    "animate",
    sentence="Make the animation of a saved run: a GIF, or a page that plays it.",
    example="ratiogan animate ratiogan-runs/glgd-001 -o run.html",
    options=("out", "force", "style"),
    arguments=[_run_argument()],
)
def animate(job, path, out, force, style):
    if out is not None:
        check_file(out, "--out", ("gif", "html"), force)
    result = _load(path, "animate")
    report = _report_on("animate", result, path, job)
    report.options = {"style": style or "slide"}
    report.body = [result.finding]
    if out is None:
        report.footer = ["wrote nothing (add -o FILE.gif or FILE.html)"]
    else:
        from ratiogan import animation

        animation.animate(result, out, style=style or "slide", command=job.command)
        report.files = {"animation": out}
        report.footer = [f"wrote {out}   {job.seconds:.1f} s"]
    report.footer.append(again(job))
    return report
