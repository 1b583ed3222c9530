from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).parents[3]
SCRIPT = """
import os
from pathlib import Path
import numpy, pyarrow.csv
from src.data_preparation.batchai.group_tables import parse_rows

before = len(os.listdir("/proc/self/task"))
parse_rows([b"B1,1\\n" * 20_000], 1, where=Path(), hint="")
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux lists the threads of a process there")
def test_reading_starts_no_pool_of_threads() -> None:
    """One that still runs when the process ends can abort it: https://github.com/apache/arrow/issues/34314."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1, "the one that reads ahead"
