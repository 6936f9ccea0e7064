"""What each measurement takes on a published network of each family, at random weights: for plans, which read what this writes.

    python benchmarks/published.py [--families vit,resnet] [--save FILE] [--write]

Of each family the network is taken whose operations are nearest to ResNet-50's. Its random weights are saved as safetensors and loaded as
a session loads them; images are noise. Every measurement that the claims take of the family is made once, of few images or of one
small mini-batch, on one thread: seconds are of this process's processor time, so that other work on the machine hardly counts.
`--write` renews these families in `vitwork/profiles/network_times.json`, by which `--plan` and docs/networks.md count, and the
page of it is made of that file.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import timing
import torch
from msgspec import structs
from PIL import Image
from safetensors.torch import save_file

from vitwork import profiles
from vitwork.data.images import ImageSet, Splits
from vitwork.data.prepared import cut
from vitwork.data.sources.collection import Example
from vitwork.design.arm import Arm
from vitwork.design.dataset import HELD_OUT
from vitwork.design.measurement import Measurement
from vitwork.design.profile import Profile
from vitwork.design.published import Network
from vitwork.measurements.loaded_run import AT_ONCE, LoadedRun
from vitwork.models.published.weights import SUFFIX
from vitwork.models.zoo.creation import create
from vitwork.networks.costs import amount
from vitwork.networks.selection import as_if_here
from vitwork.profiles.network_times import FILE, NetworkTimes, Timed, Work, network_times
from vitwork.session.collecting import collect, read_claims
from vitwork.session.plan import Plan
from vitwork.store.digests import file_digest
from vitwork.store.keys import digest as key_of
from vitwork.training.speed import operations

CLAIMS = Path(__file__).parents[1] / "claims"
RESNET_50 = 24.3e9
"""Operations of a training step of it on one image."""
SMALL = {
    "images": 2,
    "rank_images": 1,
    "planes": 1,
    "points": 3,
    "extent": 0.3,
    "batches": 1,
    "batch_size": 1,
    "max_products": 10,
}
"""What stands in place of a profile's parameters."""
FEWEST = {"similarity": {"images": 4}}  # of which its unbiased estimator is made
EVALUATED = 8  # images of those measurements that take all
PICTURES, WIDTH, HEIGHT = 20, 500, 375  # of the usual size of ImageNet's


@dataclass(frozen=True)
class Asked:
    """A network, the arm that it is in, and what claims measure on it."""

    network: Network
    arm: Arm
    measurements: tuple[Measurement, ...]


def asked(profile: Profile, tests: Iterable[pytest.Item]) -> Iterator[Asked]:
    """Yield every network of a profile with what all claims together measure on it."""
    whole = as_if_here(profile)
    plan = Plan(whole, fingerprints={arm.data: "" for arm in whole.arms.values()})
    plan.read(read_claims(tests, whole))
    for run in plan.runs.values():
        assert run.network is not None
        yield Asked(run.network, run.arm, tuple(want.measurement for want in plan.measurements(run)))


def side(found: Asked) -> int:
    return found.network.preprocessing.size if found.network.preprocessing else 32


def work(found: Asked, known: dict[tuple[str, int], int]) -> int:
    """Return the operations of a training step on one image, which stand for those of any pass."""
    key = found.network.model.partition(".")[0], side(found)
    if key not in known:
        known[key] = operations(
            replace(found.arm, model=found.network.model, options=found.network.options), side(found)
        )
    return known[key]


def families(everything: Iterable[Asked]) -> dict[str, list[Asked]]:
    """Return networks by family: those of arms whose first word is another arm belong to that one's."""
    found: dict[str, dict[str, Asked]] = {}
    everything = list(everything)
    arms = {one.arm.name for one in everything}
    for one in everything:
        first = one.arm.name.partition("-")[0]
        own = "" if one.arm.data.source == HELD_OUT else f" of {one.arm.data.source}"
        found.setdefault((first if first in arms else one.arm.name) + own, {})[one.network.name] = one
    return {family: list(members.values()) for family, members in found.items()}


def reduced(measurement: Measurement) -> Measurement:
    """Return a measurement of the same kind that takes little."""
    small = SMALL | FEWEST.get(measurement.name, {})
    if "batches" not in measurement.parameters:
        del small["batch_size"]  # which is how many are passed at once, not how many are measured
    return measurement.having(small)[0]


