"""What is shared by all models names none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from src.common.models import model_names
from src.common.settings import PROJECT_ROOT

STAGES = [path for path in (PROJECT_ROOT / "src").iterdir() if (path / "helloworld").is_dir()]
SHARED = [
    *(PROJECT_ROOT / "src" / "common").rglob("*.py"),
    *(path for stage in STAGES for path in stage.glob("*.py")),
    *(PROJECT_ROOT / "ml_service").glob("*.py"),
]
SAYS_WHICH = {
    "ml_service/pipeline_script.py": 1,  # what is started where nobody chooses
    "ml_service/new_model.py": 2,  # what a new model is made from
    "src/common/platform_settings.py": 1,  # whose folders lie where the variables say
}
"""Where a model may be named, and how often at the most."""


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.relative_to(PROJECT_ROOT).as_posix())
def test_no_model_is_named(file: Path) -> None:
    found = re.findall(rf"(?<![a-z])(?:{'|'.join(model_names())})(?![a-z])", file.read_text(encoding="utf-8"), re.I)
    assert len(found) <= SAYS_WHICH.get(file.relative_to(PROJECT_ROOT).as_posix(), 0), found
