"""What a claim's test is given."""

from __future__ import annotations

import math
from types import MappingProxyType

import pytest

from tests.language.examples import Reading, error
from vitwork.design.measurement import Measurement
from vitwork.language.measure import Measure
from vitwork.profiles import PROFILES


class Thorough:
    """Knows one kind of measurement."""

    arms = MappingProxyType({"vit": "a ViT", "resnet": "a ResNet"})

    def measurement(self, kind: type[Measurement]) -> Measurement:
        assert kind is Reading
        return Reading(effort=3)


def test_parameters_go_where_they_belong() -> None:
    """The measurement gets its own parameters beside those of the scale, and the quantity the others."""
    found = Measure(Thorough())(error, when="warmup", scale=2.0)("vit")
    assert found.measurement == Reading(when="warmup", effort=3)
    assert found.options == {"scale": 2.0}
    assert found.parameters == {"when": "warmup", "effort": 3, "scale": 2.0}


def test_a_misspelt_parameter_is_found_at_once() -> None:
    """Nothing trains for hours before a typing mistake in a claim is told."""
    with pytest.raises(TypeError, match="wehn"):
        Measure(Thorough())(error, wehn="end")


def test_key_changes_with_run_and_parameters() -> None:
    """Records are filed apart by run and parameters."""
    keys = {Reading().key("r1"), Reading().key("r2"), Reading(when="init").key("r1")}
    assert len(keys) == 3
    assert Reading(when="end").key("r1") in keys


def test_a_sentence_can_take_the_arms_that_there_are() -> None:
    """Of the arms that a test names, those of the scale are present, in the test's order."""
    assert Measure(Thorough()).present("resnet", "mixer", "vit") == ("resnet", "vit")


def test_the_share_of_the_data_is_that_of_the_arm() -> None:
    """A slope over data sizes takes the sizes of its scale; an arm that is not trained there has none."""
    measure = Measure(PROFILES["paper"])
    assert [measure.share(arm) for arm in ("vit", "vit-small-data", "vit-least-data")] == [1.0, 0.06, 0.02]
    assert math.isnan(Measure(PROFILES["smoke"]).share("vit-small-data"))


def test_an_arm_is_given_by_its_name() -> None:
    """What is no name cannot be an arm, and would be one of the report otherwise."""
    with pytest.raises(TypeError, match="an arm is given by its name, not by 3"):
        Measure(Thorough())(error)(3)  # type: ignore[arg-type]
