"""The examples on real data: what they print is true, and is what their command line prints."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")
REDRAW = runpy.run_path(str(EXAMPLES / "redraw.py"))


def console():
    lines = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", TEXT, re.M)
    scripts = [(line, out) for line, out in lines if line.startswith("python ")]
    commands = [shlex.split(line) for line, _ in lines if line.startswith("ratiogan ")]
    names = [line.split()[1].removeprefix("examples/") for line, _ in scripts]
    return dict(zip(names, scripts, strict=True)), commands


def numbers(text):
    """All numbers of a text but the 1 of R-1; percentages as they are written."""
    return [float(word) for word in re.findall(r"(?<!R-)\b\d+\.?\d*(?:e[+-]?\d+)?", text)]


def call(words, folder):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},  # this tree, not an installed copy
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_both(name, folder):
    """The sentence of a script, and the JSON report of its command on the files it wrote."""
    sentence = call([EXAMPLES / f"{name}.py"], folder)
    quoted = console()[0][f"{name}.py"][1]
    assert re.sub(r"\d", "", quoted) == re.sub(r"\d", "", sentence)
    words = REDRAW["command_of"](name)
    words = words[: words.index("-o")] if "-o" in words else [*words, "--no-save"]
    report = call(["-m", *words, "--json"], folder)
    assert {path.suffix for path in folder.iterdir()} == {".csv"}  # neither wrote anything else
    return numbers(sentence), numbers(quoted), json.loads(report)


def test_doctor_visits(tmp_path):
    pytest.importorskip("statsmodels", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("doctor_visits", tmp_path)
    visits = np.loadtxt(tmp_path / "visits.csv", skiprows=1)
    kept = visits[visits <= 30]
    poisson = stats.poisson(visits.mean())
    gen = poisson.pmf(np.arange(31)) / poisson.cdf(30)
    real = np.bincount(kept.astype(int)) / len(kept)
    expected = [30, 100 * real[0], 100 * real[10:].sum(), visits.mean()]
    expected += [100 * gen[0], 100 * gen[10:].sum(), 0, gen[0] / real[0], 4, gen[4] / real[4]]
    expected += [report["n_steps"], report["trace"]["max_error"][-1]]
    assert said == pytest.approx(expected, rel=0.04) == quoted
    assert report["status"]["code"] == "converged"
    assert report["input"]["gen"]["source"].startswith("poisson:rate=2.86")
    assert report["input"]["real"]["outside"] == pytest.approx((visits > 30).mean())


def test_digits(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `examples`")
    said, quoted, report = run_both("digits", tmp_path)
    line, _, _, best, _, neighbours, steps, first, last = said
    assert line == pytest.approx(50, abs=2)
    assert best == pytest.approx(61.5, abs=2)
    assert neighbours == pytest.approx(best, abs=2)
    assert said[:7] == pytest.approx(quoted[:7], rel=0.04)
    # The two files have the same moments, and the command takes as many steps as the script.
    digits, gaussian = (
        np.loadtxt(tmp_path / name, delimiter=",", skiprows=1)
        for name in ("digits.csv", "gaussian.csv")
    )
    assert gaussian.mean(axis=0) == pytest.approx(digits.mean(axis=0), abs=1)
    assert gaussian.std(axis=0) == pytest.approx(digits.std(axis=0), rel=0.05)
    assert report["status"]["code"] == "converged"
    assert steps == report["n_steps"]
    assert [first, last] == pytest.approx(
        [report["trace"]["max_error"][i] for i in (0, -1)], rel=0.5
    )


def test_conditional_tumours(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("conditional_tumours", tmp_path)
    assert said == pytest.approx(quoted, rel=0.04)
    real, gen = read(tmp_path, "tumours", "shuffled")
    rows, marginal, average, worst, radius, before, after, place, mean, other, steps, error = said
    assert rows == len(real)
    assert np.array_equal(np.sort(real, axis=0), np.sort(gen, axis=0))
    correlations = [np.corrcoef(side.T)[0, 1] for side in (real, gen)]
    assert [before, after] == pytest.approx(correlations, abs=0.006)
    # The kernel estimate of SciPy, at the centres of the same cells.
    x, y = (
        low + (high - low) * (np.arange(48) + 0.5) / 48 for low, high in ((5, 29), (-0.04, 0.24))
    )
    points = np.array(np.meshgrid(x, y, indexing="ij")).reshape(2, -1)
    p, q = (product_kde(side, points, stats).reshape(48, 48) for side in (real, gen))
    shares = p.sum(axis=1) / p.sum()
    p, q = (side / side.sum(axis=1, keepdims=True) for side in (p, q))
    rows = np.array([jsd_of(*pair) for pair in zip(p, q, strict=True)])
    assert [average, worst] == pytest.approx([shares @ rows, rows.max()], rel=0.03, abs=0.006)
    assert radius == pytest.approx(x[rows.argmax()], abs=0.6)
    assert marginal == pytest.approx(jsd_of(shares @ p, shares @ q), rel=0.5)
    assert marginal < 1e-4 * average < average < worst < np.log(2)
    at = np.argmin(abs(x - place))
    assert [mean, other] == pytest.approx([p[at] @ y, q[at] @ y], abs=0.001)
    assert report["n_steps"] == steps and report["status"]["code"] == "converged"
    assert report["trace"]["max_error"][-1] == pytest.approx(error, rel=0.1)
    start = [report["trace"][name][0] for name in ("js_marginal", "js", "js_worst")]
    assert start == pytest.approx([marginal, average, worst], rel=0.3, abs=0.006)


def product_kde(rows, points, stats):
    """A product of Gaussian kernels of Scott's width, written with one matrix product."""
    widths = rows.std(axis=0, ddof=1) * len(rows) ** (-1 / 6)
    parts = [
        stats.norm.pdf((at[:, None] - column) / width)
        for at, column, width in zip(points, rows.T, widths, strict=True)
    ]
    return (parts[0] * parts[1]).sum(axis=1)


