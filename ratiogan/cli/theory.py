"""Commands on the theory itself: games."""

import click

from ratiogan import catalogue
from ratiogan.cli.frame import command
from ratiogan.cli.options import GAME_TYPE
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
