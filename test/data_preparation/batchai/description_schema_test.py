"""The JSON schema of location.yml, judged by the jsonschema library against what the checker itself says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from src.common.errors import SettingsError
from src.common.json_text import from_json, to_json
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai.description_schema import location_schema
from src.data_preparation.batchai.location_description import read_description
from test.data_preparation.batchai.mistakes_test import DESCRIPTION, wrong_descriptions

COMMITTED = PROJECT_ROOT / ".vscode" / "location.schema.json"
VALIDATOR = Draft202012Validator(location_schema())
DESCRIPTIONS = [
    *(PROJECT_ROOT / "sample_data" / "batchai").glob("*/location.yml"),
    *(PROJECT_ROOT / "src" / "data_preparation" / "batchai" / "locations").glob("*.yml"),
    *(PROJECT_ROOT / "test" / "resources" / "plants").glob("*/location.yml"),
]


def test_it_is_a_schema_and_what_vs_code_has() -> None:
    Draft202012Validator.check_schema(location_schema())
    assert COMMITTED.read_text(encoding="utf-8") == to_json(location_schema()) + "\n", (
        "python -m src.data_preparation.batchai.description_schema > .vscode/location.schema.json"
    )
    settings = from_json((PROJECT_ROOT / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    assert (PROJECT_ROOT / next(iter(settings["yaml.schemas"]))).samefile(COMMITTED)


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.parent.name + "/" + path.name)
def test_descriptions_that_are_used_are_valid(path: Path) -> None:
    assert len(DESCRIPTIONS) >= 12
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []


def test_the_example_of_the_documentation_is_valid_and_explains_the_keys() -> None:
    text = (PROJECT_ROOT / "docs" / "location-yml.md").read_text(encoding="utf-8")
    example = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert [error.message for error in VALIDATOR.iter_errors(example)] == []
    properties = location_schema()["properties"]
    assert properties["cross_validate_by"]["description"].startswith("rows of one campaign")
    assert sum("description" in schema for schema in properties.values()) >= 15
    assert set(properties) >= set(example)


WRONG = [(name, yaml.safe_load(content)) for name, _, content, _ in wrong_descriptions() if "control" not in name]


@pytest.mark.parametrize(("name", "document"), WRONG, ids=[name for name, _ in WRONG])
def test_what_the_checker_refuses_the_schema_refuses(name: str, document: dict[str, Any], tmp_path: Path) -> None:
    assert VALIDATOR.is_valid(DESCRIPTION)
    path = tmp_path / "location.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    try:
        read_description(path, location="plant")
        refused = False
    except SettingsError:
        refused = True
    assert VALIDATOR.is_valid(document) != refused, name
