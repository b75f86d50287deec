"""Commands on the theory itself: games, table."""

import click

from ratiogan import catalogue
from ratiogan.cli.frame import command
from ratiogan.cli.options import GAME_TYPE, SpecText
from ratiogan.cli.output import Report, drawing, labelled
from ratiogan.cli.saving import Results

CHECK_LIMIT = 1e-6  # what `games.check` stays below for a correct row
FORMULAS = ("loss_real", "loss_gen", "generator_loss")
LONGEST_NAME = 27


@command(
    "games",
    sentence='The GAN games: best response, signal, induced cost, "will it converge?"',
    example="ratiogan games least-squares:a=0,b=1,c=1",
    options=("out", "force", "no-save", "no-plot", "style", "figure-format", "markdown"),
    arguments=[click.Argument(["game"], metavar="[GAME]", type=GAME_TYPE, required=False)],
)
def games(job, game, **options):
    results = Results(None, options)
    from ratiogan import games as table

    if game is not None:
        return _report_game(job, results, game, table)
    rows = [table.game(spec) for spec in catalogue.GAME_ROWS]
    errors = [table.check(row) for row in rows]
    wrong = [row.spec for row, error in zip(rows, errors, strict=True) if not error < CHECK_LIMIT]
    checked = f"NOT as their losses say: {', '.join(wrong)}" if wrong else "all rows checked"
    converging = sum(row.converges and row.convex for row in rows)
    headings, cells = GAME_HEADINGS, [_game_cells(row) for row in rows]
    from ratiogan.text import markdown_table

    report = Report(
        "games",
        finding=f"{len(rows)} GAN games, {converging} of which converge to R = 1 from any start: "
        f"{checked} numerically.",
        header=[
            f"ratiogan games   {len(rows)} GAN games   E over p_r, R = p_g/p_r, log = natural   "
            f"({checked} numerically)"
        ],
        body=_game_lines(headings, cells),
        markdown=markdown_table(headings, cells),
        exit_code=3 if wrong else 0,
        unit="nats",
        extra={
            "games": [
                {**_game_dict(row), "check_error": error}
                for row, error in zip(rows, errors, strict=True)
            ]
        },
    )
    report.footer = [
        "ratiogan games GAME               one game in full, with its figure (u, Phi, Phi'' "
        "against R)",
        "ratiogan games my_gan.py:loss     the same for your own losses",
    ]
    results.write(report, job)
    return report


GAME_HEADINGS = (
    *("game", "best resp. f*", "signal u = Phi'", "Phi''", "Phi''(1)"),
    *("E[Phi] is", "R -> 1?"),
)


def _game_cells(game):
    formulas = game.formulas
    return (
        *(game.spec, formulas["best_response"], formulas["signal"], formulas["curvature"]),
        *(_fraction(game.curvature_at_one), formulas["cost_is"], game.prediction),
    )


def _game_lines(headings, rows):
    """The table of games: a name too long for its column stands on a line of its own.

    Only the other rows set the widths of the columns; a wider cell pushes the next one as far as
    it must.
    """
    short = [row for row in (headings, *rows) if len(row[0]) <= LONGEST_NAME]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    starts = [2 + sum(widths[:i]) + 2 * i for i in range(len(widths))]
    lines = []
    for row in (headings, *rows):
        name, *cells = row
        line = f"  {name}"
        if len(name) > LONGEST_NAME:
            lines.append(line)
            line = ""
        for i, cell in enumerate(cells, 1):
            start = starts[i] + (widths[i] - len(cell)) // 2 * (headings[i] == "Phi''(1)")
            line = f"{line:{start}}" if len(line) <= start - 2 else f"{line}  "
            line += cell
        lines.append(line)
    return lines


def _fraction(value):
    """A curvature as it is said: 1/2, 1/8, 1; a decimal where it is no simple fraction."""
    from fractions import Fraction

    if value != value:
        return "-"
    simple = Fraction(value).limit_denominator(64)
    return str(simple) if abs(float(simple) - value) < 1e-12 else f"{value:.4g}"


