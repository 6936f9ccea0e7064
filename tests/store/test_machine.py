from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vitwork.store import machine


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for nvidia-ml-py on a machine with three GPUs of two kinds."""
    names = ["NVIDIA H200", "NVIDIA H200", "NVIDIA L4"]
    fake = SimpleNamespace(
        started=0,
        nvmlDeviceGetCount=lambda: len(names),
        nvmlDeviceGetHandleByIndex=lambda place: place,
        nvmlDeviceGetName=names.__getitem__,
        nvmlSystemGetDriverVersion=lambda: "570.86.15",
        __spec__=object(),
    )
    fake.nvmlInit = lambda: setattr(fake, "started", fake.started + 1)
    fake.nvmlShutdown = lambda: setattr(fake, "started", fake.started - 1)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_machine_and_versions_are_told() -> None:
    """Results name the processor, the cores and the packages that numbers depend on."""
    assert machine.hardware()["cores"] >= 1
    assert {"python", "torch", "timm", "vitwork"} <= set(machine.versions())


@pytest.mark.parametrize(
    ("cpuinfo", "processor", "vectors"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse2 avx avx2\n", "AMD EPYC", "avx2"),
        ("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx avx2 avx512f\n", "AMD EPYC", "avx512f"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", None, "asimd"),
        ("", None, None),
    ],
)
def test_processors_of_one_name_differ_in_vectors(
    cpuinfo: str, processor: str | None, vectors: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two processors that call themselves the same round differently where their vectors differ in width."""
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    found = machine.hardware()
    assert processor is None or found["processor"] == processor
    assert found["vectors"] == vectors


def test_gpus_are_named_with_their_driver_and_cuda(library: SimpleNamespace) -> None:
    """NVML's names are counted; CUDA is the runtime that torch itself reports."""
    import torch

    assert machine.accelerators() == {
        "accelerator": "2 × NVIDIA H200, NVIDIA L4",
        "driver": "570.86.15",
        "cuda": torch.version.cuda,
    }
    assert library.started == 0


def test_without_a_gpu_nothing_is_told(library: SimpleNamespace) -> None:
    """A library that finds no driver, as nvidia-ml-py does on such a machine, is no error."""

    def refuse() -> None:
        raise OSError("libnvidia-ml.so.1 is missing")

    library.nvmlInit = refuse
    assert machine.accelerators() == {"accelerator": None, "driver": None, "cuda": None}


def test_without_a_library_torch_and_the_kernel_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The driver's own file has its version."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "version")
    assert machine.accelerators()["accelerator"] is None
    machine.DRIVER.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
    )
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda place: f"GPU number {place}")
    assert machine.accelerators() == {"accelerator": "GPU number 0", "driver": "550.54.15", "cuda": None}


def test_telling_the_machine_imports_no_torch() -> None:
    """A session with nothing to do must end within seconds."""
    code = "import sys, vitwork.store.machine as m, vitwork.device.energy; m.hardware(); m.versions(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commit_tells_revision_and_changes(tmp_path: Path) -> None:
    """Provenance has the revision and whether the tree was changed; outside git it has neither."""
    assert machine.commit(tmp_path) == ("", False)
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    revision, dirty = machine.commit(tmp_path)
    assert len(revision) == 40
    assert not dirty
    (tmp_path / "new").touch()
    assert machine.commit(tmp_path) == (revision, True)
