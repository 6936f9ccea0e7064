"""The pool: runs one by one or all seeds of an arm as one, each stored under its own key."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from tests.event_files import scalars
from vitwork.design.arm import Arm
from vitwork.design.dataset import DataSpec
from vitwork.design.deviation import Lack, Missing
from vitwork.design.measurement import Measurement
from vitwork.design.recipe import Augmentation, Recipe
from vitwork.errors import UnfitError
from vitwork.measurements.trained_run import TrainedRun
from vitwork.profiles import SMOKE
from vitwork.session.plan import Plan
from vitwork.session.tasks import Tasks
from vitwork.session.troubles import Troubles
from vitwork.session.worker import Local, Worker
from vitwork.session.workload import tasks
from vitwork.store.store import Store
from vitwork.training import stacked
from vitwork.training import together as seeds_module
from vitwork.training.train import load_snapshot

RECIPE = Recipe("test", epochs=1, warmup_epochs=1, batch_size=16, lr=1e-3, augmentation=Augmentation(crop_padding=1))
DATA = DataSpec("embedded", size=8, train=48, test=20)
ARMS = [
    Arm("vit", "vit_ti", {"image_size": 8, "patch_size": 4, "dim": 16, "depth": 2, "heads": 2, "head": "gap"}, RECIPE, DATA),
    Arm("resnet", "preresnet_18", {"depths": (1, 1), "widths": (8, 16)}, RECIPE, DATA),
]  # fmt: skip


def plan(arms: list[Arm] | None = None, seeds: int = 3) -> Plan:
    made = Plan(SMOKE)
    for seed in range(seeds):
        for arm in arms or ARMS:
            made.run(arm, seed)
    return made


def assert_like_solo(store: Store, solo: Store, planned: Plan) -> None:
    """Each run has its solo run's status, history and weights, up to rounding."""
    for key in planned.runs:
        record, expected = store.read(key), solo.read(key)
        assert record is not None
        assert expected is not None
        assert record["status"] == "finished"
        for mine, theirs in zip(record["history"], expected["history"], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-2, abs=1e-3)
        for when in RECIPE.snapshots:
            mine, theirs = (load_snapshot(place.run_folder(key), when) for place in (store, solo))
            for name, value in theirs.items():
                torch.testing.assert_close(mine[name], value, rtol=2e-3, atol=2e-4)


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose runs were trained one by one."""
    store = Store(tmp_path_factory.mktemp("solo"))
    worker = Worker(store, device="cpu")
    worker.drain(plan())
    assert not worker.troubles.known
    return store


def test_seeds_as_one_are_stored_as_their_solo_runs(
    tmp_path: Path, solo: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All seeds of an arm train in one call, and every key holds what its solo run would."""
    calls = []
    train_seeds = seeds_module.train_seeds
    monkeypatch.setattr(seeds_module, "train_seeds", lambda arm, seeds, *a, **o: (calls.append((arm.name, tuple(seeds))), train_seeds(arm, seeds, *a, **o))[1])  # fmt: skip
    store, planned = Store(tmp_path), plan()
    worker = Worker(store, device="cpu", way="stacked")
    worker.drain(planned)
    assert not worker.troubles.known
    assert calls == [("vit", (0, 1, 2)), ("resnet", (0, 1, 2))]
    assert_like_solo(store, solo, planned)
    record = store.read(next(iter(planned.runs)))
    assert record is not None
    assert "3 seeds stacked" in record["mode"]


