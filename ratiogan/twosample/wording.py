"""A diagnosis in words: the lines of the text report, and the same as Markdown."""

import math

from ratiogan.divergences import LABELS
from ratiogan.text import markdown_table, significant, table, wrap
from ratiogan.twosample.regions import interval_text, ratio_text

_SHOWN = 8  # rows of a list before the rest is summed up
_JOINT = (
    "joint comparison needs <= 3 columns: add --project pca:2, --columns, or your discriminator's "
    "scores (--real scores_real.npy --gen scores_gen.npy)"
)
_STARRED = (
    "  * estimate = raw value less its bias: raw values grow with the number of cells, noise alone "
    "shows some too"
)


def number(value):
    """Four digits, as the tables of a diagnosis print them.

    Examples
    --------
    >>> [number(x) for x in (0.06042, 0.0, 1.23e-6, 12.3456, float("inf"), None)]
    ['0.0604', '0', '1.23e-06', '12.35', 'inf', '-']
    """
    if value is None or value != value:
        return "-"
    if value == 0 or abs(value) in (float("inf"),):
        return f"{value:g}"
    if abs(value) < 1e-4 or abs(value) >= 1e5:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def interval(ends):
    """``[0.0574, 0.0634]``."""
    return "-" if ends is None else f"[{number(ends[0])}, {number(ends[1])}]"


def pvalue(value):
    """A p-value to one or two digits; it is never 0."""
    return "-" if value is None else f"{value:.2g}"


def summary(diagnosis, all_rows=False):
    """Lines of the text report."""
    lines = wrap(diagnosis.finding, 118).split("\n")
    if diagnosis.columns:
        return [
            *lines,
            "",
            *_marginal_lines(diagnosis, all_rows),
            "",
            *wrap(_JOINT, 118).split("\n"),
        ]
    lines += ["", *_divergence_lines(diagnosis)]
    lines += ["", *_region_lines(diagnosis, all_rows)]
    if diagnosis.classes:
        lines += ["", *_class_lines(diagnosis)]
    return [*lines, "", *_sensitivity_lines(diagnosis), *_power_lines(diagnosis)]


def _headings(level):
    return ["estimate", f"{100 * level:g}% interval", "raw value", "noise alone", "p-value", "unit"]


def divergence_table(diagnosis):
    """Headings and rows of the divergences, all equally long: for Markdown and the page."""
    rows = []
    for name in in_order(diagnosis.divergences):
        cells = [cell.rstrip(" *") for cell in divergence_cells(diagnosis, name)]
        rows.append(cells + [""] * (7 - len(cells)))
    return ["", *_headings(diagnosis.level)], rows


def in_order(divergences):
    """Names with the two that everybody asks for first, and Wasserstein-1 last."""
    first = [name for name in ("jsd", "tv") if name in divergences]
    return first + [name for name in divergences if name not in first]


def _divergence_lines(diagnosis):
    rows = [divergence_cells(diagnosis, name) for name in in_order(diagnosis.divergences)]
    # An infinite one has a reason instead of numbers: it stands across their columns.
    headings = ["", *_headings(diagnosis.level)]
    aligned = [row if len(row) > 3 else [*row[:2], *[""] * 5] for row in rows]
    drawn = table(headings, aligned, align="<><>>><").split("\n")
    reasons = [None, *(row[2] if len(row) == 3 else None for row in rows)]
    lines = [
        f"  {line}" if reason is None else f"  {line}   {reason}"
        for line, reason in zip(drawn, reasons, strict=True)
    ]
    return [*lines, _STARRED, *_ground_lines(diagnosis)]


def _ground_lines(diagnosis):
    """What Wasserstein-1 of several columns is."""
    m = diagnosis.divergences.get("wasserstein")
    if m is None or m.metric is None:
        return []
    held = f"[{significant(m.bounds[0], 4)}, {significant(m.bounds[1], 4)}]"
    how = (
        f"p from {m.resamples} permutations"
        if m.resamples
        else "too many cells to resample: try --grid 32x32"
    )
    return [f"  Wasserstein-1: {m.metric}, between cell centres; raw value within {held}; {how}"]


def _name(diagnosis, name):
    label = LABELS.get(name.replace("-", "_"), name)
    return f"{label} >=" if diagnosis.projected else label


def divergence_cells(diagnosis, name):
    """Cells of one row of the table of divergences: three where it is infinite, with the reason."""
    m = diagnosis.divergences[name]
    if m.infinite:
        return [_name(diagnosis, name), "inf ", _reason(m)]
    return [
        _name(diagnosis, name),
        number(m.estimate) + ("*" if name == "jsd" else " "),
        *(interval(m.ci), number(m.value), number(m.floor)),
        # Where permutations are infinite as well, none can be more so: p says nothing.
        pvalue(m.pvalue) if math.isfinite(m.floor) else "-",
        "units of the data" if name == "wasserstein" else m.unit or "",
    ]


def _reason(measured):
    """Why a divergence is infinite; where both directions are, the KLs above say each."""
    return "as both KLs" if " and " in measured.because else measured.because


def region_cells(region):
    """Cells of one row of the table of regions."""
    return [
        str(region.number),
        region.label,
        percent(region.real_share),
        percent(region.gen_share),
        f"{region.ratio:.2f}" if region.ratio < 100 else ratio_text(region.ratio),
        interval_text(region.ci),
        region.verdict,
    ]


def percent(share):
    """A share in per cent, two decimals."""
    return f"{100 * share:.2f}%"


