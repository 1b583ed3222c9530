from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from src.common.committed_folder import replace_folder
from src.common.errors import DataError, IntegrityError
from src.training.batchai.model import Model
from src.training.batchai.model_files import KIND, load_model
from test.support.models import small_model, write_model


def write(folder: Path, model: Model) -> None:
    with replace_folder(folder, kind=KIND) as staged:
        write_model(staged, model)


def test_what_is_written_is_loaded(tmp_path: Path) -> None:
    model = small_model()
    write(tmp_path, model)
    loaded = load_model(tmp_path)
    assert loaded.data_version == model.data_version
    assert loaded.training == model.training
    location, other = model.location("plant"), loaded.location("plant")
    assert (other.feature_names, other.targets) == (location.feature_names, location.targets)
    assert other.recipe == location.recipe
    assert other.recipe.adjustable[0].max_addition == 5
    assert list(other.groups) == list(location.groups)
    for (_, group, name, target), (_, group2, name2, target2) in zip(model.trained(), loaded.trained(), strict=True):
        assert (group.product_id, name, group.untrained) == (group2.product_id, name2, group2.untrained)
        assert (group.batches, group.last_batch, target.intercept) == (
            group2.batches,
            group2.last_batch,
            target2.intercept,
        )
        assert (target.radius, group.product_id) == (target2.radius, group2.product_id)
        np.testing.assert_equal(target.forward_coverage, target2.forward_coverage)
        for field in ("coefficients", "minimum", "maximum", "fill", "residuals"):
            np.testing.assert_array_equal(getattr(target, field), getattr(target2, field))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder, small_model())
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("one", "two"))
    assert one == two


def test_a_prediction_fills_limits_and_adds_up() -> None:
    target = small_model().location("plant").group("007").targets["purity"]
    features = np.array([[10.0, 1.0], [np.nan, 1.0], [30.0, 1.0], [1000.0, 1.0], [20.0, -2.0], [5.0, 7.0]])
    expected = [
        90 + 0.5 * 10 - 2 * 1,
        90 + 0.5 * 12 - 2 * 1,  # missing: the mean of training
        90 + 0.5 * 27.5 - 2 * 1,  # half the range's width beyond it
        90 + 0.5 * 12 - 2 * 1,  # implausible: the mean of training
        102.0,  # a tenth of the targets' width beyond the largest
        90 + 0.5 * 5 - 2 * 1.5,  # the second is implausible
    ]
    assert target.predict(features).tolist() == pytest.approx(expected, rel=1e-9)
    assert target.outside(features)[:, 0].tolist() == [False, False, True, True, False, False]
    assert target.outside(features)[:, 1].tolist() == [False, False, False, False, True, True]


def test_unknown_names_are_answered_with_the_nearest_known_one() -> None:
    model = small_model()
    with pytest.raises(DataError, match="knows no location 'plan', did you mean 'plant'"):
        model.location("plan")
    with pytest.raises(DataError, match="knows no product_id '07' at plant, did you mean '007'"):
        model.location("plant").group("07")


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run: python src/training/batchai/batchai_training\.py"):
        load_model(tmp_path)


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, small_model())
    files = sorted(tmp_path.iterdir())
    chance = random.Random(11)
    for path in files:
        content = path.read_bytes()
        for _ in range(40):
            changed = bytearray(content)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            # a flip within the manifest's own text leaves no digest of itself: it must not go through unnoticed either
            if path.name == "manifest.json":
                _refused_or_equal(tmp_path)
            else:
                with pytest.raises(IntegrityError):
                    load_model(tmp_path)
        path.write_bytes(content)
    assert load_model(tmp_path).data_version == small_model().data_version


def _refused_or_equal(folder: Path) -> None:
    """The manifest holds no numbers that a prediction uses: a flip there is refused, or changes no prediction."""
    try:
        loaded = load_model(folder)
    except (DataError, IntegrityError):
        return
    pairs = zip(small_model().trained(), loaded.trained(), strict=True)
    assert all(np.array_equal(a[3].coefficients, b[3].coefficients) for a, b in pairs)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, small_model())
    (tmp_path / "coefficient.csv").unlink()
    with pytest.raises(IntegrityError, match=r"coefficient\.csv is missing"):
        load_model(tmp_path)
