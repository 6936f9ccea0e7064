"""Measurements on small runs that were never trained: shapes of records, shared passes, what cannot be measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from tests.analysis.hand_made import Centred, Narrow
from vitwork.analysis import calibration, landscape, trajectory, variance
from vitwork.analysis import robustness as analysis_robustness
from vitwork.analysis.hessian import top_eigenvalues
from vitwork.analysis.observe import observe
from vitwork.data import load
from vitwork.data.images import normalise
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.errors import VitworkError
from vitwork.measurements import (
    accuracy,
    attention,
    cues,
    feature_maps,
    hessian,
    lesion,
    robustness,
    similarity,
    spectral_density,
)
from vitwork.measurements import landscape as surfaces
from vitwork.measurements.trained_run import TrainedRun
from vitwork.profiles import PAPER, SMOKE
from vitwork.training.checkpoint import save_snapshot
from vitwork.training.generators import derive, generator
from vitwork.training.train import build_model

DATA = DataSpec("embedded", size=16, train=80, test=80)
NETS = {
    "resnet": ("preresnet_18", {"depths": (2, 2), "widths": (8, 16)}),
    "vit": ("vit_ti", {"image_size": 16, "patch_size": 2, "dim": 16, "depth": 3, "heads": 2, "head": "gap"}),
}


of_any_network = pytest.mark.parametrize("run", ["resnet"], indirect=True)
"""For what is a matter of images and not of networks."""


@pytest.fixture(scope="module", params=NETS)
def run(request, tmp_path_factory):
    """A run whose snapshots are drawn at random, each between its neighbours."""
    model, options = NETS[request.param]
    arm = Arm(request.param, model, options, SMOKE.arms["vit"].recipe, DATA)
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    first, last = (build_model(arm, 10).state_dict() for _ in range(2))
    for place, when in enumerate(arm.recipe.snapshots):
        share = place / (len(arm.recipe.snapshots) - 1)
        mixed = {
            name: torch.lerp(value, last[name], share) if value.is_floating_point() else value
            for name, value in first.items()
        }
        save_snapshot(folder, when if isinstance(when, str) else f"epoch-{when}", mixed)
    return TrainedRun(arm, 3, folder, load(DATA))


def test_batches_are_normalised_in_every_pass(run):
    """A pass over test images holds one batch at a time, and the next gives the same numbers again."""
    test, batches = run.splits.test, run.test_batches(30, limit=70)
    passes = [torch.cat([x for x, _ in batches]) for _ in range(2)]
    assert all(torch.equal(found, test.normalised(slice(0, 70))) for found in passes)
    assert [len(labels) for _, labels in batches] == [30, 30, 10]
    assert torch.equal(torch.cat([labels for _, labels in batches]), test.labels[:70])
    assert next(iter(batches))[0] is not next(iter(batches))[0]


def columns_of_one_length(record, *names):
    assert len({len(record[name]) for name in names}) == 1
    json.dumps(record)


def test_feature_maps_are_passed_once(run, monkeypatch):
    """Δ log amplitude and variance come from one pass per snapshot, and from one of their own for another snapshot."""
    fresh, passes = replace(run), []
    monkeypatch.setattr(
        "vitwork.analysis.observe.observe", lambda *given, **options: passes.append(1) or observe(*given, **options)
    )
    spectra = feature_maps.LogAmplitude(images=20).measure(fresh)
    variances = feature_maps.Variance(images=20).measure(fresh)
    assert len(passes) == 1
    feature_maps.Variance(when="init", images=20).measure(fresh)
    assert len(passes) == 2
    columns_of_one_length(spectra, "blocks", "kinds", "stages", "downsamples", "frequencies", "delta", "relative")
    columns_of_one_length(variances, "blocks", "kinds", "stages", "downsamples", "variance", "error")
    assert variances["variance"] == list(variance.by_block(run.blocks(), run.test_batches(limit=20)).variance)
    assert spectra["cost"]["peak_bytes"] > 0


def test_other_readings_of_the_spectrum(run):
    """A window or another direction changes the amplitudes, and is a pass of its own."""
    fresh = replace(run)
    usual, windowed, radial = (
        feature_maps.LogAmplitude(images=20, **options).measure(fresh)
        for options in ({}, {"window": "hann"}, {"direction": "radial"})
    )
    assert usual["delta"] != windowed["delta"]
    assert len(radial["delta"][0]) > len(usual["delta"][0])


def test_models_are_shared_between_measurements_and_snapshots_are_not(run):
    """One model is built per snapshot, whoever asks, and copies of a run share nothing."""
    assert run.model("end") is run.model("end")
    assert run.model("end") is not run.model("init")
    assert run.model("end") is not replace(run).model("end")


def test_lesion_record(run):
    """A lesion's columns belong to its units."""
    columns_of_one_length(
        lesion.Lesion(images=20).measure(run), "units", "kinds", "stages", "stage_end", "accuracy_change", "nll_change"
    )


