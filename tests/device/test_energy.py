from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vitwork.device import energy
from vitwork.device.energy import meter

RANGE = 262_143_328_850


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A powercap folder with two processor packages, one of which shows its cores apart."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("5000000\n")
        (tmp_path / name / "max_energy_range_uj").write_text(f"{RANGE}\n")
    return [tmp_path / "intel-rapl:0" / "energy_uj", tmp_path / "intel-rapl:1" / "energy_uj"]


def test_packages_are_added_and_their_parts_are_not(packages: list[Path]) -> None:
    """Seven joules in one package and one in the other, which its cores used, are eight."""
    with meter() as used:
        packages[0].write_text("12000000\n")
        packages[1].write_text("6000000\n")
        (packages[0].parent.parent / "intel-rapl:0:0" / "energy_uj").write_text("11000000\n")
        assert used.joules is None
    assert used.joules == pytest.approx(8.0)


def test_a_counter_that_starts_again_goes_on(packages: list[Path]) -> None:
    """From 5 J over the largest reading to 3 J."""
    with meter() as used:
        packages[0].write_text("3000000\n")
    assert used.joules == pytest.approx(RANGE / 1e6 - 2.0)


def test_a_block_so_long_that_a_counter_may_have_gone_round_twice_is_not_told(packages: list[Path]) -> None:
    """A counter that holds a millijoule fills within microseconds."""
    for path in packages:
        path.with_name("max_energy_range_uj").write_text("1000\n")
    with meter() as used:
        sum(range(100_000))
    assert used.joules is None


def test_workers_of_a_device_never_add_up_to_more_than_it_used(packages: list[Path]) -> None:
    """Two blocks at the same time are charged half each."""
    with meter(workers=2) as one, meter(workers=2) as other:
        packages[0].write_text("15000000\n")
    assert one.joules == other.joules == pytest.approx(5.0)


@pytest.mark.parametrize("damage", ["absent", "unreadable"])
def test_without_a_readable_counter_there_is_no_energy_and_no_error(packages: list[Path], damage: str) -> None:
    """Most machines keep the counters from users."""
    for path in packages:
        path.unlink()
        if damage == "unreadable":
            path.mkdir()
    with meter() as used:
        pass
    assert used.joules is None


def test_a_gpu_is_found_by_its_identity(monkeypatch: pytest.MonkeyPatch, packages: list[Path]) -> None:
    """Torch's order of devices is the caller's, NVML's is the machine's; the processor's energy is not added."""
    readings = {"GPU-0a": iter([1000, 1500]), "GPU-0b": iter([7000, 10_000])}
    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetTotalEnergyConsumption=lambda name: next(readings[name]),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    devices = {"cuda:0": "0b", "cuda:1": "0a"}
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda device: SimpleNamespace(uuid=devices[device]))
    with meter("cuda:0") as used:
        packages[0].write_text("12000000\n")
    assert used.joules == pytest.approx(3.0)
