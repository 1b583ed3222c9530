from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common import agent_commands
from src.common.agent_commands import neutralised
from src.common.guarded_stream import GuardedStream, guarded_streams
from test.support.agent_log import Command, lines_of, looks_like_command, parse

PIECES = st.sampled_from(
    [
        *"##vso[]. task.complete result=Failed;\r\n\t\x00\x1b\u200b\u00ad\ufeff\u034f\ufe0f\u2028\u202e%é＃",
        "##vso[task.complete result=Failed]",
        "##[error]",
        "##VSO[",
        "%0A",
    ]
)
HOSTILE = st.lists(PIECES | st.characters(), max_size=40).map("".join)
MESSAGES = HOSTILE | st.text()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_BUILD", "True")


@given(MESSAGES)
def test_no_command_is_left_in_any_text(text: str) -> None:
    clean = neutralised(text)
    assert not [line for line in lines_of(clean) if looks_like_command(line)]
    assert neutralised(clean) == clean


@given(st.lists(HOSTILE, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_no_command_is_put_together_from_pieces(pieces: list[str], flushes: list[bool]) -> None:
    raw = io.StringIO(newline="")
    guard = GuardedStream(raw)
    for piece, flush in zip(pieces, flushes, strict=False):
        guard.write(piece)
        if flush:
            guard.flush()
    guard.finish()
    assert not [line for line in lines_of(raw.getvalue()) if looks_like_command(line)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("API-1 ##vso[task.complete result=Failed]", "API-1 # #vso[task.complete result=Failed]"),
        ("##[error]no", "# #[error]no"),
        ("###vso[a.b]", "## #vso[a.b]"),
        ("a\rb\x1b[2Jc\x07\x9b", "a\\rb\\x1b[2Jc\\x07\\x9b"),
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("right\u202eleft\u2028", "right\\u202eleft\\u2028"),
        ("#1, # 2, ## a heading, [x], µ–😀 👩\u200d🔬", "#1, # 2, ## a heading, [x], µ–😀 👩\u200d🔬"),
    ],
)
def test_only_what_an_agent_or_a_terminal_obeys_is_changed(text: str, shown: str) -> None:
    assert neutralised(text) == shown


@pytest.mark.usefixtures("agent")
def test_the_commands_that_are_meant_reach_the_agent(tmp_path: Path) -> None:
    """Examples of the page on logging commands, and signs that have to be escaped."""
    raw = io.StringIO()
    with redirect_stdout(raw), guarded_streams():
        print("half a line", end=" ")
        agent_commands.log_issue("error", "a;b]c\r\n100 %")
        agent_commands.log_issue("warning", "not registered")
        agent_commands.set_progress(50, "training")
        agent_commands.set_variable("MODELVERSION", "3", output=True)
        agent_commands.set_variable("key", "sig=abc%3D", secret=True)
        agent_commands.upload_summary(tmp_path)
        agent_commands.add_build_tag("model: registered")
        agent_commands.complete("SucceededWithIssues", "done")
    first, *rest = raw.getvalue().splitlines()
    assert first == "half a line "
    assert [parse(line) for line in rest] == [
        Command("task.logissue", {"type": "error"}, "a;b]c\n100 %"),
        Command("task.logissue", {"type": "warning"}, "not registered"),
        Command("task.setprogress", {"value": "50"}, "training"),
        Command("task.setvariable", {"variable": "MODELVERSION", "isOutput": "true"}, "3"),
        Command("task.setvariable", {"variable": "key", "issecret": "true"}, "sig=abc%3D"),
        Command("task.uploadsummary", {}, str(tmp_path.resolve())),
        Command("build.addbuildtag", {}, "model- registered"),
        Command("task.complete", {"result": "SucceededWithIssues"}, "done"),
    ]


@given(MESSAGES, MESSAGES)
def test_a_command_holds_no_second_one(name: str, message: str) -> None:
    raw = io.StringIO(newline="")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(raw), guarded_streams():
        patch.setenv("TF_BUILD", "True")
        agent_commands.log_issue("error", message)
        agent_commands.set_variable(name, message, output=True)
        with agent_commands.group(message):
            print(message)
    issue, variable, begin, *_, end, after = lines_of(raw.getvalue())
    said, kept = parse(issue), parse(variable)
    assert said is not None
    assert (said.name, said.properties) == ("task.logissue", {"type": "error"})
    assert not [line for line in lines_of(said.message) if looks_like_command(line)]
    assert kept is not None
    assert kept.properties.get("isOutput") == "true"
    assert begin.startswith("##[group]")
    assert not looks_like_command(begin.removeprefix("##[group]"))
    assert (end, after) == ("##[endgroup]", "")


def test_elsewhere_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[Any] = [
        lambda: agent_commands.log_issue("error", "broken"),
        lambda: agent_commands.set_progress(10, "cloning"),
        lambda: agent_commands.set_variable("a", "b"),
        lambda: agent_commands.upload_summary(Path("a")),
        lambda: agent_commands.add_build_tag("a"),
        lambda: agent_commands.complete("Failed"),
    ]
    for say in said:
        say()
    assert capsys.readouterr() == ("", "")
    with agent_commands.group("the log"):
        print("  a line")
    assert capsys.readouterr().out == "--- the log\n  a line\n"