def jsd_of(real, gen):
    distance = pytest.importorskip("scipy.spatial.distance")
    return distance.jensenshannon(real / real.sum(), gen / gen.sum()) ** 2


def dealt_again(real, gen, times=1000):
    """Counts of two samples whose rows were dealt out again at random."""
    rng = np.random.default_rng(1)
    one = rng.multivariate_hypergeometric(real + gen, int(real.sum()), size=times)
    return [(row, real + gen - row) for row in one]


def compared(real, gen):
    """The JSD of two samples' counts, what noise alone shows on average, and the p-value."""
    used = real + gen > 0
    real, gen = real[used], gen[used]
    value = jsd_of(real, gen)
    null = np.array([jsd_of(*pair) for pair in dealt_again(real, gen)])
    return value, null.mean(), np.mean(null >= value * (1 - 1e-12))


def binned(one, two, cells):
    """Counts on equal cells between the ends of both samples together, rounded outward."""
    pooled = np.concatenate([one, two]).reshape(len(one) + len(two), -1)
    ends = [(np.floor(10 * x.min()) / 10, np.ceil(10 * x.max()) / 10) for x in pooled.T]
    bins = [cells] * len(ends)
    both = pooled[: len(one)], pooled[len(one) :]
    return [np.histogramdd(part, bins, ends)[0].astype(int).ravel() for part in both]


def read(folder, *names):
    return [np.loadtxt(folder / f"{n}.csv", delimiter=",", skiprows=1) for n in names]


