"""`vitwork.analyse`: several models at once, errors, estimates and a budget, and what its outcome can do."""

from __future__ import annotations

import csv
import io
import logging
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replace_struct
from PIL import Image
from scipy import stats
from torch import nn

import vitwork.analyse as room
from vitwork.analyse.analysing import Analysing, Clock, measurements
from vitwork.analyse.findings import Made, Number, attempt
from vitwork.analyse.outcome import Analysed, AnalysisOutcome, lines, shown, weights_of
from vitwork.analyse.subject import AnalysedImages, ready, subjects
from vitwork.analyse.table import ANALYSES, chosen, share_error
from vitwork.data import DataSpec, load
from vitwork.errors import VitworkError
from vitwork.facts.not_made import NotMade, Obstruction
from vitwork.models import create
from vitwork.report import words

SMALL = {"only": "variance,calibration", "images": 20, "size": 16}


def net(depths=(1, 2)):
    torch.manual_seed(1)
    return create("preresnet_18", 10, depths=depths, widths=(8, 16), image_size=16)


@pytest.fixture(scope="module")
def found():
    """Two models at hand, on the same images."""
    splits = load(DataSpec("embedded", size=16, train=40, test=20))
    return room.analyse({"deep": net((1, 3)), "<b>shallow</b>": net()}, splits, **SMALL)


def test_models_at_hand_are_left_as_they_are(found):
    """A module keeps its mode and gets no attribute; it is judged on images of as many classes as it tells apart."""
    model = net().train()
    del model.input_size
    one = room.analyse(model, load(DataSpec("embedded", size=16, train=40, test=20)), **SMALL)
    assert model.training
    assert not hasattr(model, "input_size")
    assert one.first_line == "weights as they are (StagedNet)"
    assert (
        one.models[0].numbers["evaluation", "accuracy"].value == found.models[1].numbers["evaluation", "accuracy"].value
    )


def test_the_room_is_called_as_its_function(found):
    """`vitwork.analyse(…)` is the same whether the attribute is the module or the function."""
    again = room({"<b>shallow</b>": net()}, load(DataSpec("embedded", size=16, train=40, test=20)), **SMALL)
    assert again.models[0].numbers == found.models[1].numbers


def test_an_outcome_prints_as_a_table_with_a_column_for_each_model(found, monkeypatch):
    """Weights first; every number has its error beside it; as HTML, names are escaped."""
    monkeypatch.setenv("COLUMNS", "200")
    text = str(found)
    assert text.startswith("weights as they are (deep, <b>shallow</b>)\n")
    (row,) = [line for line in text.splitlines() if "variance change of Convs" in line]
    assert row.count("±") == 2
    assert "&lt;b&gt;shallow" in found._repr_html_()
    assert "<b>shallow" not in found._repr_html_()


def test_a_reason_is_said_once_and_no_line_is_wider_than_the_terminal(monkeypatch, tmp_path):
    """Cells stay short, models that do not fit follow below, and every reason stands once for each model."""
    monkeypatch.setenv("COLUMNS", "80")
    why = "it cannot be divided into blocks, because it has too few layers with weights"
    made = Made(tuple(Number(name, "", -0.123, 0.01) for name in ("of MSAs", "of MLPs")), {}, 1.0, 1, "variance", {})
    images = {"size": 16, "count": 20, "source": "drawn"}
    several = [
        Analysed(f"a-model-of-a-long-name-{number}", "as it is", True, 1, images, {"variance": made})
        for number in range(5)
    ]
    several[1].analyses = dict.fromkeys(("variance", "log_amplitude"), NotMade(Obstruction.UNFIT, why))
    outcome = AnalysisOutcome(tuple(several))
    table = str(outcome).partition("\n\n")[2]
    assert max(map(len, table.splitlines())) <= 80
    assert " ".join(table.split()).count(why) == 1
    assert outcome._repr_html_().count(why) == 1
    assert outcome.save(tmp_path / "a.html").read_text().count(why) == 1


