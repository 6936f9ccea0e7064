"""What sessions in tests begin with: libraries and our modules imported, our sources digested, one thread. For the forks' server."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import torch

from vitwork import measurements
from vitwork.store.machine import versions
from vitwork.store.sources import source_hash

IMPORTED = [  # but not vitwork.plugin, whose assertions pytest rewrites as it loads it
    "timm", "torchvision", "pandas", "scipy.stats", "matplotlib.figure", "hypothesis", "xdist.plugin", "xdist.looponfail",
    "execnet.multi", "anyio.pytest_plugin", "pytest_cov.plugin", "rich.table", "torch.utils.flop_counter",
    "vitwork.cli", "vitwork.evidence.commands", "vitwork.report.build", "vitwork.session.closing", "vitwork.session.commands",
    "vitwork.session.forecast", "vitwork.session.options", "vitwork.session.seeding", "vitwork.session.worker",
    "vitwork.measurements.loaded_run", "vitwork.training.speed", "vitwork.training.together",
]  # fmt: skip
DIGESTED = [
    "vitwork.session.judge",
    "vitwork.training.train",
    "vitwork.training.speed",
    *(f"{measurements.__name__}.{module.name}" for module in iter_modules(measurements.__path__)),
]

torch.set_num_threads(1)  # as every test begins: several on the cores that workers share wait for each other
for name in IMPORTED:
    import_module(name)
for name in DIGESTED:
    source_hash(name)
versions()
