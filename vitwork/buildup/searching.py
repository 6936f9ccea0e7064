"""A build-up search on real networks: trains the networks that the rule needs, through the store, until it decides."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vitwork.buildup.networks import BuildableNetwork, Msas, named, refusal
from vitwork.buildup.rule import BlockJudgement, Rates, Ruling, TriedBlock, judged, most_tried, search
from vitwork.buildup.team import Team
from vitwork.design.arm import Arm
from vitwork.design.profile import Profile
from vitwork.report import words
from vitwork.session.plan import Plan, Run
from vitwork.statistics.power import FEWEST_SEEDS


@dataclass(frozen=True, slots=True)
class Configuration:
    """Networks with the same MSA blocks, one per seed.

    Attributes:
        accuracies: accuracies on the validation images in percent, by seed; NaN for a network that diverged.
        seconds: time of their training, on the machines that did it.
        joules: energy of their training; None unless it was measured for all of them.
        parameters: number of parameters of one network.
    """

    accuracies: tuple[float, ...]
    seconds: float
    joules: float | None
    parameters: int


@dataclass(slots=True)
class Search:
    """One search by the build-up rule.

    Attributes:
        network: the network that is built up.
        profile: the scale, on which the images' fingerprints and the keys of runs depend.
        rates: declared error rates and the number of seeds.
        team: the workers that train.
        classes, size: number of classes, and side of the images in pixels.
        minutes: time after which no round of networks starts; a round under way is finished. None for no limit.
        say: called with a description of the next training.
        trained: number of seeds by MSA blocks, in the order of the search.
    """

    network: BuildableNetwork
    profile: Profile
    rates: Rates
    team: Team
    classes: int
    size: int
    minutes: float | None = None
    say: Callable[[str], object] = print
    trained: dict[Msas, int] = field(default_factory=dict, init=False)
    started: float = field(default_factory=time.monotonic, init=False)
    _arms: dict[Msas, Arm] = field(default_factory=dict, init=False)
    _keys: Plan = field(init=False)

    def __post_init__(self) -> None:
        """Create the plan that is used for all runs, so that every key is computed once."""
        self._keys = Plan(self.profile, self.team.data)

    @property
    def key(self) -> str:
        """The key of the first run that the search starts from."""
        return self._run(self.network.none, 0).key

    def steps(self) -> Iterator[TriedBlock]:
        """Yield every tried block as soon as it is judged."""
        return search(self.network.depths, self._judged)

    def _judged(self, before: Msas, tried: Msas) -> BlockJudgement:
        """Judge a block, and train as many seeds as that needs."""
        if why := refusal(self.network, tried, self.classes, self.size):
            return BlockJudgement(Ruling.REFUSED, why=why)
        seeds, found = 0, BlockJudgement(None)
        while found.ruling is None:
            seeds = min(self.rates.seeds, seeds + max(2, self.team.size) if seeds else self._first)
            if not self._train(before, tried, seeds):
                return BlockJudgement(Ruling.UNFINISHED, found.seeds, found.gain)
            after, base = (self.configuration(msas, seeds).accuracies for msas in (tried, before))
            found = judged(after, base, self.rates, most_tried(self.network.depths))
        return found

    @property
    def _first(self) -> int:
        """Number of seeds trained before the first judgement: enough to decide, and a whole round for every worker."""
        return -(-FEWEST_SEEDS // self.team.size) * self.team.size

    def _train(self, before: Msas, tried: Msas, seeds: int) -> bool:
        """Train a number of seeds of both configurations; return False if the time is up."""
        runs = {run.key: run for seed in range(seeds) for run in (self._run(before, seed), self._run(tried, seed))}
        plan = Plan(self.profile, self.team.data, runs=runs)
        if missing := len(plan.missing(self.team.store)):
            if self.minutes is not None and time.monotonic() - self.started > 60.0 * self.minutes:
                return False
            self.say(words.buildup.coming(named(tried, self.network.depths), missing, seeds))
            self.team.drain(plan)
        for msas in (before, tried):
            self.trained[msas] = max(seeds, self.trained.get(msas, 0))
        return True

    def _run(self, msas: Msas, seed: int) -> Run:
        if msas not in self._arms:
            self._arms[msas] = self.network.with_msas(msas)
        return self._keys.run(self._arms[msas], seed)

    def configurations(self) -> dict[Msas, Configuration]:
        """Return the configurations trained so far, in the order of the search."""
        return {msas: self.configuration(msas, seeds) for msas, seeds in self.trained.items()}

    def configuration(self, msas: Msas, seeds: int) -> Configuration:
        """Return a number of networks with these MSA blocks, from the store."""
        records = [self.team.store.read(self._run(msas, seed).key) or {} for seed in range(seeds)]
        joules = [record["joules"] for record in records]
        return Configuration(
            tuple(map(_accuracy, records)),
            sum(record["seconds"] for record in records),
            None if None in joules else sum(joules),
            records[0]["parameters"],
        )


def _accuracy(record: Mapping[str, Any]) -> float:
    """Return the accuracy of a stored run on the held-out images, in percent; NaN if it diverged."""
    return 100.0 * record["history"][-1]["test_accuracy"] if record["status"] == "finished" else math.nan
