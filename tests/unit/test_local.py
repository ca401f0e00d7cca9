# SPDX-License-Identifier: GPL-3.0-or-later

"""What was changed by hand is written down line by line, and the last line about a thing counts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._local import Local, Note, overlay

LATER = time.time() + 3600


@pytest.fixture
def local(tmp_path: Path) -> Local:
    tmp_path.chmod(0o755)
    return Local(str(tmp_path / "changes.jsonl"))


def test_the_last_word_counts(local: Local) -> None:
    assert local.notes() == {}
    block = Note("block", "192.0.2.1", True, LATER, "scanner ü", "alice", 1700000000.0)
    local.record([block, Note("audit", "", True)])
    assert local.notes() == {("block", "192.0.2.1"): block, ("audit", ""): Note("audit", "", True)}
    local.record([Note("audit", "", None), block._replace(value=False, until=0.0)])
    assert local.notes() == {block.key: block._replace(value=False, until=0.0)}


def test_what_has_ended_does_not_count(local: Local) -> None:
    local.record([Note("block", "192.0.2.1", True, 100.0)])
    assert list(local.notes(99.0)) == [("block", "192.0.2.1")]
    assert local.notes() == {}


def test_notes_can_be_taken_back(local: Local) -> None:
    local.record([Note("block", "192.0.2.1", True)])
    undo = local.record([Note("block", "192.0.2.1", False), Note("audit", "", True)], sync=False)
    undo()
    assert list(local.notes().values()) == [Note("block", "192.0.2.1", True)]


def test_compacting_leaves_what_holds(local: Local) -> None:
    for number in range(10):
        local.record([Note("block", "192.0.2.%d" % (number % 3), True), Note("allow", "192.0.2.9", True, 1.0)])
    before = local.notes()
    assert local.compact() == 17
    assert (local.notes(), local.compact()) == (before, 0)
    assert local.compact(lambda note: note.name == "192.0.2.1") == 2


@pytest.mark.parametrize("torn", ['{"what": "block", "name": "192.0', '{"what": "block", "comment": "J\xfcr'], ids=["between letters", "within one"])
def test_a_line_that_a_power_cut_tore_was_never_said(local: Local, torn: str) -> None:
    local.record([Note("audit", "", True)])
    with open(local.path, "ab") as stream:
        stream.write(torn.encode().rstrip(b"\xbcr"))
    local.record([Note("block", "192.0.2.7", True)])
    assert [note.name for note in local.notes().values()] == ["", "192.0.2.7"]


@pytest.mark.parametrize("line", ["[]", "7", '{"what": "block"}', '{"what": "a", "name": "b", "value": 3}', '{"what": "a", "value": true, "x": ""}'])
def test_what_is_no_note_is_named(local: Local, line: str) -> None:
    Path(local.path).write_text(line + "\n")
    with pytest.raises(FastpathError, match=r"changes.jsonl line 1: it is no note of what was changed by hand: .* Remove the line"):
        local.notes()


def test_notes_are_laid_over_what_ansible_wants() -> None:
    wanted = collect(["192.0.2.1", "192.0.2.2", "198.51.100.0/24"], [("", "192.0.2.3", 50.0, ""), ("", "192.0.2.4", 50.0, "")], 0.0).wanted
    said = [
        Note("block", "192.0.2.1", False),
        Note("block", "192.0.2.2", True, LATER),
        Note("block", "192.0.2.3", True, LATER),
        Note("block", "192.0.2.4", True),
        Note("block", "2001:db8::/32", True),
        Note("block", "203.0.113.1", False),
        Note("allow", "203.0.113.9", True),
    ]
    made = overlay(wanted, {note.key: note for note in said}, "block")
    after = collect(["192.0.2.2", "198.51.100.0/24", "192.0.2.4", "2001:db8::/32"], [("", "192.0.2.3", LATER, "")], 0.0).wanted
    assert wanted == after
    assert [note.name for note in made] == ["192.0.2.1", "192.0.2.3", "192.0.2.4", "2001:db8::/32"]
