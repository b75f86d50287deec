"""Tables and numbers as plain ASCII, HTML and strict JSON: what every printed result shares.

Works on Python numbers and on anything with ``tolist``, and imports no numerical library: the
commands that print names only would pay for it at start-up.
"""

import base64
import enum
import html
import io
import math
import numbers
import os
import textwrap

WIDTH = 120  # no line of output is wider
PROSE = 105  # sentences are wrapped here


def wrap(text, width=PROSE):
    """Break a sentence into lines, never inside a word: specs and commands stay whole.

    Examples
    --------
    >>> wrap("one two three", width=8)
    'one two\\nthree'
    """
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def scientific(value, digits=2):
    """A number with `digits` digits in all, and an exponent; ``-`` for what is missing.

    Examples
    --------
    >>> [scientific(x) for x in (4.94, 1e-10, float("inf"), None)]
    ['4.9e+00', '1.0e-10', 'inf', '-']
    """
    return "-" if value is None else f"{float(value):.{digits - 1}e}"


def significant(value, digits=3):
    """A number rounded to `digits` digits, without an exponent where that stays short.

    Examples
    --------
    >>> [significant(x) for x in (1240.18, 2.0, 0.012345, 3.2e9)]
    ['1240', '2', '0.0123', '3.2e+09']
    """
    value = float(value)
    if 1 <= abs(value) < 1e6:
        return f"{round(value, digits - 1 - math.floor(math.log10(abs(value)))):.15g}"
    return f"{value:.{digits}g}"


def resolved(value, difference=0.0, exact=False):
    """`value` with as many digits as it takes to show `difference`: at least 4, at most 9 decimals.

    Parameters
    ----------
    value : float
    difference : float, optional
        From what `value` is compared with; None or 0 for all the digits.
    exact : bool
        A prediction, not a measurement: trailing zeros say nothing and are left out.

    Examples
    --------
    >>> resolved(0.50000021, 2.1e-7), resolved(1.3862943611, 1e-15), resolved(0.4871, 0.0129)
    ('0.5000002', '1.386294361', '0.4871')
    >>> resolved(0.5, exact=True)
    '0.5'
    """
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    decimals = 9
    if difference and math.isfinite(difference):
        decimals = min(decimals, -math.floor(math.log10(abs(difference))))
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    digits = min(10, max(4, decimals + magnitude + 1))
    return f"{value:.{digits}g}" if exact else f"{value:#.{digits}g}".rstrip(".")


def table(headings, rows, align=None, gap=3, widths=None):
    """Columns under headings, each as wide as its widest cell.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequences of str
    align : str, optional
        One of ``<``, ``>``, ``^`` per column; all ``<`` by default. Headings follow their column.
    gap : int
        Spaces between columns.
    widths : sequence of int, optional
        The least width per column.

    Returns
    -------
    str
        Lines without trailing blanks.

    Examples
    --------
    >>> print(table(["run", "steps"], [["glgd", "38"], ["alternating", "12"]], align="<>"))
    run           steps
    glgd             38
    alternating      12
    """
    columns = list(zip(headings, *rows, strict=True))
    least = widths or [0] * len(columns)
    sides = align or "<" * len(columns)
    sizes = [max(low, *map(len, column)) for low, column in zip(least, columns, strict=True)]
    lines = [
        (" " * gap).join(
            f"{cell:{side}{size}}" for cell, side, size in zip(line, sides, sizes, strict=True)
        )
        for line in (headings, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(headings, rows):
    """The same table for a Markdown page.

    Examples
    --------
    >>> print(markdown_table(["run", "steps"], [["glgd", "38"]]))
    | run | steps |
    |---|---|
    | glgd | 38 |
    """
    lines = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in (headings, *rows)
    ]
    return "\n".join([lines[0], "|" + "---|" * len(headings), *lines[1:]])


def html_table(headings, rows):
    """The same table for a notebook or a report.

    Examples
    --------
    >>> html_table(["a"], [["R < 1"]])
    '<table><tr><th>a</th></tr><tr><td>R &lt; 1</td></tr></table>'
    """

    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    return f"<table>{line(headings, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def html_block(finding, tables, figure, notes=()):
    """A result for a notebook: the finding, the figure as a PNG of 960 px, tables, notes."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=960 / figure.get_figwidth())
    image = base64.b64encode(png.getvalue()).decode()
    return (
        f"<div><p><b>{html.escape(finding)}</b></p>"
        f'<img alt="{html.escape(finding)}" src="data:image/png;base64,{image}">'
        f"{''.join(tables)}{''.join(f'<p>{html.escape(note)}</p>' for note in notes)}</div>"
    )


def jsonable(value):
    """`value` as strict JSON can hold it.

    Arrays and tuples become lists, NumPy scalars numbers, enums their value, paths text; NaN
    becomes ``None`` and an infinity ``{"value": None, "infinite": True}``, with ``"sign": -1``
    where it is negative.

    Raises
    ------
    TypeError
        For an object of any other type.

    Examples
    --------
    >>> jsonable({"kl": float("inf"), "rate": float("nan"), "shape": (2, 3)})
    {'kl': {'value': None, 'infinite': True}, 'rate': None, 'shape': [2, 3]}
    """
    if isinstance(value, enum.Enum):
        return jsonable(value.value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars, without importing NumPy
        return jsonable(value.tolist())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _jsonable_float(float(value))
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


def _jsonable_float(value):
    if math.isnan(value):
        return None
    if math.isinf(value):
        sign = {"sign": -1} if value < 0 else {}
        return {"value": None, "infinite": True, **sign}
    return value
