"""The report in a real headless Chromium: opened from disk, offline, used, printed, on a phone, with axe-core.

Needs Chromium; without it these tests are skipped, but not in continuous integration. The tests fetch nothing.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from tests.report import synthetic
from vitwork.report.build import build
from vitwork.report.site import index

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "no-sandbox",
    "disable-gpu",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-first-run",
)
SIZES = {"desktop": (1200, 900), "sheet": (794, 1123), "phone": (375, 740)}

pytestmark = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in QUIET])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(once):
    """Every kind of page, by name."""

    def fill(folder):
        results = synthetic.results(seeds=3, claims=40)
        made = {
            "report": build(results, folder / "one"),
            "small": build(synthetic.results(seeds=3, claims=8), folder / "three"),
            "full": build(synthetic.results(seeds=3), folder / "four"),
            "hostile": build(synthetic.results(seeds=2, claims=12, hostile=True), folder / "two"),
            "index": index(folder),
            "comparison": synthetic.compared(
                synthetic.results(seeds=3, claims=12), synthetic.results(seeds=3, claims=11), folder
            ),
            # every kind of element, few of each: surfaces have a hundred facets in place of thousands
            "coarse": build(synthetic.results(seeds=2, claims=8, grid=5), folder / "few" / "report"),
            "coarse index": index(folder / "few"),
        }
        (folder / "pages.json").write_text(json.dumps({kind: str(path) for kind, path in made.items()}))

    made = json.loads((once("report-pages", fill) / "pages.json").read_text())
    return {kind: Path(path) for kind, path in made.items()}


class Watched:
    """A page that notes messages, errors and requests for anything but itself."""

    def __init__(self, browser, path, size="desktop", address="", **options):
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
        self.page.goto(address or own)

    def __enter__(self):
        return self.page

    def __exit__(self, *exception):
        self.context.close()
        assert exception[0] is not None or not self.troubles


def sized(page):
    """Yield width and height of each window, to which the page is brought."""
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        yield width, height


@pytest.mark.parametrize("kind", ["report", "hostile", "index", "comparison"])
def test_pages_open_from_disk_in_silence_and_fit_their_window(browser, pages, kind):
    """No message, no request, no dialog; with every section open nothing is wider than any window."""
    with Watched(browser, pages[kind]) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        for width, _ in sized(page):
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_sentence_of_a_claim_has_most_of_its_row(browser, pages):
    """On a phone, on a tablet or sheet of paper, and on a desktop."""
    with Watched(browser, pages["small"]) as page:
        for width, _ in sized(page):
            assert page.locator("details.claim h4").first.bounding_box()["width"] > 0.4 * min(width, 1100)


def test_the_answer_is_on_the_first_screen(browser, pages):
    """Headline and counts, and on a desk the answers to the paper's questions."""
    with Watched(browser, pages["small"]) as page:
        for window in sized(page):
            assert page.locator(".counts").bounding_box()["y"] < window[1]
            if window == SIZES["desktop"]:
                assert page.locator(".answers .short").first.bounding_box()["y"] < window[1]


def test_names_can_be_read_on_a_phone(browser, pages):
    """The column of names keeps its width; what does not fit next to it is reached by scrolling inside the table's box."""
    with Watched(browser, pages["comparison"], "phone") as page:
        for name in page.locator("tbody tr:not(.chapter) th").all()[:40]:
            assert name.bounding_box()["width"] > 0.4 * SIZES["phone"][0]
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]


def test_texts_of_drawings_lie_inside_them_and_off_each_other(browser, pages):
    """With the widths of a real font."""
    with Watched(browser, pages["small"]) as page:
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


