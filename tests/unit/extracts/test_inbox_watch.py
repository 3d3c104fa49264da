"""The inbox is watched by size and time; only what changed is read, and only what has stopped growing arrives."""

import os
from pathlib import Path

import pytest

from pipelines.extracts import inbox_watch
from pipelines.extracts.inbox_watch import HOLD_LOOKS, InboxState, look


def test_a_file_arrives_once_two_looks_find_it_the_same(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("a\n")
    first = look(tmp_path, InboxState())
    assert (first.arrived, first.growing, first.key) == ([], ["cases.csv"], "")
    second = look(tmp_path, first.state)
    assert (second.arrived, second.growing) == (["cases.csv"], [])
    assert len(second.key) == 32
    third = look(tmp_path, second.state)
    assert (third.arrived, third.growing, third.key) == ([], [], "")


def test_a_file_that_keeps_the_senders_time_is_told_by_its_size(tmp_path: Path) -> None:
    path, state = tmp_path / "cases.csv", InboxState()
    for size in (1, 2, 3):
        path.write_text("x" * size)
        os.utime(path, (1_000_000, 1_000_000))
        found = look(tmp_path, state)
        assert found.growing == ["cases.csv"]
        state = found.state
    assert look(tmp_path, state).arrived == ["cases.csv"]


def test_while_a_file_grows_those_beside_it_wait_and_come_with_it(tmp_path: Path) -> None:
    (tmp_path / "whole.csv").write_text("a\n")
    (tmp_path / "part.csv").write_text("a\n")
    state = look(tmp_path, InboxState()).state
    (tmp_path / "part.csv").write_text("a\nb\n")
    found = look(tmp_path, state)
    assert (found.arrived, found.growing) == ([], ["part.csv"])
    assert sorted(look(tmp_path, found.state).arrived) == ["part.csv", "whole.csv"]


def test_a_file_that_never_stops_holds_the_others_back_for_a_while_only(tmp_path: Path) -> None:
    (tmp_path / "whole.csv").write_text("a\n")
    state, arrived_at = InboxState(), []
    for number in range(HOLD_LOOKS + 5):
        (tmp_path / "endless.csv").write_text("x" * (number + 1))
        found = look(tmp_path, state)
        assert "endless.csv" in found.growing
        arrived_at += [number + 1 for name in found.arrived if name == "whole.csv"]
        state = found.state
    assert arrived_at == [HOLD_LOOKS]


def test_the_key_is_the_same_for_the_same_files_and_contents_after_a_lost_state(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(name)
    key = look(tmp_path, look(tmp_path, InboxState()).state).key
    assert look(tmp_path, look(tmp_path, InboxState()).state).key == key
    (tmp_path / "a.csv").write_text("corrected")
    corrected = look(tmp_path, look(tmp_path, InboxState()).state)
    assert corrected.key not in ("", key)


def test_a_refused_file_that_stays_arrives_again_only_when_its_content_changes(tmp_path: Path) -> None:
    path = tmp_path / "mystery.csv"
    path.write_text("a\n")
    state = look(tmp_path, look(tmp_path, InboxState()).state).state
    os.utime(path, (1_000_000, 1_000_000))
    state = look(tmp_path, state).state
    touched = look(tmp_path, state)
    assert touched.arrived == []
    path.write_text("b\n")
    assert look(tmp_path, look(tmp_path, touched.state).state).arrived == ["mystery.csv"]


def test_what_lies_there_unchanged_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cases.csv").write_text("a\n")
    state = look(tmp_path, look(tmp_path, InboxState()).state).state
    monkeypatch.setattr(inbox_watch, "_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert look(tmp_path, state).arrived == []


def test_temporary_names_folders_and_an_inbox_that_is_not_there_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "cases.csv.part").write_text("a\n")
    (tmp_path / "folder").mkdir()
    assert look(tmp_path, InboxState()).state == InboxState()
    assert look(tmp_path / "nowhere", InboxState()).state == InboxState()


def test_the_state_survives_as_text(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("a\n")
    state = look(tmp_path, InboxState()).state
    assert look(tmp_path, InboxState.model_validate_json(state.model_dump_json())).arrived == ["cases.csv"]