def _game_dict(game):
    formulas = game.formulas
    return {
        "game": game.spec,
        **{name: formulas[name] for name in FORMULAS},
        "domain": game.domain,
        **{name: formulas[name] for name in ("best_response", "signal", "curvature")},
        "curvature_at_one": game.curvature_at_one,
        "cost_is": formulas["cost_is"],
        "prediction": game.prediction,
    }


def _report_game(job, results, spec, table):
    """One game in full: what its losses imply, and whether GLGD will reach R = 1."""
    from ratiogan.game_analysis import analyse

    found = analyse(spec)
    game, error = found.game, table.check(found.game)
    detail = found.to_dict()
    report = Report(
        "games",
        finding=found.sentence,
        header=[f"ratiogan games {game.spec}   E over p_r, R = p_g/p_r, log = natural"],
        body=[
            *_loss_lines(game),
            "",
            *_value_lines(found),
            "",
            *labelled("Phi''(1)", _fraction(found.curvature_at_one), 17),
            *labelled("Phi'' > 0", _convex_text(found), 17),
            *labelled("E[Phi] is", game.formulas["cost_is"], 17),
            *labelled("factor per step", _rate_text(found), 17),
            *labelled("checked", f"numerically against the losses: max error {error:.1e}", 17),
            "",
            *_wrapped(found.sentence),
            f"test it: {found.command}",
        ],
        exit_code=0 if error < CHECK_LIMIT else 3,
        unit="nats",
        options={"game": game.spec},
        extra={"games": [{**_game_dict(game), "check_error": error, "analysis": detail}]},
    )

    def draw(style, command):
        plots = drawing()

        return plots.game_figure(game, style=style, command=command)

    results.write(report, job, draw)
    return report


def _loss_lines(game):
    formulas = game.formulas
    return [
        *labelled("discriminator", f"l_r(f) = {formulas['loss_real']} on real data", 17),
        *labelled("", f"l_g(f) = {formulas['loss_gen']} on generated data", 17),
        *labelled("generator", f"u(f) = {formulas['generator_loss']} on its own data", 17),
        *labelled("best response", f"f*(R) = {formulas['best_response']}, in {game.domain}", 17),
        *labelled("signal", f"u(f*(R)) = Phi'(R) = {formulas['signal']}", 17),
        *labelled("curvature", f"Phi''(R) = {formulas['curvature']}", 17),
    ]


def _value_lines(found):
    """f*, u and Phi'' at a few R, three decades to both sides of 1."""
    from ratiogan.text import table

    headings = ["R", "f*(R)", "u = Phi'(R)", "Phi''(R)"]
    columns = (found.ratios, found.best_response, found.signal, found.curvature)
    rows = [[f"{value + 0.0:.6g}" for value in line] for line in zip(*columns, strict=True)]
    lines = table(headings, rows, align=">>>>", widths=[8, 12, 12, 12]).split("\n")
    return [f"  {line}" for line in lines]


def _convex_text(found):
    low, high = found.convex_on
    if found.game.has_kink:
        return "only at the kink"
    if not low < high:
        return "nowhere around R = 1"
    if (low, high) == (0.0, float("inf")):
        return "for all R"
    return f"for R in {low:.4g} .. {high:.4g}"


def _rate_text(found):
    if not found.curvature_at_one > 0:
        return "none: no linear force brings R back to 1"
    text = f"1 - alpha Phi''(1) near R = 1: {found.rate:.4g} at alpha {found.alpha:.4g} (auto)"
    if found.largest_alpha == found.largest_alpha:
        text += f"; E[Phi] never rises up to alpha {found.largest_alpha:.4g}"
    return text


def _wrapped(text):
    from ratiogan.text import wrap

    return wrap(text).split("\n")