_REGION_HEADINGS = ["", "region", "real", "gen", "R = gen/real", "{level:g}% interval", "verdict"]


def _region_headings(level, what="region"):
    headings = [heading.format(level=100 * level) for heading in _REGION_HEADINGS]
    return [*headings[:1], what, *headings[2:]]


def _region_lines(diagnosis, all_rows):
    regions = diagnosis.regions
    rate = f"{100 * (1 - diagnosis.level):.2g}%"
    if not regions:
        return [f"no region where R differs from 1, at false-discovery rate {rate}."]
    shown = regions if all_rows or len(regions) <= _SHOWN + 1 else regions[:_SHOWN]
    rows = [region_cells(region) for region in shown]
    drawn = table(_region_headings(diagnosis.level), rows, align="><>>><<")
    lines = [f"  {line}" for line in drawn.split("\n")]
    rest = regions[len(shown) :]
    if rest:
        lines.append(f"  ... {len(rest)} more (-v): {_summed_up(rest)}")
    count = f"{len(regions)} region{'' if len(regions) == 1 else 's'}"
    text = f"{count} at false-discovery rate {rate}."
    if any(region.verdict == "MISSING" for region in regions):
        text += " Dropping a mode makes all others look over-produced: judge by the MISSING ones."
    return [*lines, text]


def _summed_up(regions):
    parts = []
    for verdict in dict.fromkeys(region.verdict for region in regions):
        found = [region.ratio for region in regions if region.verdict == verdict]
        ends = f"{ratio_text(min(found))} to {ratio_text(max(found))}"
        parts.append(f"{len(found)} {verdict}, R {ends}")
    return "; ".join(parts)


def _class_lines(diagnosis):
    rows = [region_cells(region) for region in diagnosis.classes]
    drawn = table(_region_headings(diagnosis.level, "class"), rows, align="><>>><<")
    return [f"  {line}" for line in drawn.split("\n")]


def _sensitivity_lines(diagnosis):
    rows = diagnosis.sensitivity
    if len(rows) < 2:
        return []
    parts = [
        f"{row['grid']}{' cells' if i == 0 else ''} {number(row['estimate'])} "
        f"({number(row['value'])})"
        for i, row in enumerate(rows)
    ]
    alpha = 1 - diagnosis.level
    agree = len({row["pvalue"] <= alpha for row in rows}) == 1
    verdict = "The verdict does not depend on the grid."
    if not agree:
        pvalues = ", ".join(f"{pvalue(row['pvalue'])} on {row['grid']}" for row in rows)
        verdict = f"The verdict DEPENDS on the grid: p = {pvalues}."
    return [f"sensitivity, estimate (raw): {', '.join(parts)}.", f"{'':13}{verdict}"]


def _power_lines(diagnosis):
    lines = [
        f"power: with these sample sizes a debiased JSD of {diagnosis.detectable:.2g} would be "
        "found 4 times in 5."
    ]
    curve = diagnosis.precision_recall
    if curve is not None:
        lines.append(
            f"precision {curve.precision:.3f}   recall {curve.recall:.3f}      (share of gen on "
            "real's support; share of real on gen's)"
        )
    return lines


def marginal_cells(marginal):
    """Cells of one row of the table of columns and pairs."""
    m = marginal.measured
    return [
        " x ".join(marginal.names),
        *(number(m.estimate), interval(m.ci), number(m.value), number(m.floor)),
        pvalue(marginal.pvalue_adjusted),
        "different" if marginal.different else "",
    ]


def _marginal_headings(diagnosis, what):
    return [what, "JSD", *_headings(diagnosis.level)[1:4], "adjusted p", ""]


def _marginal_lines(diagnosis, all_rows):
    lines = []
    for what, marginals in (("column", diagnosis.columns), ("pair", diagnosis.pairs)):
        shown = marginals if all_rows else marginals[: 2 * _SHOWN]
        rows = [marginal_cells(marginal) for marginal in shown]
        drawn = table(_marginal_headings(diagnosis, what), rows, align="<><>>><")
        lines += [f"  {line}" for line in drawn.split("\n")]
        rest = marginals[len(shown) :]
        if rest:
            count = sum(marginal.different for marginal in rest)
            lines.append(f"  ... {len(rest)} more (-v), {count} of them different")
        lines.append("")
    rate = f"{100 * (1 - diagnosis.level):.2g}%"
    count = len(diagnosis.columns) + len(diagnosis.pairs)
    return [*lines, f"adjusted for {count} comparisons at false-discovery rate {rate}."]


def markdown(diagnosis):
    """The report as Markdown: the finding, then its tables."""
    parts = [f"**{diagnosis.finding}**"]
    if diagnosis.columns:
        for what, marginals in (("column", diagnosis.columns), ("pair", diagnosis.pairs)):
            rows = [marginal_cells(marginal) for marginal in marginals]
            parts.append(markdown_table(_marginal_headings(diagnosis, what), rows))
        return "\n\n".join(parts)
    parts.append(markdown_table(*divergence_table(diagnosis)))
    for what, regions in (("region", diagnosis.regions), ("class", diagnosis.classes)):
        if regions:
            headings = _region_headings(diagnosis.level, what)
            parts.append(markdown_table(headings, [region_cells(r) for r in regions]))
    parts.append("\n".join((*_sensitivity_lines(diagnosis), *_power_lines(diagnosis))))
    return "\n\n".join(parts)