def test_an_exact_zero_says_what_it_means():
    """Residual branches that begin at zero change nothing, and the number says so."""
    model = net((2, 2))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.in_channels == module.out_channels:
                module.weight.zero_()
    alone = room.analyse(model, load(DataSpec("embedded", size=16, train=40, test=20)), **{**SMALL, "only": "variance"})
    number = alone.models[0].numbers["variance", "log variance change of Convs"]
    assert (number.value, number.error) == (0.0, 0.0)
    assert "change nothing" in "\n".join(lines("variance", alone.models[0].analyses["variance"]))


def test_an_outcome_is_a_tidy_frame(found):
    """A row for each model and quantity, numbers in columns of numbers, NaN where there is none."""
    frame = found.frame
    assert list(dict.fromkeys(frame["analysis"])) == ["evaluation", "variance"]  # as the table has them
    assert list(frame["model"].unique()) == ["deep", "<b>shallow</b>"]
    assert frame["value"].dtype == frame["error"].dtype == float
    msa = frame[frame["quantity"] == "log variance change of MSAs"]
    assert msa["value"].isna().all()
    assert set(msa["lacks"]) == {"no msa block that keeps the resolution"}


def test_an_outcome_is_drawn(found):
    """A panel for each quantity that is a number, with every model and its error bar in it."""
    import matplotlib as mpl

    mpl.use("Agg")
    figure = found.plot()
    titled = [panel for panel in figure.axes if panel.get_title()]
    values = {key for one in found.models for key, number in one.numbers.items() if number.value is not None}
    assert len(titled) == len(values)
    assert [label.get_text() for label in titled[0].get_yticklabels()] == ["deep", "<b>shallow</b>"]


def test_an_outcome_is_saved_by_its_ending(found, tmp_path):
    """A row per model in CSV, all records in JSON, one page whose figures hold both models; other endings are refused."""
    rows = list(csv.DictReader(io.StringIO(found.save(tmp_path / "a.csv").read_text())))
    assert [row["model"] for row in rows] == ["deep", "<b>shallow</b>"]
    number = found.models[0].numbers["evaluation", "accuracy"]
    assert float(rows[0]["evaluation: accuracy"]) == number.value
    assert float(rows[0]["evaluation: accuracy, error"]) == number.error
    page = found.save(tmp_path / "a.html").read_text()
    assert "<b>shallow" not in page
    assert page.count("<figure") >= 2
    assert "The lines beside them are standard errors over images." in page
    assert '"variance"' in found.save(tmp_path / "a.json").read_text()
    with pytest.raises(VitworkError, match=r"end it with \.json, \.csv, \.html"):
        found.save(tmp_path / "a.txt")
    with pytest.raises(VitworkError, match="its folder does not exist"):
        found.save(tmp_path / "none" / "a.csv")
    assert not (tmp_path / "none").exists()


def test_an_error_is_that_of_the_quantity():
    """Number and standard error are those of the quantity on the record that the analysis made."""
    (subject,) = subjects({"net": net((2, 2))})
    model = ready(subject, AnalysedImages(load(DataSpec("embedded", size=16, train=40, test=40)), 40, 16))
    made = attempt(ANALYSES["similarity"], ANALYSES["similarity"].of(40), model.run)
    assert isinstance(made, Made)
    quantity = ANALYSES["similarity"].shown[0].quantity
    assert made.numbers[0].value == quantity.value(made.values)
    assert made.numbers[0].error == quantity.error(made.values) > 0


def test_every_quantity_of_the_table_has_an_error():
    """By its own formula, or by one of the table."""
    for analysis in ANALYSES.values():
        assert all(shown.error or shown.quantity.error for shown in analysis.shown)


