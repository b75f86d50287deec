"""Commands on two samples: diagnose, modes, check."""

from ratiogan.cli.frame import command
from ratiogan.cli.options import CLUSTER, GROUPS, RESULTS, SAMPLES
from ratiogan.cli.output import Report, drawing, progress_of
from ratiogan.cli.saving import Results

_HOW_SURE = ("level", "resamples", "unit")
_THRESHOLDS = ("covered", "thinned", "missing")


@command(
    "diagnose",
    sentence="Compare samples of a real and a generated distribution: what differs, where, and how "
    "sure is that? The interval holds the true value at --level; the noise floor (noise alone) is "
    "what two samples of one distribution would show on the same cells.",
    example="ratiogan diagnose --real ring8 --gen ring8:drop=4,thin=7,n=10000",
    options=(*SAMPLES, *GROUPS, *_HOW_SURE, "metric", *RESULTS, *CLUSTER, "html", "markdown"),
)
def diagnose(job, **options):
    results = Results(None, options)
    import ratiogan

    with progress_of(job, "diagnose") as progress:
        found = ratiogan.diagnose(rng=job.seed, progress=progress, **_read(options))
    report = Report(
        "diagnose",
        finding=found.finding,
        header=[_header("diagnose", job, found), *found.header],
        body=found.summary(all_rows=job.verbose).split("\n"),
        markdown=found.markdown(),
        unit=found.unit,
        input=found.input,
        options=_given(options),
        warnings=list(found.warnings),
        notes=list(found.notes),
        extra=found.to_dict(),
    )

    def draw(style, command):
        return drawing().diagnosis_figure(found, style=style, command=command)

    def page(path, command):
        from ratiogan.files import write_atomically
        from ratiogan.report import diagnosis_page

        write_atomically(path, diagnosis_page(found, command).encode())

    results.write(report, job, draw, page=page)
    return report


@command(
    "modes",
    sentence="Which modes of the real distribution, or which classes, does the generator cover, "
    "thin out or miss?",
    example="ratiogan modes --real ring8 --gen ring8:drop=4,thin=7,n=10000",
    options=(*SAMPLES, *GROUPS, "level", *_THRESHOLDS, *RESULTS),
)
def modes(job, **options):
    results = Results(None, options)
    import ratiogan

    found = ratiogan.modes(rng=job.seed, **_read(options))
    report = Report(
        "modes",
        finding=found.finding,
        header=[],
        body=found.summary().split("\n"),
        input=found.input,
        options=_given(options),
        warnings=list(found.warnings),
        extra=found.to_dict(),
    )

    def draw(style, command):
        return drawing().modes_figure(found, style=style, command=command)

    results.write(report, job, draw)
    return report


@command(
    "check",
    sentence="A gate for CI: does every measured number keep its limit, at the unfavourable end of "
    "its interval?",
    example="ratiogan check --real normal --gen normal --max jsd=0.02",
    options=(*SAMPLES, *GROUPS, *_HOW_SURE, *_THRESHOLDS, "max", "min", "bound"),
)
def check(job, **options):
    import ratiogan

    found = ratiogan.check(rng=job.seed, **_read(options))
    return Report(
        "check",
        finding=found.finding,
        body=found.summary().split("\n"),
        exit_code=found.exit_code,
        unit=found.unit,
        input=found.input,
        options=_given(options),
        warnings=list(found.warnings),
        extra=found.to_dict(),
    )


def _read(options):
    """The options by the names of Python's arguments."""
    chosen = _given(options)
    chosen["stdin_format"] = chosen.pop("format")
    return chosen


def _given(options):
    return {key: value for key, value in options.items() if value not in (None, ())}


def _header(name, job, found):
    real, gen = found.rows
    columns = f"{len(found.names)} column{'' if len(found.names) == 1 else 's'}"
    parts = [f"ratiogan {name}", f"real {real} rows", f"gen {gen} rows", columns]
    if found.grid is not None:
        parts.append(found.cells)
    return "   ".join([*parts, f"seed {job.seed}"])
