"""The outcome of a search: the architecture as a call, the path to it, and the cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vitwork.buildup.networks import BuildableNetwork, Msas, named
from vitwork.buildup.rule import Rates, Ruling, TriedBlock, mean_interval, most_tried
from vitwork.buildup.searching import Configuration
from vitwork.report import words

SCHEMA = "vitwork-buildup/1"


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """A search so far, or at its end.

    Attributes:
        name: name of the network that is built up, as the user gave it.
        network: how it is built up.
        profile: the scale.
        classes: number of classes of the images.
        rates: the declared error rates.
        steps: the tried blocks, in order.
        configurations: networks by their MSA blocks, in the order of the search.
        wall: seconds that this call took.
        key: key of the search: that of its first run, which depends on recipe, images and code.
        ended: whether the search reached its end.
    """

    name: str
    network: BuildableNetwork
    profile: str
    classes: int
    rates: Rates
    steps: tuple[TriedBlock, ...]
    configurations: dict[Msas, Configuration]
    wall: float
    key: str
    ended: bool = False

    @property
    def msas(self) -> Msas:
        """The MSA blocks that the search ended with."""
        return self.steps[-1].after if self.steps else self.network.none

    @property
    def finished(self) -> bool:
        """Whether the search reached its end, and left nothing undecided for lack of time."""
        return self.ended and not self._out_of_time

    @property
    def _out_of_time(self) -> bool:
        return any(step.found.ruling is Ruling.UNFINISHED for step in self.steps)

    @property
    def call(self) -> str:
        """The architecture as Python code to paste."""
        model, options = self.network.model(self.msas)
        given = "".join(f"    {name}={value!r},\n" for name, value in options.items())
        return f'from vitwork.models import create\n\nnetwork = create(\n    "{model}",\n    {self.classes},\n{given})'

    @property
    def answer(self) -> str:
        """The result in a sentence."""
        judged = [step.found.ruling for step in self.steps if step.found.ruling is not Ruling.UNFINISHED]
        if not self.finished:
            return words.buildup.unfinished(len(judged), out_of_time=self._out_of_time)
        refused = [ruling is Ruling.REFUSED for ruling in judged]
        return words.buildup.answer(self.name, sum(self.msas), named(self.msas, self.network.depths), refused)

    @property
    def declared(self) -> str:
        """The error rates of the search, in a sentence."""
        rates, among = self.rates, most_tried(self.network.depths)
        return words.buildup.declared(rates.alpha, among, rates.least, rates.beta, rates.seeds)

    @property
    def cost(self) -> str:
        """The cost of the search, including earlier calls, from the store."""
        found = self.configurations.values()
        joules = [one.joules for one in found]
        return words.buildup.spent(
            sum(len(one.accuracies) for one in found),
            sum(one.seconds for one in found),
            None if None in joules else sum(filter(None, joules)),
            self.wall,
        )

    def line(self, step: TriedBlock) -> str:
        """Return a line that describes one step."""
        block, found = _added(step, self.network.depths), step.found
        if found.gain is None:
            return words.buildup.untested(block, str(found.ruling), found.why)
        return words.buildup.tested(block, found.ruling or "", found.gain, found.seeds, self.trained(step))

    def trained(self, step: TriedBlock) -> int:
        """Return the number of networks with a step's block; its ruling may rest on fewer, the first that decided."""
        return len(self.configurations[step.tried].accuracies) if step.tried in self.configurations else 0

    @property
    def diagram(self) -> list[str]:
        """The blocks of each stage, a line per stage."""
        return [
            f"stage {number}  {' '.join('MSA ' if is_msa else 'Conv' for is_msa in row)}".rstrip()
            for number, row in enumerate(blocks(self.msas, self.network.depths), start=1)
        ]

    @property
    def record(self) -> dict[str, Any]:
        """The search as JSON."""
        return {
            "schema": SCHEMA,
            "key": self.key,
            "answer": self.answer,
            "finished": self.finished,
            "model": self.name,
            "profile": self.profile,
            "depths": self.network.depths,
            "msas": self.msas,
            "call": self.call,
            "rates": asdict(self.rates),
            "steps": [
                {"block": _added(step, self.network.depths), "before": step.before, "tried": step.tried,
                 "ruling": step.found.ruling, "seeds": step.found.seeds, "trained": self.trained(step), "gain": step.found.gain,
                 "why": step.found.why}
                for step in self.steps
            ],
            "configurations": [
                {"msas": msas, "name": named(msas, self.network.depths), **asdict(one),
                 **dict(zip(("mean", "low", "high"), mean_interval(one.accuracies), strict=True))}
                for msas, one in self.configurations.items()
            ],
            "wall_seconds": self.wall,
        }  # fmt: skip


def blocks(msas: Msas, depths: tuple[int, ...]) -> list[list[bool]]:
    """Return for every block of every stage whether it is an MSA block: every second one from the last backwards."""
    return [
        [(depth - 1 - place) % 2 == 0 and (depth - 1 - place) // 2 < count for place in range(depth)]
        for count, depth in zip(msas, depths, strict=True)
    ]


def _added(step: TriedBlock, depths: tuple[int, ...]) -> str:
    """Return the name of the block that a step tried."""
    only = tuple(after - before for before, after in zip(step.before, step.tried, strict=True))
    stage = only.index(1)
    return f"c{stage + 1}#{depths[stage] - 2 * step.before[stage]}"