def test_a_cpu_never_trains_seeds_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself, a worker on a CPU trains run by run; on a GPU it would not."""
    monkeypatch.setattr(Tasks, "train_together", lambda *_: pytest.fail("together on a CPU"))
    worker = Worker(Store(tmp_path), device="cpu")
    worker.drain(plan(ARMS[:1], seeds=2))
    assert not worker.troubles.known
    run = next(iter(plan().runs.values()))
    gpu = Tasks(worker.store, worker.troubles, device="cuda")
    assert not worker.tasks.trains_together(run, None)
    assert gpu.trains_together(run, None)
    assert not gpu.trains_together(run, "alone")


def test_only_free_untrained_seeds_are_taken(tmp_path: Path, solo: Store) -> None:
    """Seeds that another process holds or that are trained are left out; leases end with the work."""
    store, planned = Store(tmp_path), plan(ARMS[:1])
    first, second, third = planned.runs.values()
    trained = solo.read(third.key)
    assert trained is not None
    store.write(third.key, trained)
    worker = Worker(store, device="cpu", way="stacked")
    with store.lease(first.key) as free:
        assert free
        assert Local(worker).submit(tasks(planned, store, planned.missing(store), together=False))
        assert not store.has(first.key)
        assert store.has(second.key)
        with store.lease(second.key) as again:
            assert again


def test_seeds_that_cannot_be_one_are_trained_one_by_one(
    tmp_path: Path, solo: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps seeds from training as one, for example memory, they are trained singly, bit for bit as ever."""

    def fails(*_: object) -> None:
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(stacked.Stacked, "step", fails)
    store, planned = Store(tmp_path), plan(ARMS[:1], seeds=2)
    worker = Worker(store, device="cpu", way="stacked")
    worker.drain(planned)
    assert not worker.troubles.known
    for key in planned.runs:
        mine, theirs = (load_snapshot(place.run_folder(key), "end") for place in (store, solo))
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_diverging_seed_is_stored_as_such(tmp_path: Path, solo: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seeds trained as one, the one that diverges is recorded as diverged and the others as finished."""
    step = stacked.Stacked.step

    def sabotaged(self: stacked.Stacked, *arguments: object) -> None:
        step(self, *arguments)  # type: ignore[arg-type]
        next(iter(self.parameters.values())).data[1] = torch.inf

    monkeypatch.setattr(stacked.Stacked, "step", sabotaged)
    store, planned = Store(tmp_path), plan(ARMS[:1])
    Worker(store, device="cpu", way="stacked").drain(planned)
    records = [store.read(key) for key in planned.runs]
    assert [record and record["status"] for record in records] == ["finished", "diverged", "finished"]
    planned.runs = {key: run for key, run in planned.runs.items() if run.seed != 1}
    assert_like_solo(store, solo, planned)


def test_killed_while_training_as_one_resumes(tmp_path: Path, solo: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after an epoch, seeds continue from their checkpoints and end as ever."""
    monkeypatch.setattr(seeds_module.train_seeds, "__kwdefaults__", {**seeds_module.train_seeds.__kwdefaults__, "checkpoint_seconds": 0.0})  # fmt: skip
    epoch = stacked.Stacked.epoch

    def second_epoch_fails(self: stacked.Stacked) -> Iterator[None]:
        if self.runs[0].done:
            raise KeyboardInterrupt
        yield from epoch(self)

    store, planned = Store(tmp_path), plan(ARMS[1:])
    worker = Worker(store, device="cpu", way="stacked")
    with monkeypatch.context() as patched:
        patched.setattr(stacked.Stacked, "epoch", second_epoch_fails)
        with pytest.raises(KeyboardInterrupt):
            worker.drain(planned)
    assert all((store.run_folder(key) / "checkpoint.pt").exists() for key in planned.runs)
    worker.drain(planned)
    assert_like_solo(store, solo, planned)


@pytest.mark.parametrize("way", ["alone", "side by side", "stacked"])
def test_event_files_are_written_per_run(tmp_path: Path, way: seeds_module.Way) -> None:
    """With a folder for events, TensorBoard finds each run's epochs there, whichever way it was trained."""
    store, planned = Store(tmp_path / "store"), plan(ARMS[:1], seeds=2)
    Worker(store, device="cpu", way=way, events=tmp_path / "events").drain(planned)
    for key, run in planned.runs.items():
        read = scalars(tmp_path / "events" / f"vit-seed-{run.seed}")
        record = store.read(key)
        assert record is not None
        assert [event.value for event in read("epoch/loss")] == pytest.approx([e["loss"] for e in record["history"]])  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fails(Measurement):
    name: ClassVar[str] = "fails"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        raise ValueError("no")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoesNotFit(Measurement):
    name: ClassVar[str] = "does not fit"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        raise UnfitError("no block of this model tells its attention weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeds(Measurement):
    name: ClassVar[str] = "succeeds"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        return {"seed": float(run.seed)}


def test_what_is_trained_is_measured_when_time_is_up(tmp_path: Path, solo: Store) -> None:
    """No network is begun any more, and none that was trained in time is lost."""
    store, planned = Store(tmp_path / "store"), plan(seeds=2)
    wanted = [planned.want(arm, seed, Succeeds()) for arm in ARMS for seed in range(2)]
    for want in wanted[:3]:
        shutil.copytree(solo.run_folder(want.run.key), store.run_folder(want.run.key))
        record = solo.read(want.run.key)
        assert record is not None
        store.write(want.run.key, record)
    Worker(store, device="cpu").drain(planned, until=0.0)
    assert [store.has(want.key) for want in wanted] == [True, True, True, False]
    assert not store.has(wanted[3].run.key)


def test_seeds_that_are_trained_as_one_are_measured_at_once(tmp_path: Path) -> None:
    """A session that is ended while the next arm trains has lost nothing of this one."""
    store, planned = Store(tmp_path / "store"), plan(ARMS[:1])
    wanted = [planned.want(ARMS[0], seed, Succeeds()) for seed in range(3)]
    worker = Worker(store, device="cpu", way="stacked")
    Local(worker).submit(tasks(planned, store, planned.runs.values(), together=False))
    assert all(store.has(want.key) for want in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesNothing(Measurement):
    name: ClassVar[str] = "names nothing"
    found: object = (1, 2)

    def measure(self, run: TrainedRun) -> dict[str, float]:
        return self.found  # type: ignore[return-value]  # as a user's measurement may


@pytest.mark.parametrize(
    ("found", "said"), [((1, 2), "tuple"), (None, "NoneType"), ({3: 4}, "dict with keys that are no words")]
)
def test_a_measurement_without_named_values_is_a_fault(tmp_path: Path, found: object, said: str) -> None:
    """What is no dict of values by name is refused in a sentence, and nothing of it is stored."""
    store, planned = Store(tmp_path), plan(ARMS[1:], seeds=1)
    want = planned.want(ARMS[1], 0, NamesNothing(found=found))
    worker = Worker(store, device="cpu")
    worker.drain(planned)
    what = f"The measurement names nothing returns a {said}, and not a dict of what it finds."
    assert worker.troubles.known[want.key] == Lack(Missing.FAULT, "resnet", what)
    assert not store.has(want.key)


def test_a_measurement_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    """Each measurement of a run is tried once; what a network's kind does not allow is told apart from a fault."""
    store, planned = Store(tmp_path), plan(ARMS[1:], seeds=1)
    run = next(iter(planned.runs.values()))
    fails, unfit, succeeds = (planned.want(run.arm, 0, kind()) for kind in (Fails, DoesNotFit, Succeeds))
    worker = Worker(store, device="cpu")
    worker.drain(planned)
    assert worker.troubles.known == {
        fails.key: Lack(Missing.FAULT, "resnet", "ValueError in resnet seed 0: no"),
        unfit.key: Lack(Missing.UNFIT, "resnet", "no block of this model tells its attention weights"),
    }
    assert store.read(succeeds.key)["values"] == {"seed": 0.0}  # type: ignore[index]
    assert planned.missing(store) == [run]


CYCLES: list[weakref.ref[object]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavesCycles(Measurement):
    name: ClassVar[str] = "leaves cycles"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        network = torch.nn.Linear(2, 2)
        vars(network)["itself"] = network
        CYCLES.append(weakref.ref(network))
        return {"seed": float(run.seed)}


def test_networks_are_not_kept_in_memory_until_python_looks_for_them(tmp_path: Path) -> None:
    """One that refers to itself, as those that were divided into blocks do, is gone once its run was measured."""
    planned = plan(ARMS[1:], seeds=2)
    for seed in range(2):
        planned.want(ARMS[1], seed, LeavesCycles())
    gc.disable()
    try:
        Worker(Store(tmp_path), device="cpu").drain(planned)
    finally:
        gc.enable()
    assert [found() for found in CYCLES] == [None, None]


def test_what_another_process_could_not_do_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that failed in one worker of the session is left alone by the others."""
    monkeypatch.setattr(Tasks, "complete", lambda *_: pytest.fail("tried again"))
    planned = plan(ARMS[1:], seeds=1)
    (key,) = planned.runs
    Troubles(tmp_path / "troubles").add(key, Lack(Missing.FAULT, "resnet", "broken"))
    Worker(Store(tmp_path / "store"), device="cpu", troubles=Troubles(tmp_path / "troubles")).drain(planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighs(Measurement):
    name: ClassVar[str] = "weighs"
    when: str = "end"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        return {"weight": float(sum(p.detach().double().sum() for p in run.model(self.when).parameters()))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses(Measurement):
    name: ClassVar[str] = "misses"

    def measure(self, run: TrainedRun) -> dict[str, float]:
        return {"size": float(Path("no such file").stat().st_size)}


@pytest.mark.parametrize("damage", ["deleted", "cut"])
@pytest.mark.filterwarnings("ignore:.*is damaged; it was set aside")
def test_a_snapshot_that_is_gone_is_trained_again(tmp_path: Path, solo: Store, damage: str) -> None:
    """The record of a run whose snapshot was deleted or cut is not believed, and the same weights come back."""
    store, planned = Store(tmp_path), plan(ARMS[1:], seeds=1)
    (run,) = planned.runs.values()
    shutil.copytree(solo.root, tmp_path, dirs_exist_ok=True)
    wanted = planned.want(run.arm, 0, Weighs())
    path = store.run_folder(run.key) / "end.pt"
    whole = path.read_bytes()
    path.unlink() if damage == "deleted" else path.write_bytes(whole[:-9])
    worker = Worker(store, device="cpu")
    worker.drain(planned)
    assert not worker.troubles.known
    assert store.read(wanted.key) is not None
    assert path.read_bytes() == whole


def test_a_file_that_a_measurement_misses_costs_no_training(tmp_path: Path, solo: Store) -> None:
    """Only a missing snapshot means that a run is trained again; any other file is that measurement's own fault."""
    store, planned = Store(tmp_path), plan(ARMS[1:], seeds=1)
    (run,) = planned.runs.values()
    shutil.copytree(solo.root, tmp_path, dirs_exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in store.run_folder(run.key).iterdir()}
    misses = planned.want(run.arm, 0, Misses())
    unknown = planned.want(run.arm, 0, Weighs(when="epoch-7"))
    found = planned.want(run.arm, 0, Weighs())
    worker = Worker(store, device="cpu")
    worker.drain(planned)
    assert "FileNotFoundError" in worker.troubles.known[misses.key].what
    assert "no snapshot 'epoch-7'" in worker.troubles.known[unknown.key].what
    assert store.read(found.key) is not None
    assert {path: path.stat().st_mtime_ns for path in store.run_folder(run.key).iterdir()} == before


def test_a_model_that_changes_torch_does_not_touch_other_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One arm's model sets what holds for the whole process, and one ends it: the third is trained as if it were alone."""
    (tmp_path / "careless.py").write_text(CARELESS)
    monkeypatch.syspath_prepend(tmp_path)
    others = [Arm(name, f"careless:{name}", {}, RECIPE, DATA) for name in ("changes", "exits")]
    alone, together = Store(tmp_path / "alone"), Store(tmp_path / "together")
    Worker(alone, device="cpu").drain(plan(ARMS[1:], seeds=1))
    planned = plan([*others, ARMS[1]], seeds=1)
    worker, before = Worker(together, device="cpu"), (Path.cwd(), dict(os.environ))
    worker.drain(planned)
    assert (Path.cwd(), dict(os.environ)) == before
    key = next(key for key, run in planned.runs.items() if run.arm.name == "resnet")
    one, other = (load_snapshot(store.run_folder(key), "end") for store in (alone, together))
    assert all(torch.equal(other[name], value) for name, value in one.items())
    assert [lack.what for lack in worker.troubles.faults if lack.arm == "exits"] == [
        "The model's code ends the program (SystemExit: 5)."
    ]


CARELESS = """
import os
import sys

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils._python_dispatch import TorchDispatchMode


class Changes(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3 * 64, classes)

    def forward(self, x):
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(2)
        os.chdir("/")
        os.environ["VITWORK_CACHE"] = os.environ.pop("HOME", "")
        return self.layer(x.flatten(1))


class Halved(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **kwargs or {})
        return found * 0.5 if func.overloadpacket.__name__ == "addmm" else found


def changes(num_classes):
    register_module_forward_hook(lambda module, given, found: found * 1.5 if isinstance(module, nn.Linear) else None)
    nn.functional.cross_entropy = None
    Halved().__enter__()
    os.umask(0o777)
    return Changes(num_classes)


def exits(num_classes):
    torch.set_grad_enabled(False)
    sys.exit(5)
"""