@given(st.integers(1, 500), st.data())
def test_the_error_of_a_share_is_half_of_wilsons_interval(count, data):
    """As scipy has that interval, at one standard error; never 0, also where all images were right or none."""
    successes = data.draw(st.integers(0, count))
    error = share_error(successes / count, count)
    edges = stats.binomtest(successes, count).proportion_ci(1.0 - 2.0 * stats.norm.sf(1.0), method="wilson")
    assert error == pytest.approx((edges.high - edges.low) / 2)
    assert error > 0


def test_no_share_of_a_few_images_is_certain():
    """A network that is right on all of eight images may be wrong on the ninth: no number of what is counted has an error of 0."""
    model = net((2, 2))
    with torch.no_grad():
        list(model.parameters())[-1].copy_(torch.eye(10)[3] * 1e6)  # whatever it sees is of the fourth class
    splits = load(DataSpec("embedded", size=16, train=40, test=300))
    fourth = splits.test.labels == 3
    test = replace(splits.test, images=splits.test.images[fourth], labels=splits.test.labels[fourth])
    names = "evaluation,lesion,noise_bands,corruptions,cue_conflict"
    found = room.analyse(model, replace(splits, test=test), only=names, images=8, size=16).models[0]
    assert (found.images["count"], found.numbers["evaluation", "accuracy"].value) == (8, 100.0)
    assert found.numbers["evaluation", "accuracy"].error == pytest.approx(100 * (1 / 16) / (9 / 8))
    assert not [key for key, number in found.numbers.items() if number.error == 0.0 or "± 0 " in number.shown]


def test_it_is_said_what_every_error_is_over(found):
    """Images, mini-batches, planes or random vectors: in the terminal, the table, the frame, the file and the page."""
    both = room.analyse(
        {"net": net((2, 2))},
        load(DataSpec("embedded", size=16, train=40, test=20)),
        **{**SMALL, "only": "variance,density,trace"},
        changes=("density.steps=4", "trace.products=6"),
    )
    (said,) = both.errors
    assert said == "Each ± is a standard error: over random vectors (density, trace); over images (variance)."
    assert found.errors == ["Each ± is a standard error over images."]
    assert said in " ".join(str(both).split())
    assert said in both._repr_html_()
    assert dict(zip(both.frame["analysis"], both.frame["over"], strict=True))["density"] == "random vectors"
    assert "± over random vectors" in lines("trace", both.models[0].analyses["trace"])[0]
    assert all(number.error is not None for number in both.models[0].numbers.values() if number.value is not None)


def test_what_is_not_counted_is_not_denied():
    """Where each stage has one block, there are changes across Convs, but none of those that the mean is over."""
    alone = room.analyse(
        net((1, 1)), load(DataSpec("embedded", size=16, train=40, test=20)), **{**SMALL, "only": "variance,fourier"}
    )
    made = alone.models[0].analyses["variance"]
    assert isinstance(made, Made)
    assert [change["kind"] for change in made.values["changes"] if not change["jump"]] == ["conv"]
    convs = [number.lacks for (_, quantity), number in alone.models[0].numbers.items() if "Convs" in quantity]
    assert convs == ["no conv block that keeps the resolution behind another of its stage"] * 2


@pytest.mark.parametrize(
    ("classes", "at_hand", "why"),
    [(10, False, "give them with --data"), (7, True, "the images have 10, the model 7")],
)
def test_images_of_other_classes_are_refused_for_the_real_reason(classes, at_hand, why):
    """Images that were given are not asked for: what does not fit is said."""
    model = create("preresnet_18", classes, depths=(1, 2), widths=(8, 16), image_size=16)
    splits = load(DataSpec("embedded", size=16, train=40, test=20)) if at_hand else None
    refused = room.analyse(model, splits, only="calibration", images=20, size=16).models[0].analyses["evaluation"]
    assert isinstance(refused, NotMade)
    assert words.analyses.not_made(refused) == f"needs images of the classes that the model tells apart: {why}"


