"""Width."""

from vitwork.language.claim import Paper, claim
from vitwork.measurements import accuracy

PAPER = Paper("Section 1", "accuracy grows with width")  # of this project, not the one that the suite is about


@claim("wider-is-better", "A wide network classifies better than a narrow one.", paper=PAPER, ours=True)
def test_wider_is_better(measure):
    score = measure(accuracy.accuracy)
    assert score("wide") > score("narrow")
