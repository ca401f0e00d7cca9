# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is to have is on its disk, for people and for the next boot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._entries import Collected, collect, count, empty, texts_of
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

ETH0 = SavedInterface("auto", "/o", "5ha", "7a9", Config((5060, 5080)), Settings(("OPTIONS",), audit=True, rate_limit=100), ("vlan7",), "native")


def test_it_is_installed_once_and_removed_without_a_trace(tmp_path: Path) -> None:
    saved = Saved(str(tmp_path / "vos-fastpath"))
    assert (saved.installed(), saved.interfaces()) == (False, {})
    lists = {"allow": collect(["192.0.2.1"], (), 0.0).wanted, "block": empty()}
    assert (saved.install(lists), saved.installed(), saved.install({**lists, "allow": empty()})) == (True, True, False)
    assert saved.entries("allow").wanted == lists["allow"]
    saved.local.record([Note("audit", "", True)])
    assert len(saved.remove()) == 6
    assert (os.listdir(tmp_path), saved.remove()) == ([], [])


def test_what_somebody_keeps_there_stays(saved: Saved) -> None:
    Path(saved.path("notes.txt")).write_text("mine")
    saved.remove()
    assert os.listdir(saved.folder) == ["notes.txt"]


def test_interfaces_are_read_as_they_were_kept(saved: Saved) -> None:
    with saved.keep_interfaces({"eth0": ETH0}):
        assert saved.interfaces() == {"eth0": ETH0}
    assert saved.interfaces() == {"eth0": ETH0}
    assert (saved.behind(["eth0"]), saved.behind(["vlan7"]), saved.behind(["eth1"])) == (["eth0"], ["eth0"], [])
    assert json.loads(Path(saved.path("desired.json")).read_text())["interfaces"]["eth0"]["ports"] == [5060, 5080]


def test_a_file_of_an_older_version_is_read(saved: Saved) -> None:
    path = Path(saved.path("desired.json"))
    with saved.keep_interfaces({"eth0": ETH0}):
        found = json.loads(path.read_text())
        del found["interfaces"]["eth0"]["reached"]
        path.write_text(json.dumps(found))
    assert saved.interfaces() == {"eth0": ETH0._replace(reached="")}


def test_what_the_kernel_refused_is_not_kept_and_what_is_equal_not_written(saved: Saved) -> None:
    with pytest.raises(FastpathError), saved.keep_interfaces({"eth0": ETH0}):
        raise FastpathError("eth0", "refused", "")
    assert saved.interfaces() == {}
    before = os.stat(saved.path("desired.json")).st_ino
    with saved.keep_interfaces({}):
        assert os.stat(saved.path("desired.json")).st_ino == before


def keep(saved: Saved, found: Collected) -> bool:
    kept = saved.keep_entries("block", found.wanted, found.comments)
    if kept is None:
        return False
    with kept:
        return True


def test_a_list_is_text_that_a_person_reads(saved: Saved) -> None:
    feed = [("", "192.0.2.8", 0.0, 'the office; #7, "new"'), ("", "192.0.2.9", 1700000000.0, "scanner")]
    entries = collect(["192.0.2.1", "198.51.100.0/24", "2001:db8::1", "2001:db8:1::/48"], feed, 0.0)
    assert (keep(saved, entries), keep(saved, entries)) == (True, False)
    text = Path(saved.path("block.list")).read_text().splitlines()
    assert text[0].startswith("# The blocklist as Ansible manages it, 6 entries.")
    assert text[1:] == [
        "192.0.2.1",
        '192.0.2.8  # the office; #7, "new"',
        "192.0.2.9, 2023-11-14T22:13:20Z  # scanner",
        "2001:db8::1",
        "198.51.100.0/24",
        "2001:db8:1::/48",
    ]
    assert saved.entries("block") == entries
    assert saved.entries("allow").wanted == empty()
    saved.local.record([Note("block", "192.0.2.3", True), Note("audit", "", True)])
    saved.forget_lists()
    assert (saved.entries("block").wanted, list(saved.local.notes())) == (empty(), [("audit", "")])


@pytest.mark.parametrize("head", ["# The blocklist\n", ""])
def test_no_line_of_a_list_is_lost_that_somebody_wrote(saved: Saved, head: str) -> None:
    path = Path(saved.path("block.list"))
    path.write_text(head + "203.0.113.7\n203.0.113.8\n")
    assert set(texts_of("hosts_v4", saved.entries("block").wanted["hosts_v4"], 9)) == {"203.0.113.7", "203.0.113.8"}
    path.write_text(head + "203.0.113.7\n203.0.113.64/26\n")
    assert count(saved.entries("block").wanted) == 2


def test_a_time_at_the_end_of_all_years_is_read_again(saved: Saved) -> None:
    feed = read_feed("feed", "192.0.2.7,999999999999\n192.0.2.8,9999-12-31T23:59:59.9-12:00\n")
    entries = collect((), feed, 0.0)
    assert keep(saved, entries)
    assert saved.entries("block") == entries


def test_a_list_that_is_missing_is_no_empty_one(saved: Saved) -> None:
    os.unlink(saved.path("allow.list"))
    with pytest.raises(FastpathError, match=r"allow.list: it is missing\. Run the play"):
        saved.entries("allow")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "it can't be read: Expecting value"),
        ('{"format": 2}', "its format is 2, and this version knows 1"),
        ("[]", "it can't be read"),
        ('{"format": 1, "interfaces": {"eth0": {}}}', "'ports'"),
        ('{"format": 1, "interfaces": {"eth0": {"ports": [0], "af_xdp": true}}}', "a UDP port is from 1 to 65535"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_a_remedy(saved: Saved, text: str, words: str) -> None:
    Path(saved.path("desired.json")).write_text(text)
    with pytest.raises(FastpathError, match=words):
        saved.interfaces()
    Path(saved.path("block.list")).write_text("192.0.2.300\n")
    with pytest.raises(FastpathError, match=r"block.list: it can't be read: .*192.0.2.300.* Run the play that made it again"):
        saved.entries("block")