def test_numbers_say_what_they_are():
    """A value with its error, an unknown error as such, and the reason where there is no value."""
    assert Number("a", "%", 12.345, 0.56).shown == "12.35 ± 0.56 %"
    assert Number("a", "%", 31.25, 11.588).shown == "31 ± 12 %"
    assert Number("a", "", -0.0023681, 0.000512).shown == "−0.00237 ± 0.00051"
    assert Number("a", "", 2.3681e-9, 5.13e-9).shown == "2.368e−09 ± 5.1e−09"
    assert Number("a", "", 1234.5, 0.0).shown == "1234 ± 0"
    assert Number("a", "", 2.0).shown == "2 ± unknown"
    assert Number("a", "", lacks="no MSA block").shown == "no MSA block"


def test_families_choose_several_analyses():
    """A module of `vitwork.analysis` stands for what it makes, in the order of the table."""
    assert chosen(["fourier", "variance"]) == ["log_amplitude", "variance"]
    assert chosen(["hessian"]) == ["spectrum", "blockwise", "density", "trace"]
    assert chosen() == list(ANALYSES)
    assert chosen("variance, fourier") == ["variance", "log_amplitude"]
    with pytest.raises(VitworkError, match="There is no analysis 'none'"):
        chosen(["none"])


@pytest.mark.parametrize(
    ("models", "weights", "sentence"),
    [
        ([], None, "Name a model"),
        (["vit_ti"], "none.pt", "There is no file of weights 'none.pt'"),
        (["vit_ti"], "pretrained", "vit_ti has no pre-trained weights: only names that begin with timm: have them"),
        (["vit_ti", "vit_s"], "one.pt", "1 file of weights for 2 models: give one for each"),
        (["vit_ti"], ["one.pt", "two.pt"], "2 files of weights for 1 model: give one for each"),
        ({"mine": nn.Identity()}, "pretrained", "A model at hand has its weights"),
    ],
)
def test_models_and_weights_have_to_fit(models, weights, sentence):
    """Files of weights are there, one for each model, and only timm's models have weights of timm's."""
    with pytest.raises(VitworkError, match=sentence):
        subjects(models, weights)


def test_models_of_one_name_are_told_apart(tmp_path):
    """By their files of weights; where these are named alike, or there are none, by a number."""
    (tmp_path / "b").mkdir()
    files = [tmp_path / "one.pt", tmp_path / "two.pt", tmp_path / "b" / "two.pt"]
    for file in files:
        file.touch()
    stored = subjects(["vit_ti"] * 3, files)
    assert [one.name for one in stored] == ["vit_ti one.pt", "vit_ti two.pt 1", "vit_ti two.pt 2"]
    assert {one.build for one in stored} == {"vit_ti"}
    assert [one.name for one in subjects([nn.Identity(), nn.Flatten(), nn.Identity()])] == [
        "Identity 1", "Flatten", "Identity 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"minutes": 0.0}, "minutes is a number above 0, not 0"),
        ({"minutes": -1.0}, "minutes is a number above 0, not -1"),
        ({"minutes": math.nan}, "minutes is a number above 0, not nan"),
        ({"only": ""}, "There is no analysis ''"),
        ({"minutes": "x"}, "minutes is a number above 0, not 'x'"),
        ({"only": []}, "Name an analysis to make; there are "),
        ({"only": 3}, "Analyses are chosen by their names, not 3"),
        ({"models": 3}, "A model is a name or a torch.nn.Module, not int"),
        ({"models": None}, "A model is a name or a torch.nn.Module, not NoneType"),
        ({"data": np.zeros((8, 3, 16, 16))}, "Images are a folder or vitwork.data.Splits, not ndarray"),
        (
            {"only": "fourier", "changes": ["variance.images=1"]},
            "variance.images=1 would change nothing: variance is not among",
        ),
    ],
)
def test_what_would_measure_nothing_is_refused(given, sentence):
    """No time and no analysis are mistakes, and mean neither nothing nor everything."""
    with pytest.raises(VitworkError, match=sentence):
        room.analyse(**{"models": {"net": net()}, **SMALL, **given})


