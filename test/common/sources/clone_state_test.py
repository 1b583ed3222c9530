from __future__ import annotations

from pathlib import Path

import pytest

from src.common.sources.clone_state import JOURNAL_NAME, TO_FETCH, CloneState, Copy, journal, load_state, save_state

COPIES = {"a.csv": Copy("1", 3, 17), "Köln/b.csv": TO_FETCH}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    save_state(tmp_path, CloneState("here", dict(COPIES)))
    return tmp_path


def test_reads_what_was_saved(target: Path) -> None:
    assert load_state(target, source="here") == CloneState("here", COPIES)


def test_no_note_is_no_damage(tmp_path: Path) -> None:
    assert load_state(tmp_path, source="here") == CloneState("here")


def test_copies_of_another_source_are_known_and_not_current(target: Path) -> None:
    assert load_state(target, source="there") == CloneState("there", dict.fromkeys(COPIES, TO_FETCH))


def test_the_journal_adds_to_the_note(target: Path) -> None:
    state = load_state(target, source="here")
    with journal(target, state) as note:
        note("Köln/b.csv", Copy("2", 5, 19))
        assert load_state(target, source="here") == state
    assert state.copies["Köln/b.csv"] == Copy("2", 5, 19)
    assert load_state(target, source="there").copies == dict.fromkeys(COPIES, TO_FETCH)
    save_state(target, state)
    assert not (target / JOURNAL_NAME).exists()
    assert load_state(target, source="here") == state


def test_a_line_that_was_cut_off_does_not_count(target: Path) -> None:
    with journal(target, load_state(target, source="here")) as note:
        note("a.csv", Copy("2", 5, 19))
        note("Köln/b.csv", Copy("3", 6, 20))
    path = target / JOURNAL_NAME
    whole = path.read_bytes()
    first_end = whole.index(b"19]") + 3
    for end in range(first_end, len(whole) - 1):
        path.write_bytes(whole[:end])
        copies = load_state(target, source="here").copies
        assert copies in (
            {"a.csv": Copy("2", 5, 19), "Köln/b.csv": TO_FETCH},
            {"a.csv": Copy("2", 5, 19), "Köln/b.csv": Copy("3", 6, 20)},
        )


def test_the_journal_of_another_source_does_not_count(target: Path) -> None:
    with journal(target, CloneState("there", dict(COPIES))) as note:
        note("a.csv", Copy("2", 5, 19))
    assert load_state(target, source="here") == CloneState("here", COPIES)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "./x", "a//x", ".hidden"])
def test_a_path_that_no_clone_would_make_is_damage(tmp_path: Path, path: str) -> None:
    save_state(tmp_path, CloneState("here", {path: Copy("1", 1, 1)}))
    assert load_state(tmp_path, source="here") == CloneState("here", damaged=True)
