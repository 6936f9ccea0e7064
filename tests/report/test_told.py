"""What the page tells of a session that differs from its profile, and of claims that share what others measured."""

from __future__ import annotations

import copy

import pytest

from tests.report import synthetic
from tests.report.test_report import Elements
from vitwork.design.overrides import substitute
from vitwork.design.profiles import find
from vitwork.report.page import render
from vitwork.report.summary import markdown
from vitwork.report.terminal import substitutes, table
from vitwork.report.words import summary


@pytest.fixture
def results():
    return copy.deepcopy(synthetic.results(seeds=3, claims=7))


def told(results):
    return "".join(Elements(render(results)).text)


def section(results, id):
    """Return the part of the page that is about one claim."""
    return render(results).split(f'id="claim-{id}"')[1].split("</details>")[0]


def test_a_claim_that_was_not_measured_has_no_cost(results):
    """What was noted for it before it was found to lack the rest is others' cost, in page and summary alike."""
    claim = next(claim for claim in results["claims"] if claim["verdict"] == "not measured")
    claim |= {"cost_seconds": 312.0, "cost_joules": 1234.0, "measurements": [results["measurements"][0]["key"]]}
    assert "<dt>Cost</dt>" not in section(results, claim["id"])
    assert "5.2 min" not in told(results) + markdown(results)
    claim["verdict"] = "inconclusive"
    assert "5.2 min" in section(results, claim["id"])
    assert "5.2 min" in markdown(results)


def test_intervals_before_and_p_after_the_correction_are_told_apart(results):
    """Once per claim with the number of comparisons; a lone comparison needs no correction."""
    tested = len(results["hypotheses"])
    part = section(results, results["claims"][0]["id"])
    assert part.count(f"correction for the {tested} comparisons of the session") == 1
    results["claims"] = results["claims"][:1]
    results["hypotheses"] = results["hypotheses"][:1]
    assert "Holm’s correction for" not in told(results)


def test_a_claim_that_rests_on_no_run_deviates_in_no_training(results):
    """A theorem checked on examples has its own deviations only, and no networks of the paper's."""
    theorem = results["claims"][0]
    theorem |= {"hypotheses": [], "arms": [], "measurements": [], "verdict": "reproduced", "deviations": ["a theorem"]}
    part, other = (section(results, claim["id"]) for claim in results["claims"][:2])
    assert "a theorem" in part
    for words in ("five epochs", "Networks per arm in the paper"):
        assert words not in part
        assert words in other


def test_a_model_of_the_user_is_named_where_its_arm_is(results):
    """In every claim of the arm, among the arms and below the terminal's table; the note is the one that `--model` makes."""
    notes = substitute(find("smoke"), ["vit=my.nets:small"]).deviations
    results["profile"]["deviations"] = list(notes)
    assert substitutes(results) == {"vit": "my.nets:small"}
    page = render(results)
    using = [claim for claim in results["claims"] if "vit" in claim["arms"]]
    assert using
    assert page.count("vit is my.nets:small here, not the profile’s own model.") == len(using)
    assert page.count("<strong>vit is my.nets:small here</strong>") == len(using)
    assert page.count("<strong>not the profile’s own model</strong>") == 1
    results["hypotheses"] = [{**h, "effect": h["effect"]} for h in results["hypotheses"]]
    assert table(results)[-1] == "The arm vit is my.nets:small, not the profile's own."


def test_the_seeds_that_were_run_stand_in_the_summary(results):
    """Whatever the profile's own summary promises; a range where arms differ; nothing is invented without runs."""
    results["profile"]["summary"] = "drawn images, six epochs, five seeds"
    assert "drawn images, six epochs, 3 seeds" in told(results)
    assert "five seeds" not in told(results)
    assert summary({**results, "runs": results["runs"][1:]}) == "drawn images, six epochs, 2 to 3 seeds"
    assert summary({**results, "runs": results["runs"][:1]}) == "drawn images, six epochs, 1 seed"
    assert summary({**results, "runs": []}) == "drawn images, six epochs, five seeds"


def test_one_claim_and_one_network_are_no_plural(results):
    """The first sentence of a session of a single claim."""
    results |= {"claims": results["claims"][:1], "runs": results["runs"][:1]}
    assert "1 claim, 1 of them put to the test on 1 trained network;" in told(results)


def test_columns_of_runs_have_one_precision(results):
    """Sixteen seconds beside 16.2 are 16.0; a loss that exploded keeps its exponent."""
    results["runs"][0] |= {"seconds": 16.0, "images_per_second": 2000.4, "history": [{"epoch": 0, "loss": 0.5}]}
    results["runs"][1] |= {"seconds": 16.2, "history": [{"epoch": 0, "loss": 1e30}]}
    text = told(results)
    for cell in ("0.500016.02000", "1e+3016.2"):
        assert cell in text