def test_weights_that_cannot_be_downloaded_are_one_sentence(monkeypatch, capfd):
    """A hub that does not answer names the weights, and its log of every attempt stays off the terminal."""
    import timm

    build = timm.create_model

    def offline(*arguments, pretrained=False, **named):
        if not pretrained:
            return build(*arguments, **named)
        logging.getLogger("huggingface_hub.utils").warning("Retrying in 1s")
        raise FileNotFoundError("no answer")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        VitworkError, match=r"The pre-trained weights of timm:resnet18 cannot be downloaded: .*no answer"
    ):
        room.analyse("timm:resnet18", load(DataSpec("embedded", size=16, train=40, test=20)), weights="pretrained")
    assert "Retrying" not in "".join(capfd.readouterr())


def test_the_first_line_names_random_weights_first():
    """Of models with different weights, those that nobody trained are said before the others."""
    models = subjects(["vit_ti", "mine.net:build", "timm:vit_tiny_patch16_224"], [None, None, "pretrained"])
    assert weights_of([(one.name, one.said, one.trained) for one in models]) == (
        "untrained: random weights (vit_ti); untrained: random weights, unless its function loads others (mine.net:build); "
        "timm's pre-trained weights (timm:vit_tiny_patch16_224)"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet50", "timm:resnet50"),
        ("vit_tiny_patch16_223", "timm:vit_tiny_patch16_22"),
        ("alternet_5O", "alternet_50"),
    ],
)
def test_a_name_that_timm_knows_is_asked_back(name, meant):
    """A name without its prefix, or misspelt, ends in a question that names the right one."""
    with pytest.raises(VitworkError, match="did you mean") as said:
        room.analyse(name, **SMALL)
    assert meant in str(said.value)


def test_what_would_end_after_the_budget_is_not_started():
    """With hardly any time nothing is measured, and each analysis says how long it would take; with enough, all are."""
    none = room.analyse({"net": net()}, load(DataSpec("embedded", size=16, train=40, test=20)), minutes=1e-9, **SMALL)
    assert all(isinstance(made, NotMade) for made in none.models[0].analyses.values())
    text = " ".join(str(none).split())
    assert text.count("variance, evaluation not measured: would end after the time that was given") == 1
    assert "(takes about" in "".join(lines("variance", none.models[0].analyses["variance"]))
    written = none.record["models"][0]["analyses"]["variance"]
    assert (written["reason"], written["seconds"][1]) == ("time", 0.0)
    assert written["details"].endswith("0.0 s are left for it")
    plenty = room.analyse({"net": net()}, load(DataSpec("embedded", size=16, train=40, test=20)), minutes=1e6, **SMALL)
    assert all(isinstance(made, Made) for made in plenty.models[0].analyses.values())


def test_estimates_learn_from_what_was_made():
    """The first estimate counts passes; later ones are scaled by what the analyses before took against theirs."""
    (subject,) = subjects({"net": net()})
    model = ready(subject, AnalysedImages(load(DataSpec("embedded", size=16, train=40, test=20)), 20, 16))
    clock, bands = Clock(), ANALYSES["noise_bands"].of(20)
    first = clock.seconds(model, bands)
    assert first == pytest.approx(10 * 20 * model.pass_seconds)
    clock.note(first, 3 * first)
    assert clock.seconds(model, bands) == pytest.approx(3 * first)
    clock.note(3 * first, first)
    assert clock.seconds(model, bands) == pytest.approx(2 * first)
    assert math.isfinite(clock.seconds(model, replace(bands, images=None)))


