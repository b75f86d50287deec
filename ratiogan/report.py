"""A diagnosis as one self-contained page: its figure as inline SVG, and its tables.

The page asks for nothing from outside, and its first view prints on one sheet.
"""

import base64
import html
import re
from dataclasses import replace
from importlib import resources

from ratiogan.plots import diagnosis_figure, figure_bytes
from ratiogan.plots.look import command_text, look_of, version
from ratiogan.text import html_block, html_table
from ratiogan.twosample.wording import (
    divergence_table,
    marginal_cells,
    number,
    pvalue,
    region_cells,
)

MOST_BYTES = 295_000
MOST_PRINTED = 10  # rows of a table on the printed sheet; the page has them all
MOST_ROWS = 300  # rows of a table, the page's included
SMALL_DPI = 60  # of the picture that stands for an SVG that is too large: 1152 pixels wide


def diagnosis_page(diagnosis, command=None):
    """The report of a diagnosis as the text of one HTML file below 300 kB.

    Parameters
    ----------
    diagnosis : Diagnosis
    command : str or sequence of str, optional
        The command line that made it, for the foot of the page.

    Returns
    -------
    str
        HTML without any external file, font, script or request.
    """
    template = resources.files("ratiogan").joinpath("report.html").read_text(encoding="utf-8")
    figure = diagnosis_figure(diagnosis, look_of("slide"), framed=False)
    parts = {
        "TITLE": html.escape(" ".join(diagnosis.finding.split())),
        "FACTS": html.escape("\n".join((*diagnosis.header, *diagnosis.warnings))),
        "FIGURE": inline_svg(figure, diagnosis.finding),
        "TABLES": "".join(_section(*parts) for parts in tables(diagnosis)),
        "COMMAND": html.escape(command_text(command)),
        "VERSION": html.escape(f"ratiogan {version()}"),
    }
    if _size(template, parts) > MOST_BYTES:
        small = diagnosis_figure(diagnosis, replace(look_of("slide"), dpi=SMALL_DPI), framed=False)
        parts["FIGURE"] = inline_png(small, diagnosis.finding)
    most = MOST_ROWS
    while _size(template, parts) > MOST_BYTES and most > MOST_PRINTED:
        most //= 2
        parts["TABLES"] = "".join(_section(*rows, most=most) for rows in tables(diagnosis))
    # In one pass: what is filled in is never read as a template.
    return re.sub(r"@@([A-Z]+)@@", lambda found: parts[found[1]], template)


def diagnosis_fragment(diagnosis):
    """The same for a notebook: finding, figure and the first rows of every table."""
    made = [html_table(headings, rows[:MOST_PRINTED]) for _, headings, rows in tables(diagnosis)]
    return html_block(diagnosis.finding, made, diagnosis_figure(diagnosis), diagnosis.warnings)


def _size(template, parts):
    return len(template.encode()) + sum(len(part.encode()) for part in parts.values())


def inline_svg(figure, words):
    """A figure as an svg element that stands inside HTML, read out as `words`."""
    text = figure_bytes(figure, "svg").decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    # In HTML the namespaces are known, and the size is that of the page.
    opening, rest = text.split(">", 1)
    box = re.search(r'viewBox="[^"]+"', opening)[0]
    return f'<svg {box} role="img" aria-label="{html.escape(words)}">{_shorter(rest)}'


def _shorter(text):
    """Paths with two decimals of a point: finer than any screen or printer."""

    def cut(path):
        return re.sub(r"(\.\d\d)\d+", r"\1", path[0])

    return re.sub(r' d="[^"]*"', cut, text)


def inline_png(figure, words):
    """A figure as an img element with its data inside."""
    data = base64.b64encode(figure_bytes(figure, "png")).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{data}">'


def _section(heading, headings, rows, most=MOST_ROWS):
    """A table under its heading: the first rows, which are printed, and the others to unfold."""
    made = f"<section><h2>{html.escape(heading)}</h2>{html_table(headings, rows[:MOST_PRINTED])}"
    rest = rows[MOST_PRINTED:most]
    if rows[MOST_PRINTED:]:
        left = len(rows) - MOST_PRINTED
        shown = "" if len(rest) == left else f", {len(rest)} of them here"
        made += (
            f'<p class="note">and {left} more{shown}</p>'
            f"<details><summary>show them</summary>{html_table(headings, rest)}</details>"
        )
    return made + "</section>"


def tables(diagnosis):
    """The tables of a diagnosis: (heading, headings of the columns, rows of text).

    Returns
    -------
    list of (str, list of str, list of list of str)
    """
    level = f"{100 * diagnosis.level:.4g}% interval"
    made = []
    if diagnosis.divergences:
        made.append(("Divergences", *divergence_table(diagnosis)))
    headings = ["", "", "real", "gen", "R = gen/real", level, "verdict"]
    for heading, regions in (("Regions", diagnosis.regions), ("Classes", diagnosis.classes)):
        if regions:
            made.append((heading, headings, [region_cells(region) for region in regions]))
    headings = ["", "JSD", level, "raw value", "noise alone", "adjusted p", ""]
    for heading, marginals in (("Columns", diagnosis.columns), ("Pairs", diagnosis.pairs)):
        if marginals:
            made.append((heading, headings, [marginal_cells(one) for one in marginals]))
    if diagnosis.sensitivity:
        rows = [
            [row["grid"], *(number(row[k]) for k in ("estimate", "value", "floor")),
             pvalue(row["pvalue"])]
            for row in diagnosis.sensitivity
        ]  # fmt: skip
        headings = ["cells", "JSD", "raw value", "noise alone", "p-value"]
        made.append(("Sensitivity to the grid", headings, rows))
    curve = diagnosis.precision_recall
    if curve is not None:
        rows = [
            ["JSD found 4 times in 5", f"{diagnosis.detectable:.2g} {diagnosis.unit}"],
            ["precision: share of gen on real's support", f"{curve.precision:.3f}"],
            ["recall: share of real on gen's support", f"{curve.recall:.3f}"],
        ]
        made.append(("Power, precision, recall", ["", ""], rows))
    return made
