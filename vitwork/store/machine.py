"""Versions, processor and accelerators that a session ran on; torch is not imported on machines without a GPU."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import runpy
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from vitwork.device.nvml import nvml

PACKAGES = ("vitwork", "torch", "torchvision", "timm", "numpy", "scipy", "pytest", "pytest-xdist")
CPUINFO = Path("/proc/cpuinfo")
"""File in which Linux describes every core."""
VECTORS = ("avx512f", "avx2", "avx", "sve", "asimd")
"""Vector instruction sets, widest first: processors of the same name may differ in them, and then round differently."""
DRIVER = Path("/proc/driver/nvidia/version")
"""File in which Linux names the loaded NVIDIA driver."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    return found | {package: version for package in PACKAGES if (version := _version(package))}


@cache  # a package installed later is not the one that the process imported
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def hardware() -> dict[str, Any]:
    """Return processor, its widest vector instructions, cores, memory (bytes), operating system and accelerators."""
    return {
        "processor": _told_of_processor("model name") or platform.processor() or platform.machine(),
        "vectors": next((name for name in VECTORS if name in _told_of_processor("flags", "Features").split()), None),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None,
        "system": f"{platform.system()} {platform.machine()}",
        **accelerators(),
    }


def accelerators() -> dict[str, str | None]:
    """Return the GPUs by name, and the versions of the driver and the CUDA runtime; each is None if no GPU is visible.

    They come from NVML if nvidia-ml-py is installed, otherwise from torch, which is imported only if a driver is
    loaded.
    """
    try:
        names, driver = _ask_nvml() if importlib.util.find_spec("pynvml") else _ask_torch()
    except Exception:  # noqa: BLE001 - a broken driver must not cost a session its results
        names, driver = [], None
    if not names:
        return dict.fromkeys(("accelerator", "driver", "cuda"))
    shown = (f"{count} × {name}" if count > 1 else name for name, count in Counter(names).items())
    return {"accelerator": ", ".join(shown), "driver": driver, "cuda": _cuda_runtime()}


def _ask_nvml() -> tuple[list[str], str | None]:
    with nvml() as library:
        handles = map(library.nvmlDeviceGetHandleByIndex, range(library.nvmlDeviceGetCount()))
        return [str(library.nvmlDeviceGetName(handle)) for handle in handles], str(library.nvmlSystemGetDriverVersion())


def _ask_torch() -> tuple[list[str], str | None]:
    if not DRIVER.is_file():
        return [], None
    import torch

    found = re.search(r"\d+\.\d+(\.\d+)?", DRIVER.read_text(encoding="utf-8"))
    names = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
    return names, found.group() if found else None


def _cuda_runtime() -> str | None:
    """Return the version of CUDA that torch was built for, without importing torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    told = runpy.run_path(str(Path(spec.origin).with_name("version.py"))).get("cuda")
    return None if told is None else str(told)


def _told_of_processor(*names: str) -> str:
    """Return Linux's entry for the first core under the first of the names that exists; otherwise an empty string."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.is_file() else []
    told = (line.partition(":") for line in lines)
    return next((text.strip() for name, _, text in told if name.strip() in names), "")


def commit(folder: Path) -> tuple[str, bool]:
    """Return the git commit of `folder` and whether its tree has changes; an empty string outside git."""
    return _git(folder, "rev-parse", "HEAD"), bool(_git(folder, "status", "--porcelain"))


def commits_of(path: Path) -> list[tuple[str, float]]:
    """Return the git commits that changed a file, newest first, with their times in seconds since the epoch."""
    lines = _git(path.parent, "log", "--format=%H %ct", "--", path.name).splitlines()
    return [(commit, float(seconds)) for commit, seconds in map(str.split, lines)]


def content_at(path: Path, commit: str) -> bytes:
    """Return the content of a file in a git commit; empty if git does not have it."""
    return _git(path.parent, "show", f"{commit}:./{path.name}").encode()


def _git(folder: Path, *arguments: str) -> str:
    """Return the output of git in a folder; an empty string if it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
