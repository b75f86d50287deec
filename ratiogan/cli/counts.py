"""Commands on counts: count, merge."""

import click

from ratiogan.cli.frame import command
from ratiogan.cli.options import CLUSTER, Source
from ratiogan.cli.output import Report, again, progress_of
from ratiogan.cli.saving import check_file
from ratiogan.errors import InputError

EXAMPLE = "ring8"


def _sources_argument(name, metavar):
    return click.Argument([name], metavar=metavar, type=Source(), nargs=-1)


@command(
    "count",
    sentence="Count large samples on the cells of a grid, a chunk at a time: the histogram is all "
    "that diagnose, modes and check need, and those of several machines add up if they count on "
    "the same cells (--grid and --domain, or --grid with a file of counts).",
    example="ratiogan count ring8:n=100000 --grid 64x64 --domain -3:3,-3:3",
    options=("grid", "domain", "columns", "categorical", "nan", "format", "out", "force", *CLUSTER),
    arguments=[_sources_argument("sources", "[SOURCE]...")],
)
def count(job, sources, out, force, format, **options):
    _check_out(out, force)
    import ratiogan

    sources = sources or (EXAMPLE,)
    given = {key: value for key, value in options.items() if value is not None}
    with progress_of(job, "count") as progress:
        counts = ratiogan.count(
            list(sources), seed=job.seed, stdin_format=format, progress=progress, **given
        )
    return _report("count", job, counts, sources, out, given)


@command(
    "merge",
    sentence="Add up counts of the same cells: exactly the counts of all rows together.",
    example="ratiogan merge monday.npz tuesday.npz -o week.npz",
    options=("out", "force"),
    arguments=[_sources_argument("files", "FILE...")],
)
def merge(job, files, out, force):
    _check_out(out, force)
    if not files:
        raise InputError(
            "merge needs files of counts.",
            argument="files",
            fix="Make one with: ratiogan count SOURCE -o FILE.npz.",
        )
    import ratiogan

    return _report("merge", job, ratiogan.merge(*files), files, out, {})


def _check_out(out, force):
    if out is not None:
        check_file(out, "--out", ("npz",), force)


def _report(kind, job, counts, sources, out, options):
    """What was counted; written where that was asked for."""
    from ratiogan.sources import MUCH_OUTSIDE, percent
    from ratiogan.text import table

    found = counts.to_dict()
    rows, outside, size = found["rows"], found["outside"], counts.grid.size
    named = " ".join(sources) if len(sources) < 4 else f"{len(sources)} sources"
    share = f"{percent(outside / rows)} of them" if outside else "none of them"
    report = Report(
        kind,
        notes=list(counts.notes),
        finding=f"{'COUNTED' if kind == 'count' else 'MERGED'} {rows} rows on "
        f"{counts.grid.describe()}; {share} outside.",
        header=[f"ratiogan {kind}   {named}   seed {job.seed}"],
        input={"sources": list(sources), "grid": found["grid"]},
        options=options,
        extra={key: found[key] for key in _KEYS},
    )
    lines = [
        ("rows in the cells", str(found["inside"]), f"{found['cells_in_use']} of {size} in use"),
        ("rows outside", str(outside), percent(outside / rows) if outside else ""),
        ("rows with NaN dropped", str(found["dropped_nan"]), ""),
    ]
    body = table(["", "", ""], lines, align="<><").split("\n")[1:]
    report.body = [report.finding, "", *(f"  {line}" for line in body)]
    if outside > MUCH_OUTSIDE * rows:
        report.warnings.append(
            f"{percent(outside / rows)} of the rows lie outside the cells: a wider --domain would "
            "hold them."
        )
    if out is None:
        report.footer = ["wrote nothing (add -o FILE.npz for the counts)"]
    else:
        counts.save(out, job.command)
        report.files = {"counts": out}
        report.footer = [f"wrote {out}   {job.seconds:.1f} s"]
    report.footer.append(again(job))
    return report


_KEYS = ("rows", "inside", "outside", "dropped_nan", "cells_in_use")
