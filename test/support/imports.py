"""Which packages a script imports, as Python itself reports it with ``-X importtime``."""

from __future__ import annotations

HEAVY = {"numpy", "pandas", "azure", "azureml", "sklearn", "scipy", "requests", "yaml", "rich"}


def imported_packages(report: str) -> set[str]:
    """The packages in a report of ``-X importtime``."""
    lines = [line for line in report.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}
