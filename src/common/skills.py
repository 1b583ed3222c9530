"""How a trained model says how good it is: ``skills.csv`` in its folder, the same for every model.

A part is what the model gives a number of its own, such as a product and one of its targets. Its skill is
``1 − error / error of predicting the mean``, measured on what the fit did not know; its weight says how much it counts,
such as the number of batches.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from src.common.committed_folder import CommittedFolder
from src.common.errors import IntegrityError
from src.common.tables import format_csv

SKILLS = "skills.csv"
HEADER = ("part", "weight", "skill")


class Skill(NamedTuple):
    """How good a model is at one part of what it does."""

    part: str
    weight: float
    skill: float


def format_skills(skills: Iterable[Sequence[object]]) -> str:
    """``skills.csv``: a row per part."""
    return format_csv(HEADER, skills)


def read_skills(model: CommittedFolder) -> list[Skill]:
    """The skills of a trained model.

    Raises:
        IntegrityError: Its folder has none, or what it has is no table of numbers.
    """
    where = model.root / SKILLS
    try:
        rows = list(csv.reader(io.StringIO(model.read(SKILLS).decode("utf-8"), newline="")))
        skills = [Skill(part, float(weight), float(skill or "nan")) for part, weight, skill in rows[1:]]
    except ValueError as error:
        raise IntegrityError("the skills of the model can't be read", where=where, found=error) from error
    wrong = [skill.part for skill in skills if not (math.isfinite(skill.weight) and skill.weight > 0)]
    if tuple(rows[0] if rows else ()) != HEADER or wrong:
        raise IntegrityError(
            "the skills of the model are no table of parts",
            where=where,
            found=f"{wrong[0]} without a weight" if wrong else ",".join(rows[0] if rows else ()),
            expected=",".join(HEADER),
        )
    return skills