DIVERGENCE_TYPE = SpecText(catalogue.DIVERGENCES, "divergence", "ratiogan table")
ROW_HEADINGS = ("name", "f(s)", "f'(inf)", "conjugate f*(t)", "range", "max error", "ok")
ROW_STARTS = (2, 21, 53, 63, 88, 103, 115)
LOSS_HEADINGS = ("name", "l+(h)", "l-(h)", "best h*(s)", "f(s), shifted to f(1)=0", "D_f is")
LOSS_STARTS = (2, 17, 36, 55, 71, 106)


@command(
    "table",
    sentence="The divergences: generator, conjugate, losses; every row verified as it is printed.",
    example="ratiogan table jsd",
    options=("unit", "out", "force", "no-save", "no-plot", "style", "figure-format", "markdown"),
    arguments=[
        click.Argument(["divergence"], metavar="[DIVERGENCE]", type=DIVERGENCE_TYPE, required=False)
    ],
)
def table(job, divergence, **options):
    results = Results(None, options)
    from ratiogan.divergences import table as verified

    unit = options["unit"]
    checks = verified(divergence)
    wrong = [check for check in checks if not check.ok]
    if divergence is not None:
        report = _report_row(checks[0], unit)
    else:
        report = _report_rows(checks, wrong, unit)
    report.exit_code = 3 if wrong else 0
    report.unit = unit
    report.options = {"divergence": divergence}
    report.extra = {
        "divergences": [{**check.to_dict(), **_in_unit(check, unit)} for check in checks]
    }

    def draw(style, command):
        return drawing().table_figure(checks, style=style, command=command)

    results.write(report, job, draw)
    return report


def _report_rows(checks, wrong, unit):
    from ratiogan.text import markdown_table

    count = len(checks)
    cells = [_row_cells(check, unit) for check in checks]
    losses = [_loss_cells(check) for check in checks if check.row.losses is not None]
    misprinted = [c.name for c in checks if c.row.losses is not None and c.row.losses.printed]
    how = "brute-force minimum over h, conjugate, variational bound, convexity"
    if wrong:
        failed = "; ".join(f"{check.name} ({', '.join(check.wrong)})" for check in wrong)
        finding = f"{len(wrong)} of {count} rows FAIL: {failed}."
    else:
        finding = f"all {count} rows hold ({how})."
    return Report(
        "table",
        finding=finding,
        header=[
            f"ratiogan table   {count} divergences   D_f = E[f(s)], s = p_g/p_r, f(1) = 0, "
            f"{unit}   each row verified as printed"
        ],
        body=[
            *_columns(ROW_HEADINGS, cells, ROW_STARTS),
            "f* is -f(0) below f'(0) and inf above f'(inf), the price of generator mass where "
            "p_r = 0.",
            *(["Ranges are in bits; f is in nats (divide by log 2)."] if unit == "bits" else []),
            "classification losses (margin h; f = -inf_h [l+(h) + s l-(h)])",
            *_columns(LOSS_HEADINGS, losses, LOSS_STARTS),
            *_wrapped(finding),
            f"{len(misprinted)} are printed wrongly in the slides: {', '.join(misprinted)}.",
        ],
        footer=["ratiogan table DIVERGENCE         one row in full, with what the slides print"],
        markdown="\n\n".join(
            [markdown_table(ROW_HEADINGS, cells), markdown_table(LOSS_HEADINGS, losses), finding]
        ),
    )


def _row_cells(check, unit):
    row = check.row
    return (
        *(row.name, row.formula, _slope(row.slope_at_infinity), row.conjugate_formula),
        *(_range_text(row, unit), f"{check.max_error:.1e}", "yes" if check.ok else "NO"),
    )


def _loss_cells(check):
    losses = check.row.losses
    return (
        *(check.name, losses.plus_text, losses.minus_text, losses.best_text),
        *(check.row.formula, check.row.meaning),
    )


