from __future__ import annotations

from pathlib import Path

import pytest

from src.common import memory
from src.common.errors import DataError


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:   4000 kB\n")
    return tmp_path


def test_the_smaller_of_machine_and_container_counts(machine: Path) -> None:
    assert memory.available_bytes() == 4_096_000
    (machine / "memory.max").write_text("max\n")
    assert memory.available_bytes() == 4_096_000
    (machine / "memory.max").write_text("3000000\n")
    (machine / "memory.current").write_text("1000000\n")
    assert memory.available_bytes() == 2_000_000


def test_work_that_does_not_fit_is_refused(machine: Path) -> None:
    memory.require_memory(4_000_000, what="work", where="here", hint="split it")
    with pytest.raises(DataError, match="work needs more memory than there is"):
        memory.require_memory(5_000_000, what="work", where="here", hint="split it")
    (machine / "meminfo").unlink()
    assert memory.available_bytes() is None
    memory.require_memory(10**15, what="work", where="here", hint="nobody can tell")