def loaded(found: Asked, folder: Path) -> LoadedRun:
    """Save a network at random weights, and return it as a session has it, with images of noise."""
    network, pixels = found.network, side(found)
    torch.manual_seed(0)
    model = create(network.model, network.classes, **network.options)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if (
                name.endswith("weight") and not weight.any()
            ):  # timm's residual branches begin at zero, where ReLUs have a kink
                weight.fill_(0.2)
    path = folder / f"{network.name}{SUFFIX}"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    here = replace(network, path=path, sha256=file_digest(path))
    images = torch.randint(0, 256, (EVALUATED, 3, pixels, pixels), dtype=torch.uint8)
    names = tuple(map(str, range(network.classes)))
    chosen = ImageSet(images, torch.arange(EVALUATED), names, (0.5,) * 3, (0.25,) * 3, "")
    run = LoadedRun(found.arm, here.draws, Path(), Splits(chosen, chosen), "cpu", AT_ONCE, network=here)
    run.blocks()
    run.model()(chosen.normalised(slice(2)))  # the first pass of a process takes longer
    return run


def timed(found: Asked, measurements: Iterable[Measurement], folder: Path) -> Iterator[Timed]:
    """Yield what measurements of a network take."""
    run = loaded(found, folder)
    few = replace(found.arm, data=replace(found.arm.data, train=EVALUATED, test=EVALUATED))
    for measurement in measurements:
        small = reduced(measurement)
        for shared in [key for key in run.kept if not (isinstance(key, tuple) and key[0] in {"model", "blocks"})]:
            del run.kept[shared]  # a pass that two measurements share is counted for both
        seconds = timing.seconds(partial(small.measure, run), "cpu")
        print(f"  {small.name:16} {seconds:8.2f} s  {small.parameters}", flush=True)
        yield Timed(small.name, small.parameters, amount(small, few), round(seconds, 3))


def preparing() -> float:
    """Return the seconds that a JPEG picture takes to be decoded and cut to 224 pixels a side."""
    draw = np.random.default_rng(0)
    coarse = Image.fromarray(draw.integers(0, 256, (HEIGHT // 10, WIDTH // 10, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((WIDTH, HEIGHT)).save(file, "JPEG", quality=90)
    examples = [Example(file.getvalue(), 0, "picture")] * PICTURES
    return timing.seconds(lambda: cut(examples, (224, 0.875, "center", "bicubic")), "cpu") / PICTURES


def measured(family: str, members: Sequence[Asked], known: dict[tuple[str, int], int]) -> NetworkTimes:
    """Measure one network of a family, and return what that says of the others."""
    works = {found.network.name: work(found, known) for found in members}
    reference = min(members, key=lambda found: abs(math.log(works[found.network.name] / RESNET_50)))
    name = reference.network.name
    kinds = {key_of([(small := reduced(one)).name, small.parameters]): one for found in members for one in found.measurements}  # fmt: skip
    print(f"{family}: {name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        made = tuple(timed(reference, kinds.values(), Path(folder)))
    shares = {other: Work(name, round(own / works[name], 3)) for other, own in works.items()}
    return NetworkTimes("", 0.0, {name: made}, shares)


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument(
        "--families", help="measure these alone, separated by commas, and keep what is known of the others"
    )
    parser.add_argument("--write", action="store_true", help="renew the file by which plans count")
    given = parser.parse_args()
    torch.set_num_threads(1)
    facts, known = timing.facts("cpu", "timm"), dict[tuple[str, int], int]()
    machine = f"in processor time of one thread on an {facts['processor']} with other work beside"
    tests = collect([CLAIMS])
    everything = [one for profile in profiles.PROFILES.values() if profile.loaded for one in asked(profile, tests)]
    groups = families(everything)
    times = network_times() if given.families else NetworkTimes(machine, 0.0, {}, {})
    times = structs.replace(times, machine=machine, preparing=round(preparing(), 4))
    for family in given.families.split(",") if given.families else groups:
        found = measured(family, groups[family], known)
        times = structs.replace(
            times, timed={**times.timed, **found.timed}, networks={**times.networks, **found.networks}
        )
        rows = [row(name, one) for name, made in times.timed.items() for one in made]
        timing.keep(given.save, "Published networks", facts, timing.table(rows))
        if given.write:
            FILE.write_bytes(msgspec.json.format(msgspec.json.encode(times), indent=1) + b"\n")


def row(network: str, found: Timed) -> dict[str, Any]:
    """Return a line of the table."""
    return {
        "network": f"`{network}`",
        "measurement": found.name,
        "of it": f"{found.amount:g}",
        "processor s": timing.number(found.seconds),
        "s each": timing.number(found.seconds / found.amount),
    }


if __name__ == "__main__":
    main()