def _slope(value):
    """A number as it is said: .5, log 2; decimals where it has no name."""
    from math import inf, log

    said = {inf: "inf", 0.0: "0", 0.5: ".5", 1.0: "1"}
    said |= {log(2.0): "log 2", 0.5 * log(2.0): ".5 log 2", 2.0 * log(2.0): "2 log 2"}
    return said.get(value, f"{value:.4g}")


def _range_text(row, unit):
    if unit == "nats" or not row.logarithmic or row.range[1] == float("inf"):
        return row.range_text
    return f"[0, {_in_bits(row.range[1]):.4g}]"


def _in_bits(value):
    from math import log

    return value / log(2.0)


def _in_unit(check, unit):
    """The range of a row in the unit asked for."""
    low, high = check.row.range
    if unit == "bits" and check.row.logarithmic:
        high = _in_bits(high)
    return {"range": [low, high]}


def _columns(headings, rows, starts):
    """Lines whose cells begin at `starts`, or two blanks after a longer one before."""
    lines = []
    for row in (headings, *rows):
        line = ""
        for start, cell in zip(starts, row, strict=True):
            line = f"{line:{start}}" if len(line) + 2 <= start or not line else f"{line}  "
            line += cell
        lines.append(line.rstrip())
    return lines


def _report_row(check, unit):
    """One row in full: all it says, what the slides print, and every check with its error."""
    from ratiogan.text import markdown_table

    row = check.row
    if check.ok:
        finding = f"{row.name} holds: {len(check.errors)} checks, max error {check.max_error:.1e}."
    else:
        finding = f"{row.name} FAILS: {', '.join(check.wrong)}."
    zero = _slope(row.value_at_zero)
    facts = [
        ("D_f is", row.meaning),
        ("f(s)", row.formula),
        ("f(0), f'(inf)", f"{zero}, {_slope(row.slope_at_infinity)}"),
        ("conjugate", f"f*(t) = {row.conjugate_formula}, -f(0) below f'(0), inf above f'(inf)"),
        ("best critic", f"T*(s) = f'(s) = {row.optimal_formula}"),
        ("range", f"{_range_text(row, unit)} {unit if row.logarithmic else ''}".rstrip()),
        ("f''(1)", "none: a kink" if row.curvature != row.curvature else f"{row.curvature:.6g}"),
        *_loss_facts(row.losses),
        *([("note", row.note)] if row.note else []),
        ("metric", _metric_text(row)),
    ]
    errors = [(name, f"{error:.1e}") for name, error in check.errors.items()]
    return Report(
        "table",
        finding=finding,
        header=[f"ratiogan table {row.name}   D_f = E[f(s)], s = p_g/p_r, f(1) = 0, {unit}"],
        body=[
            finding,
            "",
            *(line for name, text in facts for line in labelled(name, _filled(text, 88), 17)),
            "",
            "error of each statement, relative to 1 + |value|, s from 1e-3 to 1e3",
            *_columns(("check", "error"), errors, (2, 24)),
        ],
        markdown=f"{finding}\n\n{markdown_table(('', row.name), facts)}\n\n"
        f"{markdown_table(('check', 'error'), errors)}",
    )


def _loss_facts(losses):
    if losses is None:
        return []
    scale = (
        "" if losses.scale == 1 else f"; f of these losses is {losses.scale:g} times the printed"
    )
    return [
        ("losses", f"l+(h) = {losses.plus_text} on real data, l-(h) = {losses.minus_text} on gen"),
        ("best margin", f"h*(s) = {losses.best_text}"),
        ("f(s) =", f"{losses.shift:.6g} - inf over h of l+(h) + s l-(h)"),
        ("in the slides", (losses.printed or "as here") + scale),
    ]


def _metric_text(row):
    if row.metric_power is None:
        return "none is known" if row.strict else "no: D_f = 0 for some p_g other than p_r"
    return "D_f is one" if row.metric_power == 1 else "sqrt(D_f) is one"


def _filled(text, width):
    from ratiogan.text import wrap

    return wrap(text, width)
