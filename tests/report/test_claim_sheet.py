"""The claim sheet: what it says of each claim, in which order, and how text is kept from being read as Markdown."""

from __future__ import annotations

from dataclasses import replace

from vitwork.language.claim import Claim, Paper
from vitwork.report.claim_sheet import SheetEntry, markdown

LOCAL = Claim(
    "local-msa-error",
    "Local attention errs less.",
    Paper("Fig. 7a", "27.9 % (3×3), 28.9 % (global)", setup="CIFAR-100", read_from="vector plot", networks=3),
    contradicted_by="an error that is not below",
    deviations=("padding is masked", "fewer epochs"),
)
VARIANCE = Claim("variance", "|λ| of a_b < 1 <script>", Paper("Sec. 3", "none", setup="any"))


def test_a_claim_is_shown_with_all_that_it_declares():
    """Evidence, sentences, arms, counter-evidence and deviations stand below the claim's id, in this order."""
    sheet = markdown([SheetEntry(LOCAL, "Locality", ("error(vit-local-3) < error(vit)",), ("vit-local-3", "vit"))])
    assert sheet.endswith(
        """## Locality

### local-msa-error

Local attention errs less.

- Paper: Fig. 7a: 27.9 % (3×3), 28.9 % (global) (CIFAR-100; 3 networks per arm; read from the vector plot)
- Tested by: `error(vit-local-3) < error(vit)`
- Arms: `vit-local-3`, `vit`
- Contradicted by: an error that is not below
- Differs from the paper:
    - padding is masked
    - fewer epochs
"""
    )


def test_tests_of_one_claim_are_one_entry():
    """Sentences and arms of several tests are joined, each once, where the claim first comes."""
    first = SheetEntry(LOCAL, "Locality", ("a < b",), ("a", "b"))
    sheet = markdown(
        [first, SheetEntry(VARIANCE, "Variance", (), ()), SheetEntry(LOCAL, "Locality", ("a < b", "c < b"), ("c", "b"))]
    )
    assert sheet.count("### local-msa-error") == 1
    assert "    - `a < b`\n    - `c < b`\n" in sheet
    assert "- Arms: `a`, `b`, `c`\n" in sheet
    assert sheet.index("## Locality") < sheet.index("## Variance")


def test_controls_are_apart_from_what_decides_and_claims_of_ours_from_the_papers():
    """Controls name their condition, and stand once; ours come last, in a chapter of their own."""
    own, control = replace(LOCAL, id="mine", ours=True), ("with BatchNorm in train mode", "a < b")
    entries = [SheetEntry(own, "Locality", ("a < c",), ("a",), (control,))] * 2 + [
        SheetEntry(VARIANCE, "Variance", (), ())
    ]
    sheet = markdown(entries)
    assert "- Tested by: `a < c`\n- Qualified by: with BatchNorm in train mode: `a < b`\n" in sheet
    assert sheet.index("## Variance") < sheet.index("## Claims of ours: the paper does not make them")
    assert "## Locality" not in sheet


def test_text_is_not_read_as_markdown():
    """Letters that mean something to Markdown are escaped in sentences; points that a claim lacks are left out."""
    sheet = markdown([SheetEntry(VARIANCE, "Variance", (), ())])
    assert r"\|λ\| of a\_b \< 1 \<script\>" in sheet
    assert "Arms" not in sheet
    assert "Contradicted by" not in sheet
