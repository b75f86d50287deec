"""Commands that measure two exact distributions: divergence."""

from ratiogan.cli.frame import command
from ratiogan.cli.options import PROBLEM
from ratiogan.cli.output import Report
from ratiogan.cli.saving import Results


@command(
    "divergence",
    sentence="All divergences between two exact distributions, and what others print for them.",
    example="ratiogan divergence --real bimodal --gen normal",
    options=(*PROBLEM, "unit", "out", "force", "no-save", "markdown"),
)
def divergence(job, **options):
    results = Results(None, options)
    chosen = {name: options.pop(name) for name in PROBLEM}
    from ratiogan.divergences import divergence as measured
    from ratiogan.sources import percent, read_problem
    from ratiogan.text import markdown_table

    problem = read_problem(
        stdin_format=chosen.pop("format"),
        **{key: value for key, value in chosen.items() if value is not None},
    )
    unit = options["unit"]
    found = measured(
        real=problem.real,
        gen=problem.gen,
        unit=unit,
        threads=1 if job.threads is None else job.threads,
    )
    exact = all(side.rows is None for side in (problem.real, problem.gen))
    real, gen = (side.label.partition(":")[0] for side in (problem.real, problem.gen))
    headings = ("divergence", "value", "what it is, what others print")
    report = Report(
        "divergence",
        finding=found.finding,
        header=[
            f"ratiogan divergence   real {real}   gen {gen}   {problem.real.grid.describe()}   "
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
    outside = [side.outside or 0.0 for side in (problem.real, problem.gen)]
    if max(outside) > 0:
        report.header.append(
            f"outside the cells, and not in these numbers: {percent(outside[0])} of real, "
            f"{percent(outside[1])} of gen"
        )
    if not exact:
        report.footer.append(
            "noise of the samples is in these numbers: ratiogan diagnose says how much"
        )
    results.write(report, job)
    return report
