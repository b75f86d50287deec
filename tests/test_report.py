"""The page of a diagnosis: small, self-contained, whole, and the same every time."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
import records
from test_plots import unreadable

import ratiogan as rg
from ratiogan import plots
from ratiogan.report import MOST_PRINTED, diagnosis_fragment, diagnosis_page, tables

NASTY = "ratiogan diagnose --real '</span><script>alert(1)</script>@@FIGURE@@.csv' --gen \"b&c\""

RECORDS = {
    "line": records.line,
    "plane": records.ring,
    "names": records.names,
    "space": lambda: records.ring(16, columns=3),
    "marginals": lambda: records.marginals(30, word="the mean radius of the nucleus "),
    "fine plane": lambda: records.ring(128, rows=20000),
}
VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Tags with their attributes, their text, and what was never closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def pages():
    return {name: diagnosis_page(make(), NASTY) for name, make in RECORDS.items()}


@pytest.mark.parametrize("name", RECORDS)
def test_page_is_small_and_asks_for_nothing(pages, name):
    text = pages[name]
    assert len(text.encode()) < 300_000
    assert not re.search(r"https?:|url\((?!#)|@import|fetch\(|<script|javascript:", text)
    for tag, attributes in Page(text).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for key in ("src", "href", "xlink:href", "srcset", "data"):
            value = attributes.get(key, "#")
            assert value.startswith(("#", "data:image/png;base64,")), (tag, key)
        assert not any(key.startswith("on") for key in attributes)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("name", RECORDS)
def test_page_is_whole_and_filled_in(pages, name):
    page = Page(pages[name])
    assert page.open == []
    said = " ".join(page.text)
    assert NASTY in said and "@@" not in said.replace(NASTY, "")
    record = RECORDS[name]()
    assert said.count(record.finding) == 2  # the title of the window, and the heading
    assert [tag for tag, _ in page.tags].count("svg") + said.count("img") <= 1
    labels = [attributes.get("aria-label", attributes.get("alt")) for _, attributes in page.tags]
    assert record.finding in labels  # what a screen reader says of the figure


def test_a_figure_too_large_becomes_a_picture(pages):
    assert "<svg" in pages["line"] and "<svg" in pages["plane"]
    assert "<svg" not in pages["fine plane"] and "data:image/png" in pages["fine plane"]


def test_tables_hold_every_number():
    record = records.line()
    found = {heading: rows for heading, _, rows in tables(record)}
    assert set(found) >= {"Divergences", "Regions", "Sensitivity to the grid"}
    assert len(found["Divergences"]) == 3 and len(found["Regions"]) == len(record.regions)
    infinite = found["Divergences"][2]
    assert infinite[1:3] == ["inf", "13.4% of real lies where gen has no sample"]
    for _, headings, rows in tables(record):
        assert {len(row) for row in rows} == {len(headings)}


def test_long_tables_unfold():
    record = records.marginals(30)
    page = Page(diagnosis_page(record))
    assert [tag for tag, _ in page.tags].count("details") == 2
    said = " ".join(page.text)
    assert "and 20 more" in said and "and 425 more, 290 of them here" in said
    cells = [tag for tag, _ in page.tags].count("tr")
    assert cells >= 2 * MOST_PRINTED + 300


def test_same_record_same_page(pages):
    assert diagnosis_page(records.line(), NASTY) == pages["line"]


def test_what_diagnose_returns_has_figure_and_page():
    found = rg.diagnose("ring8:n=2000", "ring8:n=2000,drop=4", resamples=200, grid="16x16")
    assert unreadable(plots.figure(found, command=NASTY)) == []
    text = diagnosis_page(found, NASTY)
    assert "MISSING" in text and "KL(gen || real)" in text and found.header[0].split()[1] in text


def test_classes_and_warnings_stand_on_the_page():
    record = records.line()
    record.classes, record.warnings = record.regions[:1], ("3 rows lie outside <the> domain",)
    text = diagnosis_page(record)
    assert "Classes" in text and "outside &lt;the&gt; domain" in text


def test_fragment_for_a_notebook():
    text = diagnosis_fragment(records.ring(16, rows=2000))
    assert text.startswith("<div>") and "data:image/png;base64," in text
    assert "<table>" in text and "<script" not in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser")
@pytest.mark.parametrize("name", ["plane", "marginals", "names"])
def test_page_prints_on_one_sheet(pages, name, tmp_path):
    (tmp_path / "page.html").write_text(pages[name], encoding="utf-8")
    printed = tmp_path / "page.pdf"
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
         f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={printed}",
         (tmp_path / "page.html").as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) == 1
