"""How many cores a process may use, in a container too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from goodfit import cores as module
from goodfit.cores import cores
from goodfit.training.threads import threads_for


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "CGROUPS", tmp_path)
    monkeypatch.setattr(module, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", 64), ("nonsense", 64)],
)
def test_a_container_grants_a_share_of_the_cores(groups: Path, written: str, expected: int) -> None:
    (groups / "cpu.max").write_text(f"{written}\n")
    assert cores() == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 64)])
def test_control_groups_of_version_1_are_read_too(groups: Path, quota: str, expected: int) -> None:
    (groups / "cpu").mkdir()
    (groups / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (groups / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores() == expected


@pytest.mark.parametrize(
    ("own", "folder"),
    [("0::/system.slice/job.service", ""), ("4:memory:/x\n3:cpu,cpuacct:/system.slice", "cpu")],
)
def test_the_narrowest_of_nested_groups_counts(groups: Path, own: str, folder: str) -> None:
    (groups / "own").write_text(f"{own}\n")
    nested = groups / folder / "system.slice"
    nested.mkdir(parents=True)
    if folder:
        (nested / "cpu.cfs_quota_us").write_text("400000\n")
        (nested / "cpu.cfs_period_us").write_text("100000\n")
    else:
        (groups / "cpu.max").write_text("max 100000\n")
        (nested / "cpu.max").write_text("400000 100000\n")
    assert cores() == 4


def test_without_control_groups_all_cores_that_the_process_is_bound_to_count(groups: Path) -> None:
    assert cores() == 64


def test_large_updates_have_no_more_threads_than_cores(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 32)
    assert threads_for(10_000_000, rows=256) == 32
    (groups / "cpu.max").write_text("200000 100000\n")
    assert threads_for(10_000_000, rows=256) == 2