def test_visits_generators(tmp_path):
    pytest.importorskip("statsmodels", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("visits_generators", tmp_path)
    visits, poisson, binomial = read(tmp_path, "visits", "poisson", "negative_binomial")
    assert said == pytest.approx(quoted, rel=0.04, abs=1e-4)
    # What the two generators make by their formulae; n rows show it up to a few standard errors.
    mean, variance = visits.mean(), visits.var()
    laws = stats.poisson(mean), stats.nbinom(mean**2 / (variance - mean), mean / variance)
    shares = [100 * np.mean(visits == 0), 100 * np.mean(visits >= 20)]
    assert [said[0], said[1]] == pytest.approx(shares, abs=0.006)
    for at, law in ((3, laws[0]), (8, laws[1])):
        expected = [100 * law.pmf(0), 100 * law.sf(19)]
        assert said[at : at + 2] == pytest.approx(expected, abs=1.2)
    # The estimate is the JSD of the counts less what noise adds, and lies in its interval.
    real, *gens = (np.bincount(v.astype(int), minlength=78) for v in (visits, poisson, binomial))
    for at, gen in ((5, gens[0]), (10, gens[1])):
        value, noise, pvalue = compared(real, gen)
        estimate, low, high = said[at : at + 3]
        assert low < estimate < high
        assert estimate == pytest.approx(value - noise, rel=0.03)
        assert pvalue == 0
    # Of 1 to 5 visits it makes R of what there is.
    *_, first, last, ratio, low, high = said
    few = slice(int(first), int(last) + 1)
    share = [counts[few].sum() / counts.sum() for counts in (gens[1], real)]
    assert ratio == pytest.approx(share[0] / share[1], abs=0.006)
    assert low < ratio < high < 1 < laws[1].pmf(0) / np.mean(visits == 0)
    assert report["verdict"] == "different"
    assert report["divergences"]["jsd"]["estimate"] == pytest.approx(said[10], abs=1e-4)


def test_digit_mixtures(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `examples`")
    said, quoted, report = run_both("digit_mixtures", tmp_path)
    names = "mixture_1", "mixture_3", "mixture_10", "mixture_30", "other_half"
    digits, *gens = read(tmp_path, "digits", *names)
    gens[-1] = gens[-1][: len(digits)]  # one more
    # Rows of the sentence: estimate, p and components; k-means may start elsewhere elsewhere.
    estimates, pvalues = np.array(said[1:]).take([[0, 3, 6, 9, 12], [1, 4, 7, 10, 13]])
    assert said[3:13:3] == [1, 3, 10, 30]
    assert estimates == pytest.approx(np.array(quoted[1:])[[0, 3, 6, 9, 12]], abs=0.01)
    assert np.all(np.diff(estimates[:3]) < 0)
    for gen, estimate, pvalue in zip(gens, estimates, pvalues, strict=True):
        value, noise, expected = compared(*binned(digits, gen, 8))
        assert pvalue == pytest.approx(expected, abs=0.06)
        # Noise adds less to a value that is itself large.
        assert max(value - noise, 0) - 0.003 < estimate < value
    assert pvalues[0] < 0.01 < 0.1 < pvalues[-1]
    *_, rows, find, cells, most, finer, p_finer = said
    assert [rows, cells, most] == [len(digits), 16, 30]
    value, noise, expected = compared(*binned(digits, gens[3], 16))
    assert finer == pytest.approx(value - noise, abs=0.005)
    assert p_finer == pytest.approx(expected, abs=0.02)
    assert report["power"]["jsd"] == pytest.approx(find, abs=1e-4)
    assert report["divergences"]["jsd"]["estimate"] == pytest.approx(estimates[3], abs=1e-4)


def test_breast_cancer(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("breast_cancer", tmp_path)
    malignant, benign = read(tmp_path, "malignant", "benign")
    assert said == pytest.approx(quoted, rel=0.03)
    assert said[:2] == [len(malignant), len(benign)]
    tv, low, high = said[2:5]
    best, least, most, raw, line, tree = said[-6:]
    assert [best, least, most] == pytest.approx([50 * (1 + x) for x in (tv, low, high)], abs=0.4)
    # The raw TV, from counts of our own on as many cells.
    counts = binned(malignant, benign, *report["input"]["grid"]["shape"])
    parts = [table / table.sum() for table in counts]
    assert raw == pytest.approx(50 * (1 + np.abs(parts[0] - parts[1]).sum() / 2), abs=0.06)
    # The best threshold is right in (1 + D)/2 of the cases, D of Kolmogorov and Smirnov.
    threshold = 50 * (1 + stats.ks_2samp(malignant, benign).statistic)
    assert threshold == pytest.approx(best, abs=2)
    for accuracy in (line, tree):
        assert least < accuracy < most
        assert accuracy < raw


def test_nile(tmp_path):
    pytest.importorskip("statsmodels", reason="needs the extra `examples`")
    stats = pytest.importorskip("scipy.stats")
    said, quoted, report = run_both("nile", tmp_path)
    before, after = read(tmp_path, "before", "after")
    assert said == pytest.approx(quoted, rel=0.04, abs=0.01)
    n, year, m, pvalue, jsd, low, high = said[:7]
    assert [n, year, m] == [len(before), 1898, len(after)]
    assert low < jsd < high
    # On 4, 8 and 16 cells: the estimate is nearer to the same than the value of the counts.
    coarse, fine, first, last, raw_first, raw_last, find, p_halves, room = said[7:]
    found = {cells: compared(*binned(before, after, cells)) for cells in (4, 8, 16)}
    assert [coarse, fine] == [4, 16]
    assert [raw_first, raw_last] == pytest.approx([found[4][0], found[16][0]], abs=0.006)
    for estimate, cells in ((first, 4), (jsd, 8), (last, 16)):
        value, noise, expected = found[cells]
        assert value - noise - 0.01 < estimate < value
        assert expected == 0
    assert abs(last - first) < abs(raw_last - raw_first)
    assert stats.ks_2samp(before, after).pvalue < pvalue == pytest.approx(1 / 2001, abs=1e-4)
    assert stats.ks_2samp(*np.split(after, 2)).pvalue > 0.05 < p_halves
    assert room > find
    assert report["verdict"] == "different"
    # That much is found 4 times in 5.
    pooled = np.sum(binned(before, after, *report["input"]["grid"]["shape"]), axis=0)
    assert power_at(find, pooled, (len(before), len(after))) == pytest.approx(0.8, abs=0.1)


def power_at(jsd, counts, rows, times=150):
    """How often a permutation test finds a difference of this JSD, spread over all cells alike."""
    optimize = pytest.importorskip("scipy.optimize")
    pooled = counts / counts.sum()
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(times):
        tilt = rng.permutation(np.resize([-1.0, 1.0], len(counts)))
        tilt /= np.sqrt(pooled @ tilt**2)

        def pair(size, tilt=tilt):
            both = (pooled * np.exp(s * size * tilt) for s in (-0.5, 0.5))
            return [side / side.sum() for side in both]

        size = optimize.brentq(lambda x: jsd_of(*pair(x)) - jsd, 1e-6, 6)
        drawn = [rng.multinomial(n, side) for n, side in zip(rows, pair(size), strict=True)]
        used = drawn[0] + drawn[1] > 0
        value = jsd_of(*(side[used] for side in drawn))
        null = [jsd_of(*deal) for deal in dealt_again(*(side[used] for side in drawn), times=100)]
        hits += np.mean(np.array(null) >= value) <= 0.05
    return hits / times


@pytest.mark.parametrize("name", REDRAW["EXAMPLES"])
def test_page_quotes_the_script_and_its_command(name):
    scripts, commands = console()
    command = REDRAW["command_of"](name)
    assert scripts[f"{name}.py"][1].endswith(".csv\n")
    assert command in commands
    assert "--seed" not in command  # the default, which the figure's footer spells out


@pytest.mark.parametrize("name", [*REDRAW["EXAMPLES"], *REDRAW["README"]])
def test_figure_is_small_and_says_what_made_it(name):
    path = EXAMPLES / f"{name}.png"
    assert path.stat().st_size < 150_000
    with Image.open(path) as figure:
        said = figure.info
    front = REDRAW["README"].get(name)
    words = shlex.split(front) if front else REDRAW["command_of"](name)
    assert said["Comment"] == shlex.join([*words, "--seed", "0"])
    assert said["Software"].startswith("ratiogan ")


def test_first_picture_is_that_of_the_readme():
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert f"&& .venv/bin/{REDRAW['FIRST']}\n" in readme
    assert "(examples/glgd.png)" in readme


def test_hyperparameter_map_is_what_the_page_quotes():
    example = runpy.run_path(str(EXAMPLES / "hyperparameter_map.py"))
    quoted = console()[0]["hyperparameter_map.py"][1]
    blocks = quoted.split("BEST of ")[1:]
    batch = example["compared"]("training", example["STEPS"])
    squares = example["compared"](example["LEAST_SQUARES"], example["BOTH"])
    assert (batch.real.grid.size, batch.runs[0].n_steps) == (256, 4000)
    for found, block in ((batch, blocks[0]), (squares, blocks[2])):
        drawn = example["sweep_map"](found)
        rows = re.findall(r"^ +[\d.e-]+((?:   +(?:[\d.e+-]+|< eps) \w)+)$", block, re.M)
        cells = np.array([re.split(r" {3,}", row.strip()) for row in rows])
        assert cells.shape == drawn.index.shape
        for cell, level, course in zip(
            cells.ravel(),
            drawn.levels(found.runs).ravel(),
            np.ravel(drawn.courses(found.runs)),
            strict=True,
        ):
            value, letter = cell.rsplit(" ", 1)
            if course in ("collapsed", "hopping"):  # where, and whether it moves on, is chance
                assert letter in "CH" and float(value) > 1
            elif course == "diverged":
                assert (value, letter) == ("-", "D")
            elif value == "< eps":
                assert level < 1e-14
            else:
                assert level == pytest.approx(float(value), rel=0.1) and letter in "co"
    assert example["border"](squares) in quoted
    one = example["over_seeds"]([batch])
    assert one.startswith("Over 1 seeds the best of 24 is alpha_gen 0.003, N_d 20, with KL 0.0021;")
    assert "Over 3 seeds the best of 24 is alpha_gen 0.003, N_d 20, with KL 0.002" in quoted
    assert len(example["draw"](batch, squares, "title", "command").axes) == 4
    path = EXAMPLES / "hyperparameter_map.png"
    assert path.stat().st_size < 100_000
    with Image.open(path) as figure:
        assert figure.info["Comment"] == "python examples/hyperparameter_map.py"
