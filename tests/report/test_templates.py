"""The report in a real headless Chromium: opened from disk, offline, used, printed, on a phone, with axe-core.

Needs Chromium and Playwright's Python package. For the accessibility rules, VITWORK_AXE names axe-core's ``axe.min.js``
(``npm pack axe-core`` has it); the tests fetch nothing themselves.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest

from tests.report import synthetic
from vitwork.report.build import build
from vitwork.report.compare import compare
from vitwork.report.site import index

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = os.environ.get("VITWORK_AXE", "")
QUIET = (
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
)
SIZES = {"desktop": (1200, 900), "sheet": (794, 1123), "phone": (375, 740)}

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright's Python package")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in QUIET])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Every kind of page, by name."""
    folder = tmp_path_factory.mktemp("site")
    results = synthetic.results(seeds=3, claims=40)
    made = {
        "report": build(results, folder / "one"),
        "small": build(synthetic.results(seeds=3, claims=8), folder / "three"),
        "hostile": build(synthetic.results(seeds=2, claims=12, hostile=True), folder / "two"),
    }
    return made | {
        "index": index(folder),
        "comparison": compare(results, synthetic.results(seeds=3, claims=39), folder),
    }


class Watched:
    """A page that notes messages, errors and requests for anything but itself."""

    def __init__(self, browser, path, size="desktop", **options):
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, reduced_motion="reduce", **options
        )
        self.page = self.context.new_page()
        self.troubles = []
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.troubles.append("dialog"), dialog.dismiss()))
        own = path.as_uri()
        self.page.on("request", lambda request: request.url.split("#")[0] == own or self.troubles.append(request.url))
        self.page.goto(own)

    def __enter__(self):
        return self.page

    def __exit__(self, *exception):
        self.context.close()
        assert exception[0] is not None or not self.troubles


@pytest.mark.parametrize("kind", ["report", "hostile", "index", "comparison"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_open_from_disk_in_silence_and_fit_their_window(browser, pages, kind, size):
    """No message, no request, no dialog; with every section open nothing is wider than the window."""
    with Watched(browser, pages[kind], size) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size][0]


@pytest.mark.parametrize("size", SIZES)
def test_the_sentence_of_a_claim_has_most_of_the_table(browser, pages, size):
    """On a phone, on a tablet or sheet of paper, and on a desktop."""
    with Watched(browser, pages["report"], size) as page:
        assert page.locator("tr.row th").first.bounding_box()["width"] > 0.4 * min(SIZES[size][0], 1100)


@pytest.mark.parametrize("kind", ["index", "comparison"])
def test_names_can_be_read_on_a_phone(browser, pages, kind):
    """The column of names keeps its width; what does not fit next to it is reached by scrolling inside the table's box."""
    with Watched(browser, pages[kind], "phone") as page:
        for name in page.locator("tbody tr:not(.chapter) th").all()[:40]:
            assert name.bounding_box()["width"] > 0.4 * SIZES["phone"][0]
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]


def test_texts_of_drawings_lie_inside_them_and_off_each_other(browser, pages):
    """With the widths of a real font."""
    with Watched(browser, pages["report"]) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        found = page.evaluate("""() => [...document.querySelectorAll('svg')].flatMap((svg) => {
            const edge = svg.getBoundingClientRect();
            const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
            const out = texts.filter(([, at]) => at.left < edge.left - 1 || at.right > edge.right + 1);
            const over = texts.filter(([, a], i) => texts.slice(0, i).some(([, b]) => a.left < b.right && b.left < a.right
                && a.top + 3 < b.bottom - 3 && b.top + 3 < a.bottom - 3));
            return [...out, ...over].map(([text]) => `${svg.getAttribute('aria-label')}: ${text}`);
        })""")
        assert not found


def test_search_chapter_and_verdict_filter_rows_and_sections(browser, pages):
    """Rows, sections and the spoken count agree; reset brings everything back."""
    with Watched(browser, pages["report"]) as page:
        rows, sections = page.locator("tr.row:visible"), page.locator("details.claim:visible")
        assert rows.count() == sections.count() == 40
        page.get_by_label("Search").fill("HESSIAN vit")
        assert rows.count() == sections.count() == 2
        assert page.locator("#found").inner_text() == "2 of 40 claims"
        page.get_by_label("Search").fill("nothing of the kind")
        assert rows.count() == 0
        page.get_by_role("button", name="Reset").click()
        page.wait_for_function("document.querySelectorAll('tr.row:not([hidden])').length === 40")
        page.locator("#chapter").select_option(label="Frequency")
        assert rows.count() == sections.count() == 9
        page.get_by_label("reproduced", exact=True).uncheck()
        verdicts = {row.get_attribute("data-verdict") for row in rows.all()}
        assert verdicts
        assert "reproduced" not in verdicts


