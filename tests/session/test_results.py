from __future__ import annotations

from typing import Any

from vitwork.session.results import judged


def evidence(nodeid: str, verdict: str) -> dict[str, Any]:
    return {
        "nodeid": nodeid,
        "claim": {"id": "flat", "sentence": "It is flat.", "rule": "all"},
        "chapter": "Chapter",
        "verdict": verdict,
        "lacking": "",
        "hypotheses": [],
        "wanted": [],
    }


def test_a_claim_of_several_tests_is_one_entry_that_reruns_all_of_them() -> None:
    """Tests that share a claim make one entry; each of them is named once in the command that reruns it."""
    found = judged(
        [
            evidence("claims/a.py::test_one[x]", "reproduced"),
            evidence("claims/a.py::test_one[y]", "reproduced"),
            evidence("claims/a.py::test_two", "contradicted"),
        ],
        {},
    )
    (claim,) = found["claims"]
    assert claim["rerun"] == "pytest claims/a.py::test_one claims/a.py::test_two"
    assert claim["verdict"] == "contradicted"
