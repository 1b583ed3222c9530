from __future__ import annotations

import os
import re

from src.common.settings import PROJECT_ROOT, all_variables
from test.conftest import AGENT_VARIABLES


def test_the_checks_run_with_every_variable_of_the_pipelines() -> None:
    """Azure DevOps gives a variable of the YAML to a script in upper case."""
    named = {
        name
        for file in (PROJECT_ROOT / ".pipelines").rglob("*.yml")
        for name in re.findall(r"- name: ([A-Z][A-Z_]+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named & set(all_variables())
    assert named - set(AGENT_VARIABLES) == set()


def test_a_test_starts_without_them() -> None:
    assert set(os.environ).isdisjoint({*AGENT_VARIABLES, *all_variables()})
