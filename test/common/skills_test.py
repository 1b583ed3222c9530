from __future__ import annotations

import math
from pathlib import Path

import pytest

from src.common.committed_folder import CommittedFolder, open_committed, replace_folder
from src.common.errors import IntegrityError
from src.common.skills import Skill, format_skills, read_skills


def model(folder: Path, text: str | None) -> CommittedFolder:
    with replace_folder(folder, kind="model") as staged:
        if text is not None:
            staged.write("skills.csv", text)
    return open_committed(folder)


def test_what_is_written_is_read_and_an_undefined_skill_stays_undefined(tmp_path: Path) -> None:
    known = Skill("plant/007, new/purity", 25, 0.5)
    first, second = read_skills(model(tmp_path, format_skills([known, ("plant/8/purity", 3, None)])))
    assert first == known
    assert (second.part, second.weight, math.isnan(second.skill)) == ("plant/8/purity", 3, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "skills.csv is missing"),
        ("", "part,weight,skill"),
        ("part,skill\na,1\n", "can't be read"),
        ("part,weight,skill\na,many,1\n", "can't be read"),
        ("part,weight,skill\na,0,1\n", "a without a weight"),
        ("part,weight,skill\na,inf,1\n", "a without a weight"),
    ],
)
def test_a_model_that_does_not_say_how_good_it_is_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        read_skills(model(tmp_path, text))
    assert said in str(caught.value)