def test_similarity_record(run):
    """CKA is square with a unit diagonal; a network of one stage is cut into pseudo-stages, another keeps its own."""
    record = similarity.Similarity(images=40, pseudo_stages=3).measure(run)
    assert torch.tensor(record["cka"]).diagonal().tolist() == pytest.approx([1.0] * len(record["blocks"]))
    assert set(record["stages"]) == ({0, 1, 2, 3} if run.arm.name == "vit" else {0, 1, 2})
    columns_of_one_length(record, "blocks", "stages", "cka")
    assert similarity.block_structure.value(record) == record["within_minus_across"]
    distant = similarity.block_structure.value(record, pairs="at equal distance")
    assert distant == record["within_minus_across_at_equal_distance"]
    assert 0 < similarity.block_structure.error(record) < 1
    assert 0 < similarity.block_structure.error(record, pairs="at equal distance") < 1
    older = {name: value for name, value in record.items() if "standard_error" not in name}
    assert math.isnan(similarity.block_structure.error(older))


@pytest.mark.parametrize("grid", [{"points": 4}, {"points": 1}, {"extent": 0.0}])
def test_a_surface_holds_the_weights(run, grid):
    """A grid without the weights in its middle, or without other points, has no rise and no curvature."""
    with pytest.raises(VitworkError, match="does not hold the weights in its middle"):
        surfaces.Surface(images=40, **grid).measure(run)


@pytest.mark.parametrize("batchnorm", ["fixed", "recalibrated"])
def test_surface_record(run, batchnorm):
    """The middle of the surface is the loss at the weights, and NLL and L2 are curved as the analysis says."""
    record = surfaces.Surface(planes=2, images=40, extent=0.6, points=5, batchnorm=batchnorm).measure(run)
    columns_of_one_length(record, "x", "y", "nll", "l2")
    first, second = (
        landscape.surface(
            run.model(),
            [batch],
            extent=0.6,
            points=5,
            seeds=(derive(run.seed, f"surface {plane}"),),
            batchnorm=batchnorm,
        )
        for plane, batch in enumerate(run.training_batches(2, 20))
    )
    assert record["nll"][2][2] == pytest.approx(float(first.nll[0, 2, 2] + second.nll[0, 2, 2]) / 2)
    assert record["curvature"] == [first.curvature().mean, second.curvature().mean]
    assert record["moved"] == first.moved
    assert record["cost"]["images"] == 40
    # ½·|w|² is curved in every direction
    assert all(both > alone for both, alone in zip(record["rise"]["nll + l2"], record["rise"]["nll"], strict=True))


def test_every_plane_has_an_image(run):
    """More planes than images are refused."""
    with pytest.raises(VitworkError, match="3 images cannot be shared out among 4 planes"):
        surfaces.Surface(images=3).measure(run)