def test_search_question_and_verdict_filter_claims(browser, pages):
    """Claims and the spoken count agree; what folds them opens for a search; reset brings everything back."""
    with Watched(browser, pages["report"]) as page:
        shown = page.locator("details.claim:not([hidden])")
        assert shown.count() == 40
        page.get_by_label("Search").fill("HESSIAN vit")
        assert shown.count() == 2
        assert page.locator("#found").inner_text() == "2 of 40 claims"
        page.get_by_label("Search").fill("vit-no-overfit-small-data")
        assert page.locator("details.claim:visible").count() == 1
        page.get_by_label("Search").fill("nothing of the kind")
        assert shown.count() == 0
        page.get_by_role("button", name="Reset").click()
        page.wait_for_function("document.querySelectorAll('details.claim:not([hidden])').length === 40")
        assert not page.locator("#none").is_visible()
        page.locator("#question").select_option(label="Do MSAs act like Convs?")
        assert shown.count() == 9
        page.get_by_label("reproduced", exact=True).uncheck()
        verdicts = {claim.get_attribute("data-verdict") for claim in shown.all()}
        assert verdicts
        assert "reproduced" not in verdicts


def test_what_matches_no_claim_is_said_with_a_way_back(browser, pages):
    """In words that name what was asked for; the button beside them shows all claims again, and paper has neither."""
    with Watched(browser, pages["report"]) as page:
        none = page.locator("#none")
        page.get_by_label("Search").fill("nothing <b>of the kind")
        assert "No claim matches the search “nothing <b>of the kind”." in none.inner_text()
        page.locator("#question").select_option(label="Do MSAs act like Convs?")
        page.get_by_label("reproduced", exact=True).uncheck()
        said = none.inner_text()
        assert (
            "the question “Do MSAs act like Convs?” and the verdict contradicted or inconclusive or not measured."
            in said
        )
        page.emulate_media(media="print")
        assert not none.is_visible()
        page.emulate_media(media="screen")
        page.get_by_role("button", name="Show all claims").click()
        page.wait_for_function("document.querySelectorAll('details.claim:not([hidden])').length === 40")
        assert not none.is_visible()
        assert page.evaluate("document.activeElement.id") == "search"
        assert page.evaluate("location.hash") == ""
        for box in page.locator("[name=verdict]").all():
            box.uncheck()
        assert "No claim matches a choice of no verdict." in none.inner_text()