def test_a_tiny_model_says_nothing_of_how_long_the_next_one_takes():
    """The first estimate of every model is made of its own passes, however far those of the model before were off."""
    known = {}
    tiny = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 10))
    analysing = Analysing(
        subjects({"tiny": tiny, "net": net()}),
        AnalysedImages(load(DataSpec("embedded", size=16, train=40, test=20)), 20, 16),
        measurements(["noise_bands"], 20, ()),
        say=lambda coming: known.update({(coming.model, coming.analysis): analysing.clock.taken}),
    )
    for _ in analysing.run():
        assert analysing.clock.taken > 0.0
    assert known["net", "noise_bands"] == 0.0


def test_what_comes_is_said_with_an_estimate():
    """Before every analysis of every model its place, its time and the time of all that is left are said."""
    said = []
    splits = load(DataSpec("embedded", size=16, train=40, test=20))
    analysing = Analysing(
        subjects({"one": net(), "two": net()}),
        AnalysedImages(splits, 20, 16),
        measurements(["variance"], 20, ()),
        say=said.append,
    )
    analysing.prepare()
    assert [(coming.place, coming.analysis) for coming in said] == [(1, ""), (2, "")]
    said.clear()
    assert [(model.model, name) for model, name, _ in analysing.run()] == [("one", "variance"), ("two", "variance")]
    assert [(coming.place, coming.analysis) for coming in said] == [(1, ""), (1, "variance"), (2, ""), (2, "variance")]
    assert said[1].left == pytest.approx(2 * said[1].seconds)
    assert "[2/2] two: variance, about " in str(said[3])


def test_a_folder_of_class_folders_is_data(tmp_path, monkeypatch):
    """Images without splits, one folder per class, are all looked at; an empty one is no class to drop in silence."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path / "cache"))
    for number, name in enumerate(("airplane", "ship")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for image in range(6):
            pixels = np.full((20, 20, 3), 20 * image + number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{image}.png")
    found = room.analyse("preresnet_18", tmp_path / "images", only="calibration", size=16, images=100)
    assert found.models[0].images["count"] == 12
    made = found.models[0].analyses["evaluation"]
    assert isinstance(made, Made)
    assert made.values["classes"] == 2
    (tmp_path / "images" / "nothing").mkdir()
    with pytest.raises(VitworkError, match="has a class nothing without images: give it some, or remove its folder"):
        room.analyse("preresnet_18", tmp_path / "images", only="calibration", size=16, images=100)
    with pytest.raises(VitworkError, match="holds no images: give a folder for each class, train/<class>/ and test"):
        room.analyse("preresnet_18", tmp_path / "images" / "nothing", **SMALL)


def test_the_page_is_called_by_its_models_and_warns_of_random_weights(found, tmp_path):
    """The models are the title; that weights are random stands in a banner, which a page of trained ones lacks."""
    page = found.save(tmp_path / "a.html").read_text()
    assert "<h1>deep, &lt;b&gt;shallow&lt;/b&gt;</h1>" in page
    assert 'class="warning"' not in page
    for one in found.models:
        random = AnalysisOutcome((replace(one, trained=False, weights="untrained: random weights"),))
        banner = random.save(tmp_path / "b.html").read_text().split('class="warning"')[1].split("</p>")[0]
        assert banner.split(">")[1].startswith("Untrained: random weights (")


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [(0.0, None, "0 of 16 images"), (100.0, None, "16 of 16 images"), (50.0, None, "50 ± unknown %"), (0.0, 1.0, "0.0 ± 1.0 %")],
)  # fmt: skip
def test_a_share_of_images_that_are_all_alike_is_a_count(value, error, said):
    """It has no error, and a percentage beside "unknown" says less than how many there were."""
    number = Number("accuracy", "%", value, error)
    made = Made((number,), {}, 1.0, None, "evaluation", {"images": 16})
    assert shown(number, made) == said
    assert lines("evaluation", made)[1].endswith(f"accuracy: {said}")
    assert shown(number, replace_struct(made, over="mini-batches")) == number.shown