@of_any_network
@pytest.mark.parametrize("planes", [3, 4])
def test_planes_share_out_the_images_that_there_are(run, planes, monkeypatch):
    """Of fewer images than are asked for, each plane gets its own, as many as the others."""
    whole, given = landscape.surface, []

    def surface(model, batches, **options):
        given.append(sum(len(images) for images, _ in batches))
        return whole(model, batches, **options)

    monkeypatch.setattr(landscape, "surface", surface)
    record = surfaces.Surface(planes=planes, images=2000, extent=0.6, points=5).measure(run)
    assert given == [80 // planes] * planes
    assert len(record["curvature"]) == planes


def test_spectrum_record(run):
    """A spectrum says what it cost and whether it converged, mini-batch by mini-batch."""
    effort = {"batches": 2, "batch_size": 8, "k": 2}
    record = hessian.Spectrum(**effort).measure(run)
    columns_of_one_length(record, "eigenvalues", "residuals", "products", "converged")
    assert record["converged"] == [True, True]
    hasty = hessian.Spectrum(**effort, max_products=3).measure(run)
    assert hasty["products"] == [3, 3]
    assert hasty["converged"] == [False, False]
    by_kind = hessian.Blockwise(**effort).measure(run)
    assert {"stem", "head"} < by_kind.keys()
    assert all(len(found["eigenvalues"]) == 2 for found in by_kind.values())
    json.dumps([record, by_kind])


def test_the_spectrum_of_another_loss(run):
    """Without L2 every eigenvalue is less by its coefficient; clean images are those augmented, unchanged, in their order."""
    effort = {"batches": 1, "batch_size": 8, "k": 2}
    decay = run.arm.recipe.weight_decay
    assert decay > 0
    surveyed = hessian.Spectrum(**effort).measure(run)
    alone = top_eigenvalues(run.model(), run.training_batches(1, 8), k=2)
    for found, expected in zip(surveyed["nll"], alone.eigenvalues.tolist(), strict=True):
        assert found == pytest.approx(expected, rel=1e-2)
    effort["which"] = "extremes"
    usual, clean = (hessian.Spectrum(**effort, **options).measure(run) for options in ({}, {"examples": "clean"}))
    for ends, extremes in zip(surveyed["ends"], usual["eigenvalues"], strict=True):
        assert ends == pytest.approx(extremes, rel=1e-2)
    images = torch.cat([x for x, _ in run.clean_batches(2, 8)])
    order = torch.randperm(len(run.splits.train), generator=generator("cpu", run.seed, "measured images"))[:16]
    assert torch.equal(images, run.splits.train.normalised(order))
    assert torch.equal(torch.cat([labels for _, labels in run.clean_batches(2, 8)]), run.splits.train.labels[order])
    found = top_eigenvalues(run.model(), run.clean_batches(1, 8), k=2, which="extremes", weight_decay=decay)
    assert clean["eigenvalues"] == found.eigenvalues.tolist()
    assert clean["eigenvalues"] != usual["eigenvalues"]


def test_clean_images_need_a_recipe_that_augments_strongly():
    """Where the recipe crops and flips only, clean images are hardly others than its own, and nothing is claimed."""
    clean = hessian.Spectrum(examples="clean")
    lack = clean.lack(SMOKE.arms["vit"])
    assert lack is not None
    assert lack.missing is Missing.UNFIT
    assert "needs strong augmentation" in lack.what
    assert hessian.Spectrum().lack(SMOKE.arms["vit"]) is None
    assert clean.lack(PAPER.arms["vit"]) is None
    assert replace(clean, when="midway").lack(PAPER.arms["vit"]) == Lack(Missing.SNAPSHOT, "vit", "midway")


def test_directions_of_a_surface_do_not_resemble_the_weights(run):
    """A run's first weights and its surface's directions are drawn from streams of their own."""
    from vitwork.analysis.directions import random_pair
    from vitwork.training.generators import seeded

    with seeded(run.seed, torch.device("cpu")):
        model = build_model(run.arm, 10)
    alike = []
    for direction in random_pair(model, derive(run.seed, "surface 0")):
        for name, weight in model.named_parameters():
            if name in direction:
                cosine = torch.cosine_similarity(direction[name].flatten(), weight.detach().flatten(), dim=0)
                alike.append(abs(float(cosine)) * weight.numel() ** 0.5)
    assert max(alike) < 4.5  # standard errors of the cosine of independent Gaussian vectors


def test_records_of_the_whole_spectrum(run):
    """The mean of the density's eigenvalues and the trace, two estimates of one number, agree within their errors."""
    effort = {"batches": 1, "batch_size": 8}
    density = spectral_density.Density(**effort, steps=8, probes=4).measure(run)
    columns_of_one_length(density, "nodes", "weights")
    nodes, weights = torch.tensor(density["nodes"]), torch.tensor(density["weights"])
    traces = density["size"] * (nodes * weights).sum(1)
    trace = spectral_density.HessianTrace(**effort, products=30).measure(run)
    error = (traces.var() / len(traces) + trace["standard_error"] ** 2).sqrt()
    assert abs(traces.mean() - trace["value"]) < 4 * error
    assert 0 <= spectral_density.negative_share.value(density) <= 100
    assert spectral_density.hessian_trace.value(trace) == trace["value"]
    json.dumps([density, trace])


def test_trajectory_record(run):
    """A path from the first to the last weights in even steps is straight, and takes the epochs of the recipe."""
    record = surfaces.Trajectory().measure(run)
    assert record["epochs"] == [0, 1, 2, 3, 4, 5, 6]
    assert record["radius"] == pytest.approx([1 - step / 6 for step in range(7)], abs=1e-6)
    assert surfaces.length.value(record) == pytest.approx(1, abs=1e-5)
    assert surfaces.turning.value(record) == pytest.approx(0, abs=1e-3)
    states = [run.state(when) for when in ("init", 2, "end")]
    assert trajectory.polar(states, states[0], states[-1]).radius[1] == pytest.approx(record["radius"][3], abs=1e-6)


def test_attention_record(run):
    """Attention is described per block, with one number per block for the report and one per head beside it."""
    if run.arm.name == "resnet":
        with pytest.raises(VitworkError, match="attention weights"):
            attention.Attention(images=10).measure(run)
        return
    record = attention.Attention(images=10, rank_images=2).measure(run)
    columns_of_one_length(record, "blocks", "distance", "entropy", "gain", "effective_rank", "distance_by_head")
    assert record["distance"][0] == pytest.approx(sum(record["distance_by_head"][0]) / 2)
    assert attention.gain_slope.value(record) < 0  # nearly uniform weights pass little but the mean


def test_corruptions_record(run):
    """Every corruption has an accuracy at every severity; the clean accuracy is that of the same images."""
    record = robustness.Corruptions(images=20, severities=(1, 5)).measure(run)
    assert len(record["names"]) == 15
    assert [len(row) for row in record["accuracy"]] == [2] * 15
    with torch.inference_mode():
        logits = torch.cat([run.model()(x) for x, _ in run.test_batches(limit=20)])
    assert record["clean"] == calibration.evaluate(logits, run.splits.test.labels[:20])["acc"]
    json.dumps(record)


@pytest.mark.parametrize("kept", [0, 1 << 21], ids=["drawn anew", "kept"])
def test_corruptions_are_those_of_the_analysis(run, monkeypatch, kept):
    """Whether corrupted images are kept for the next network or drawn anew, accuracies are those of the analysis."""
    monkeypatch.setattr(robustness, "KEPT", kept)
    test = run.splits.test
    expected = analysis_robustness.corruptions(
        run.model(), test.images, test.labels, lambda pixels: normalise(pixels, test.mean, test.std), severities=(2, 4)
    )
    for _ in range(2):
        record = robustness.Corruptions(severities=(2, 4)).measure(run)
        for name, accuracies in zip(record["names"], record["accuracy"], strict=True):
            assert accuracies == [expected.metrics[name, severity]["acc"] for severity in (2, 4)]
    assert record["images"] == len(test)


def test_cue_conflict_record(run):
    """Shares of decisions for outline and texture add up to the decided images."""
    record = cues.CueConflict(images=90).measure(run)
    assert round((record["shape_share"] + record["texture_share"]) * 90) == record["n"]
    assert 0 <= record["accuracy"] <= 1
    json.dumps(record)


def test_cues_conflict_on_drawn_images_only(run):
    """Where cues cannot be set against each other, the measurement says that it does not fit, and why."""
    measurement = cues.CueConflict()
    lack = measurement.lack(replace(run.arm, data=DataSpec("cifar10")))
    assert lack.missing is Missing.UNFIT
    assert lack.what.startswith("needs images whose cues")
    assert measurement.lack(run.arm) is None
    assert replace(measurement, when="midway").lack(run.arm) == Lack(Missing.SNAPSHOT, run.arm.name, "midway")


def test_a_path_needs_snapshots_on_the_way(run):
    """A recipe that keeps no weights during training has no trajectory."""
    bare = replace(run.arm, recipe=replace(run.arm.recipe, snapshots=("init", "warmup", "end")))
    assert surfaces.Trajectory().lack(bare) == Lack(Missing.SNAPSHOT, bare.name, "during training")
    assert surfaces.Trajectory().lack(run.arm) is None


def test_evaluation_says_how_confidence_misses_accuracy(run):
    """Over-confidence is the signed calibration error in per cent, and errors are those over images."""
    record = accuracy.Evaluation(training_images=20).measure(run)
    assert accuracy.overconfidence.value(record) == 100 * record["signed_ece"]
    assert (record["images"], record["classes"]) == (80, 10)
    with torch.inference_mode():
        logits = torch.cat([run.model()(x) for x, _ in run.test_batches()])
    losses = torch.nn.functional.cross_entropy(logits, run.splits.test.labels, reduction="none")
    assert record["nll"] == pytest.approx(float(losses.mean()), rel=1e-5)
    assert accuracy.nll.error(record) == pytest.approx(float(losses.std()) / 80**0.5, rel=1e-4)
    json.dumps(record)


@pytest.mark.parametrize(
    "measurement",
    [accuracy.Evaluation(training_images=20), hessian.MatchedSpectrum(images=20, level=9.0)],
    ids=lambda measurement: measurement.name,
)
def test_a_batch_that_does_not_fit_is_split_only_where_images_stand_alone(run, measurement):
    """Losses and accuracies in parts are those of the whole, and refused of a model whose images depend on each other."""
    snapshots = {("model", when): run.model(when) for when in run.arm.recipe.snapshots}
    narrow, mixing = replace(run), replace(run)
    narrow.kept.update({key: Narrow(model) for key, model in snapshots.items()})
    mixing.kept.update({key: Narrow(model, Centred()) for key, model in snapshots.items()})
    whole, parts = (measurement.measure(one) for one in (replace(run), narrow))
    assert parts["nll"] == pytest.approx(whole["nll"], rel=1e-5)
    with pytest.raises(VitworkError, match="cannot be passed in parts"):
        measurement.measure(mixing)


@of_any_network
def test_the_error_of_the_training_nll_is_that_of_what_is_drawn(run):
    """Where all training images are seen, other draws of the augmentation scatter by it at most; it is below the images' spread."""
    again = [accuracy.Evaluation().measure(replace(run, seed=seed)) for seed in range(15)]
    scatter = torch.tensor([record["train_nll"] for record in again]).std()
    with torch.inference_mode():
        whole = torch.nn.functional.cross_entropy(
            run.model()(torch.cat([x for x, _ in run.clean_batches(1, 250)])),
            torch.cat([y for _, y in run.clean_batches(1, 250)]), reduction="none",
        )  # fmt: skip
    error = sum(accuracy.training_nll.error(record) for record in again) / len(again)
    assert scatter < 1.5 * error
    few = [accuracy.Evaluation(training_images=20, batch_size=20).measure(replace(run, seed=s)) for s in range(15)]
    assert torch.tensor([record["train_nll"] for record in few]).std() == pytest.approx(
        sum(accuracy.training_nll.error(record) for record in few) / len(few), rel=0.5
    )
    assert error < 0.9 * float(whole.std()) / len(whole) ** 0.5


def test_phases_and_amplitudes_are_of_other_classes(run):
    """An image mixed with itself is itself; every partner is of another class; shares add up to the decided images."""
    images = run.splits.test.normalised(slice(0, 4))
    torch.testing.assert_close(cues.mixed_cues(images, images), images, atol=1e-5, rtol=0)
    mixed = cues.mixed_cues(images, images.flip(0))
    torch.testing.assert_close(torch.fft.rfft2(mixed).abs(), torch.fft.rfft2(images.flip(0)).abs(), atol=1e-3, rtol=0)
    assert cues.others([0, 0, 1, 2]) == [2, 2, 3, 0]
    with pytest.raises(VitworkError, match="two classes"):
        cues.others([1, 1])
    record = cues.PhaseConflict(images=40).measure(run)
    assert round((record["shape_share"] + record["texture_share"]) * 40) == record["n"]
    json.dumps(record)


@pytest.mark.filterwarnings("ignore:Using backward")
def test_the_papers_instrument_agrees_with_ours(run):
    """PyHessian's largest eigenvalue is ours within its tolerance, it leaves the model as it was, and says what it cannot."""
    effort = {"batches": 1, "batch_size": 8, "k": 1}
    before = {name: value.clone() for name, value in run.model().state_dict().items()}
    theirs, ours = (hessian.Spectrum(**effort, solver=solver).measure(run) for solver in ("pyhessian", "lanczos"))
    assert hessian.ape.value(theirs) == pytest.approx(hessian.ape.value(ours), rel=0.02)
    assert all(torch.equal(value, before[name]) for name, value in run.model().state_dict().items())
    assert all(value.grad is None for value in run.model().parameters())
    with pytest.raises(VitworkError, match="PyHessian"):
        hessian.Spectrum(**effort, solver="pyhessian", batchnorm="train").measure(run)


def test_a_spectrum_at_one_loss_brackets_it(run):
    """Of all snapshots the two between which the loss falls through the level are measured; without a crossing, none."""
    matched = hessian.MatchedSpectrum(images=40, batches=1, batch_size=8, k=1)
    losses = replace(matched, level=0.0).measure(run)["nll"]
    assert len(losses) == len(run.arm.recipe.snapshots)
    low, high = sorted(losses[:2])
    chance = torch.tensor(10.0).log().item()
    record = replace(matched, level=(low + high) / 2 / chance).measure(run)
    place = next((number for number, loss in enumerate(losses) if loss <= (low + high) / 2), 0)
    assert record["below"] == place
    assert record["nll"] == losses[: len(record["nll"])]
    assert len(record["nll"]) == place + 1 or min(losses) > record["level"]
    assert len(record["spectra"]) == (2 if place else 0)
    assert replace(matched, level=0.0).measure(run)["spectra"] == []
    bare = replace(run.arm, recipe=replace(run.arm.recipe, snapshots=("init", "warmup", "end")))
    assert matched.lack(bare) == Lack(Missing.SNAPSHOT, bare.name, "during training")
    json.dumps(record)