def test_a_long_name_of_a_profile_wraps(browser, long):
    """In headline, cards and tables, which keep the width of the window and room for what stands beside the name."""
    for path in long:
        with Watched(browser, path) as page:
            page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
            for width, _ in sized(page):
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                narrow = page.evaluate("""() => [...document.querySelectorAll('h1, h2, h3, h4, p, dd, .badge, .counts li')]
                    .filter((part) => part.offsetParent && part.textContent.trim().length > 20 && !part.closest('svg, .tools, .turn'))
                    .filter((part) => part.getBoundingClientRect().width < 90)
                    .map((part) => `${part.tagName} ${part.className} ${part.textContent.slice(0, 60)}`)""")
                assert not narrow


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A report, an index and a comparison of a profile whose name is one long word."""
    folder = tmp_path_factory.mktemp("long")
    results = synthetic.results(seeds=3, claims=8, grid=5)
    named = synthetic.profile_of(results, name="cifar10microwithaverylongname" * 8)
    return build(named, folder / "one"), index(folder), synthetic.compared(results, named, folder)


def test_the_address_holds_filters_and_opened_claims(browser, pages):
    """Who opens a copied address sees the same claims, opened as they were."""
    state = """() => [location.hash, document.getElementById('search').value, document.getElementById('question').value,
        [...document.querySelectorAll('[name=verdict]:checked')].map((box) => box.value),
        [...document.querySelectorAll('details.claim[open]')].map((claim) => claim.id).sort()]"""
    with Watched(browser, pages["small"]) as page:
        assert page.evaluate("location.hash") == ""
        page.get_by_label("Search").fill("vit")
        page.locator("#question").select_option("2")
        page.get_by_label("inconclusive", exact=True).uncheck()
        for name in ("claim-hessian-vit-smaller", "claim-landscape-vit-flatter"):
            page.locator(f"#{name} > summary").click()
        page.wait_for_function("location.hash.includes('landscape')")
        before = page.evaluate(state)
        address = page.url
    assert before[1:3] == ["vit", "2"]
    assert "inconclusive" not in before[3]
    assert before[4] == ["claim-hessian-vit-smaller", "claim-landscape-vit-flatter"]
    with Watched(browser, pages["small"], address=address) as page:
        assert page.evaluate(state) == before
        page.get_by_role("button", name="Reset").click()
        for _ in range(2):
            page.locator("details.claim[open] > summary").first.click()
        page.wait_for_function("location.hash === ''")


def test_an_address_that_was_cut_off_opens_the_report(browser, pages):
    """A broken escape names nothing, and everything else works."""
    with Watched(browser, pages["small"], address=f"{pages['small'].as_uri()}#%") as page:
        page.get_by_role("button", name="Open all claims").click()
        assert page.evaluate("location.hash") == "#open=all"
        opened, address = page.locator("details.claim[open]").count(), page.url
    with Watched(browser, pages["small"], address=address) as page:
        assert page.locator("details.claim[open]").count() == opened > 1


def test_paper_shows_what_is_decided_whatever_is_filtered(browser, pages):
    """And the screen is filtered again afterwards."""
    decided = "document.querySelectorAll('.decided details.claim:not([hidden])').length"
    with Watched(browser, pages["small"], address=f"{pages['small'].as_uri()}#verdict=not+measured") as page:
        assert page.evaluate(decided) == 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(decided) > 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(decided) == 0


def test_a_link_opens_its_section_by_keyboard_alone(browser, pages):
    """Tab reaches the link, Enter opens the claim and moves the focus there; also where it is folded or filtered out."""
    with Watched(browser, pages["small"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        link = page.locator('.answers a[href="#claim-hessian-vit-smaller"]')
        link.focus()
        page.keyboard.press("Enter")
        section = page.locator("#claim-hessian-vit-smaller")
        page.wait_for_function("document.querySelector('#claim-hessian-vit-smaller').open")
        assert page.evaluate("document.activeElement.parentElement.id") == "claim-hessian-vit-smaller"
        page.keyboard.press("Enter")
        assert section.get_attribute("open") is None
        page.get_by_label("Search").fill("mlp-highpass")
        page.evaluate("location.hash = '#claim-trajectory-vit-smooth'")
        page.wait_for_function("document.querySelector('#claim-trajectory-vit-smooth').open")
        assert page.locator("#claim-trajectory-vit-smooth").is_visible()
        page.evaluate("location.hash = '#claim-resnet-indifferent-to-data'")  # not measured: folded by its reason
        page.wait_for_function("document.querySelector('#claim-resnet-indifferent-to-data').open")
        assert page.locator("#claim-resnet-indifferent-to-data").is_visible()


def test_all_claims_open_and_close_at_once(browser, pages):
    """The button says what it will do next."""
    with Watched(browser, pages["small"]) as page:
        page.get_by_role("button", name="Open all claims").click()
        assert page.locator("details.claim[open]").count() == 8
        page.get_by_role("button", name="Close all claims").click()
        assert page.locator("details.claim[open]").count() == 0


def test_links_and_bibtex_can_be_copied(browser, pages):
    """To a claim, to a figure, and of every entry; a reader who hears the page is told."""
    with Watched(browser, pages["report"]) as page:
        page.evaluate("""() => {
            window.copied = [];
            navigator.clipboard.writeText = async (text) => { window.copied.push(text); };
        }""")
        page.locator("#claim-hessian-vit-smaller > summary").click()
        page.locator("#claim-hessian-vit-smaller [data-link]").click()
        page.locator("#figure-1c [data-link]").click()
        page.locator("[data-copy]").first.click()
        claim, figure, entry = page.evaluate("window.copied")
        assert claim == f"{pages['report'].as_uri()}#claim-hessian-vit-smaller"
        assert figure == f"{pages['report'].as_uri()}#figure-1c"
        assert entry.startswith("@misc{vitwork-synthetic-")
        assert page.locator("#said").inner_text() == "BibTeX copied"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_a_figure_is_saved_as_svg_and_png_that_stand_alone(browser, pages, tmp_path, scheme):
    """With title, legend, every panel and the colours that the reader saw; no class is left without its style."""
    with Watched(browser, pages["small"], accept_downloads=True, color_scheme=scheme) as page:
        for kind in ("svg", "png"):
            with page.expect_download() as saved:
                page.locator(f"#figure-1c [data-save={kind}]").click()
            saved.value.save_as(tmp_path / f"figure.{kind}")
            assert saved.value.suggested_filename == f"figure-1c.{kind}"
        panels = page.locator("#figure-1c .panel svg").count()
        colour = page.evaluate("getComputedStyle(document.querySelector('#figure-1c svg .line')).stroke")
    drawn = ET.parse(tmp_path / "figure.svg").getroot()  # noqa: S314 - ours
    names = {"".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Fig. 1c Top Hessian eigenvalues over training", "Density at the end", "vit", "resnet"} <= names
    inner = [part for part in drawn if part.tag.endswith("}svg")]
    assert len(inner) >= panels
    lines = [
        path for path in drawn.iter("{http://www.w3.org/2000/svg}path") if (path.get("class") or "").startswith("line")
    ]
    assert colour in {line.get("stroke") for line in lines}
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.size == (2 * int(drawn.get("width")), 2 * int(drawn.get("height")))
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_the_theme_follows_the_system_and_the_reader(browser, pages):
    """Dark systems get a dark page; the button turns it light, and a reload keeps that."""
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + +b, 0)"
    with Watched(browser, pages["small"], color_scheme="dark") as page:
        assert page.evaluate(lightness) < 150
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate(lightness) > 700
        page.reload()
        assert page.evaluate(lightness) > 700


def test_a_surface_turns_by_slider_and_by_pointer(browser, pages):
    """As many facets as the grid has squares of finite corners, all of which move; turned back, they are where they were."""
    facets = "[...document.querySelectorAll('[data-surface] svg:last-of-type')[0].children].map((facet) => facet.getAttribute('d'))"
    with Watched(browser, pages["small"]) as page:
        page.locator("#figure-1a details > summary").click()
        drawn = page.evaluate(facets)
        slider = page.get_by_label("turn").first
        slider.focus()
        page.keyboard.press("ArrowRight")
        turned = page.evaluate(facets)
        page.keyboard.press("ArrowLeft")
        assert len(drawn) == 20 * 20 - 1
        assert turned != drawn
        assert page.evaluate(facets) == drawn
        picture = page.locator("[data-surface] svg").nth(1)
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        page.mouse.move(box["x"] + 150, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 190, box["y"] + 110)
        page.mouse.up()
        assert page.evaluate(facets) != drawn


def test_the_data_of_a_figure_can_be_saved(browser, pages, tmp_path):
    """The link saves a CSV file without a server."""
    with Watched(browser, pages["small"], accept_downloads=True) as page:
        with page.expect_download() as saved:
            page.locator("#figure-1c .tools a").click()
        saved.value.save_as(tmp_path / "data.csv")
        assert saved.value.suggested_filename == "figure-1c.csv"
    with (tmp_path / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0].keys() >= {"arm", "seed", "setting", "batch", "eigenvalue 1"}


def test_a_large_table_is_unpacked_and_saved(browser, pages, tmp_path):
    """The compressed table in the page is the one that the figure was drawn from."""
    with Watched(browser, pages["small"], accept_downloads=True) as page:
        with page.expect_download() as saved:
            page.locator("#figure-1a a[data-packed]").click()
        saved.value.save_as(tmp_path / "data.csv")
        assert saved.value.suggested_filename == "figure-1a.csv"
    surface = next(
        entry
        for entry in synthetic.results(seeds=3, claims=1).measurements
        if entry.name == "surface" and entry.arm == "vit"
    )
    with (tmp_path / "data.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == "vit"]
    nll = [value for row in surface.values["nll"] for value in row]
    assert [row["NLL"] for row in rows] == ["" if value is None else f"{value:.6g}" for value in nll]


def test_the_results_come_out_of_a_page_that_lies_alone(browser, pages, tmp_path):
    """Every file that the page names is inside it, to the last byte."""
    alone = tmp_path / "mailed.html"
    alone.write_bytes(pages["small"].read_bytes())
    with Watched(browser, alone, accept_downloads=True) as page:
        for name in ("results.json", "measurements.parquet"):
            with page.expect_download() as saved:
                page.locator(f"#provenance a[data-file='{name}']").click()
            saved.value.save_as(tmp_path / name)
            assert (tmp_path / name).read_bytes() == (pages["small"].parent / name).read_bytes()


def _sheets(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def test_paper_has_the_answer_the_decided_claims_and_the_figures(browser, pages):
    """In dark ink; what only a screen needs is gone, undecided claims as well; decided ones open and close again."""
    with Watched(browser, pages["small"], color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for gone in ("#filters", "#arms", "button", "#paper .part:not(.decided)"):
            assert not page.locator(gone).first.is_visible()
        for kept in (".answers", "#figure-1a svg", "#cite"):
            assert page.locator(kept).first.is_visible()
        decided = page.locator(".decided details.claim").count()
        seen = page.evaluate("""() => {
            dispatchEvent(new Event('beforeprint'));
            const during = document.querySelectorAll('details.claim[open]').length;
            dispatchEvent(new Event('afterprint'));
            return [during, document.querySelectorAll('details.claim[open]').length];
        }""")
        assert seen == [decided, 0]


@pytest.mark.parametrize("kind", ["small", "full"])
def test_a_report_prints_on_fifteen_sheets_at_most(browser, pages, kind):
    """With few claims, and with every figure of the paper and two thirds of all claims decided."""
    with Watched(browser, pages[kind]) as page:
        assert 2 < _sheets(page.pdf(prefer_css_page_size=True)) <= 15


def test_without_scripts_everything_can_be_read(browser, pages):
    """Sections open by themselves, figures are drawings, and controls that would do nothing are not shown."""
    with Watched(browser, pages["small"], java_script_enabled=False) as page:
        assert not page.locator("#filters").is_visible()
        assert not page.locator("button:visible").count()
        page.locator("#claim-landscape-vit-flatter > summary").click()
        assert page.locator("#claim-landscape-vit-flatter .reason").is_visible()
        page.locator("#figure-1a details > summary").click()
        assert page.locator("#figure-1a [data-surface] svg").first.is_visible()
        assert not page.locator(".turn").first.is_visible()


@pytest.mark.parametrize(
    ("kind", "size", "scheme"),
    [
        ("coarse", "desktop", "light"),
        ("coarse", "phone", "dark"),
        ("coarse index", "phone", "dark"),
        ("comparison", "phone", "dark"),
        pytest.param("coarse index", "desktop", "light", marks=pytest.mark.slow),  # colours are those of the report
        pytest.param("comparison", "desktop", "light", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_no_violation(browser, pages, kind, size, scheme):
    """All rules of axe-core, every section open, on a desk and on a phone, a theme each."""
    from axe_playwright_python.sync_playwright import Axe

    with Watched(browser, pages[kind], size, color_scheme=scheme) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        found = [
            (entry["impact"], entry["id"], entry["help"], [node["html"][:200] for node in entry["nodes"][:3]])
            for entry in Axe().run(page).response["violations"]
        ]
        assert not found