def test_a_link_opens_its_section_by_keyboard_alone(browser, pages):
    """Tab reaches the link, Enter opens the section and moves the focus there; also when a filter hid it."""
    with Watched(browser, pages["report"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        link = page.locator("tr.row a").nth(3)
        link.focus()
        page.keyboard.press("Enter")
        section = page.locator("#claim-hessian-vit-negative")
        page.wait_for_function("document.querySelector('#claim-hessian-vit-negative').open")
        assert page.evaluate("document.activeElement.parentElement.id") == "claim-hessian-vit-negative"
        page.keyboard.press("Enter")
        assert section.get_attribute("open") is None
        page.get_by_label("Search").fill("mlp-highpass")
        page.evaluate("location.hash = '#claim-trajectory-vit-smooth'")
        page.wait_for_function("document.querySelector('#claim-trajectory-vit-smooth').open")
        assert page.locator("#claim-trajectory-vit-smooth").is_visible()


def test_all_sections_open_and_close_at_once(browser, pages):
    """The button says what it will do next."""
    with Watched(browser, pages["report"]) as page:
        page.get_by_role("button", name="Open all sections").click()
        assert page.locator("details.claim[open]").count() == 40
        page.get_by_role("button", name="Close all sections").click()
        assert page.locator("details.claim[open]").count() == 0


def test_the_theme_follows_the_system_and_the_reader(browser, pages):
    """Dark systems get a dark page; the button turns it light, and a reload keeps that."""
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + +b, 0)"
    with Watched(browser, pages["report"], color_scheme="dark") as page:
        assert page.evaluate(lightness) < 150
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate(lightness) > 700
        page.reload()
        assert page.evaluate(lightness) > 700


def test_a_surface_turns_by_slider_and_by_pointer(browser, pages):
    """The script draws at first what the server drew, and something else when turned."""
    facets = "[...document.querySelectorAll('[data-surface] g')[0].children].map((facet) => facet.getAttribute('d'))"
    with Watched(browser, pages["report"]) as page:
        page.evaluate("document.querySelector('#claim-landscape-vit-flatter').open = true")
        drawn = page.evaluate(facets)
        slider = page.get_by_label("turn").first
        slider.focus()
        page.keyboard.press("ArrowRight")
        turned = page.evaluate(facets)
        page.keyboard.press("ArrowLeft")
        again = page.evaluate(facets)
        assert turned != drawn
        assert len(again) == len(drawn) > 300
        numbers = [
            [float(n) for path in paths for n in path[1:-1].replace("L", " ").split()] for paths in (drawn, again)
        ]
        assert max(abs(a - b) for a, b in zip(*numbers, strict=True)) <= 0.11
        picture = page.locator("[data-surface] svg").first
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        page.mouse.move(box["x"] + 150, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 190, box["y"] + 110)
        page.mouse.up()
        assert page.evaluate(facets) != again


def test_the_data_of_a_figure_can_be_saved(browser, pages, tmp_path):
    """The link saves a CSV file without a server."""
    with Watched(browser, pages["report"], accept_downloads=True) as page:
        page.evaluate("document.querySelector('#claim-hessian-vit-smaller').open = true")
        with page.expect_download() as saved:
            page.locator("#claim-hessian-vit-smaller figure .download a").click()
        saved.value.save_as(tmp_path / "data.csv")
        assert saved.value.suggested_filename == "claim-hessian-vit-smaller-1.csv"
    with (tmp_path / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0].keys() >= {"arm", "seed", "setting", "batch", "eigenvalue 1"}


def test_a_large_table_is_unpacked_and_saved(browser, pages, tmp_path):
    """The compressed table in the page is the one that the figure was drawn from."""
    with Watched(browser, pages["report"], accept_downloads=True) as page:
        page.evaluate("document.querySelector('#claim-landscape-vit-flatter').open = true")
        with page.expect_download() as saved:
            page.locator("#claim-landscape-vit-flatter figure a[data-table]").click()
        saved.value.save_as(tmp_path / "data.csv")
        assert saved.value.suggested_filename == "claim-landscape-vit-flatter-1.csv"
    surface = next(
        entry
        for entry in synthetic.results(seeds=3, claims=1).measurements
        if entry.name == "surface" and entry.arm == "vit"
    )
    with (tmp_path / "data.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "vit"]
    nll = [value for row in surface.values["nll"] for value in row]
    assert [row["NLL"] for row in rows] == ["" if value is None else f"{value:.6g}" for value in nll]


def test_paper_shows_every_section_in_dark_ink(browser, pages):
    """Printing opens what is closed, drops what only a screen needs, and closes it again; the PDF has many pages."""
    with Watched(browser, pages["report"], color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert not page.get_by_label("Search").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        seen = page.evaluate("""() => {
            let open = 0;
            addEventListener('beforeprint', () => { open = document.querySelectorAll('details.claim[open]').length; });
            dispatchEvent(new Event('beforeprint'));
            const during = open || document.querySelectorAll('details.claim[open]').length;
            dispatchEvent(new Event('afterprint'));
            return [during, document.querySelectorAll('details.claim[open]').length];
        }""")
        assert seen == [40, 0]
        pdf = page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert pdf.count(b"/Type /Page\n") > 10 or pdf.count(b"/Type/Page") > 10


def test_without_scripts_everything_can_be_read(browser, pages):
    """Sections open by themselves, the surface is a drawing, and controls that would do nothing are not shown."""
    with Watched(browser, pages["report"], java_script_enabled=False) as page:
        assert not page.locator("#filters").is_visible()
        assert not page.locator("#theme").is_visible()
        page.locator("#claim-landscape-vit-flatter > summary").click()
        assert page.locator("#claim-landscape-vit-flatter [data-surface] svg").first.is_visible()
        assert not page.locator(".turn").first.is_visible()


@pytest.mark.skipif(not AXE, reason="VITWORK_AXE does not name axe-core's axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("kind", ["small", "index", "comparison"])
def test_axe_finds_no_violation(browser, pages, kind, size, scheme):
    """All rules of axe-core, every section open, in both themes, on a desk and on a phone."""
    with Watched(browser, pages[kind], size, color_scheme=scheme) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        violations = page.evaluate("axe.run().then((found) => found.violations)")
        found = [
            (entry["impact"], entry["id"], entry["help"], [node["html"][:200] for node in entry["nodes"][:3]])
            for entry in violations
        ]
        assert not found
