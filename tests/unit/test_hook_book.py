# SPDX-License-Identifier: GPL-3.0-or-later

"""What a hook may do, and what becomes of it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _hook_book, _lists
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._few import Few
from ansible_collections.vos.fastpath.plugins.module_utils._hook_book import Asked, Book, Policy
from ansible_collections.vos.fastpath.plugins.module_utils._hook_calls import parse_call
from ansible_collections.vos.fastpath.plugins.module_utils._local import Local, Note
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

POLICY = Policy(frozenset(["allow", "block"]), 86400, 100000)


class Hook:
    """A host with a hook, on which time passes as the test says."""

    def __init__(self, kernel: FakeKernel, local: Local, policy: Policy = POLICY) -> None:
        self.kernel, self.local = kernel, local
        self.now, self.monotonic = 1800000000.0, 5000.0
        self.book = Book(kernel, local, policy, lambda: (self.now, self.monotonic))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.monotonic += seconds

    def say(self, *lines: str) -> list[str]:
        """What is answered to lines that arrive together; nothing for done."""
        return [str(error or "") for error in self.book.answer([Asked(parse_call(line.encode()), "kamailio") for line in lines])]

    def decides(self, text: str) -> str | None:
        """The list that decides about a source in the kernel, at that time."""
        with Few(self.kernel) as few:
            return few.decides(parse_prefix(text), ticks_of(self.monotonic))

    def manage(self, name: str, text: str, seconds: float = 0.0) -> None:
        """Have an entry there as Ansible makes it."""
        tick = ticks_of(self.monotonic + seconds) if seconds else 0
        with Few(self.kernel) as few:
            few.put(parse_prefix(text), name, tick)

    def noted(self) -> dict[str, Note]:
        """What is in the file, by entry."""
        return {name: note for (_what, name), note in self.local.notes(self.now).items()}

    def entries(self) -> int:
        """How many there are in the kernel."""
        return sum(_lists.sizes(_lists.read(self.kernel)).values())


@pytest.fixture
def hook(kernel: FakeKernel, saved: Saved) -> Hook:
    return Hook(kernel, saved.local)


def test_a_source_is_allowed_at_once_and_noted_with_who_said_so(hook: Hook) -> None:
    assert hook.say("allow 192.0.2.7 3600 registered alice") == [""]
    assert hook.decides("192.0.2.7") == "allow"
    note = hook.noted()["192.0.2.7"]
    assert (note.what, note.value, note.comment, note.by) == ("allow", True, "registered alice", "hook kamailio")
    assert hook.now + 3600 <= note.until < hook.now + 3600 * 1.05 + 1


def test_many_at_once_are_done_in_their_order(hook: Hook) -> None:
    assert hook.say("block 192.0.2.7 60", "unblock 192.0.2.7", "allow 192.0.2.7 60", "block 2001:db8::/64 60") == [""] * 4
    assert (hook.decides("192.0.2.7"), hook.decides("2001:db8::7")) == ("allow", "block")
    assert {name: note.what for name, note in hook.noted().items()} == {"192.0.2.7": "allow", "2001:db8::/64": "block"}


def test_it_ends_by_itself_and_leaves_the_kernel(hook: Hook) -> None:
    hook.say("block 192.0.2.7 60", "block 192.0.2.8 600")
    hook.book.sweep()
    hook.wait(70)
    assert (hook.decides("192.0.2.7"), hook.entries()) == (None, 2)
    hook.book.sweep()
    assert (hook.noted().keys(), hook.entries()) == ({"192.0.2.8"}, 1)


def test_it_leaves_the_kernel_though_somebody_wrote_to_the_file_meanwhile(hook: Hook) -> None:
    hook.say("block 192.0.2.7 60")
    hook.wait(70)
    hook.local.record([Note("audit", "", True)])
    hook.book.sweep()
    assert hook.entries() == 0


def test_a_longer_time_counts_and_a_shorter_one_changes_nothing(hook: Hook) -> None:
    hook.say("allow 192.0.2.7 600")
    first = hook.noted()["192.0.2.7"].until
    size = os.stat(hook.local.path).st_size
    assert hook.say("allow 192.0.2.7 60", "allow 192.0.2.7 600") == ["", ""]
    assert os.stat(hook.local.path).st_size == size, "two hundred phones behind an address are not two hundred lines"
    hook.say("allow 192.0.2.7 1200")
    assert hook.noted()["192.0.2.7"].until > first + 500
    assert hook.entries() == 1


def test_taking_back_what_is_not_there_is_fine(hook: Hook) -> None:
    assert hook.say("unblock 192.0.2.7") == [""]
    assert hook.noted() == {}


def test_the_real_clock_is_the_default(kernel: FakeKernel, saved: Saved) -> None:
    book = Book(kernel, saved.local, POLICY)
    assert book.answer([Asked(parse_call(b"block 192.0.2.7 60"), "fail2ban")]) == [None]
    [note] = saved.local.notes().values()
    assert 0 < note.until - note.at < 70
    with Few(kernel) as few:
        tick = ticks_of(time.clock_gettime(time.CLOCK_MONOTONIC))
        assert few.decides(parse_prefix(note.name), tick) == "block"
        assert few.decides(parse_prefix(note.name), tick + 70 * ticks_per_second()) is None


def test_it_lives_on_when_the_hook_is_started_again(hook: Hook, kernel: FakeKernel) -> None:
    hook.say("block 192.0.2.7 600")
    again = Hook(kernel, hook.local)
    assert again.say("unblock 192.0.2.7") == [""]
    assert (again.decides("192.0.2.7"), again.noted()) == (None, {})


def test_what_the_kernel_lost_is_made_again(hook: Hook, kernel: FakeKernel) -> None:
    hook.say("allow 192.0.2.7 600")
    kernel.forget()
    assert hook.say("unallow 192.0.2.7", "allow 192.0.2.7 600") == ["", ""]
    assert hook.decides("192.0.2.7") == "allow"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("allow 192.0.2.0/24 60", "a hook names a source"),
        ("allow 2001:db8::/63 60", "a hook names a source"),
        ("block 192.0.2.7 90000", "for 86400 seconds at most"),
    ],
)
def test_what_no_hook_may_say(hook: Hook, line: str, words: str) -> None:
    assert words in hook.say(line)[0]
    assert hook.noted() == {}


def test_a_hook_may_only_use_the_lists_it_was_given(kernel: FakeKernel, saved: Saved) -> None:
    hook = Hook(kernel, saved.local, POLICY._replace(lists=frozenset(["allow"])))
    assert hook.say("allow 192.0.2.7 60", "block 192.0.2.8 60")[0] == ""
    assert "may not block" in hook.say("block 192.0.2.8 60")[0]


def test_there_is_an_end_to_what_hooks_make(kernel: FakeKernel, saved: Saved) -> None:
    hook = Hook(kernel, saved.local, POLICY._replace(max_entries=2))
    answers = hook.say("allow 192.0.2.7 60", "allow 192.0.2.8 60", "allow 192.0.2.9 60", "allow 192.0.2.7 600")
    assert ("no hook makes more" in answers[2], answers[:2], answers[3]) == (True, ["", ""], "")


def test_one_list_is_not_overruled_by_the_other(hook: Hook) -> None:
    """UDP sources can be forged: who makes a trusted one look bad must not get it blocked."""
    hook.manage("allow", "192.0.2.0/24")
    assert "it is on the allowlist" in hook.say("block 192.0.2.7 60")[0]
    hook.manage("block", "198.51.100.0/24")
    assert "it is on the blocklist" in hook.say("allow 198.51.100.7 60")[0]
    assert hook.noted() == {}


def test_what_ansible_manages_stays(hook: Hook) -> None:
    hook.manage("block", "192.0.2.7")
    assert hook.say("block 192.0.2.7 60") == [""]
    assert "Ansible put it on the blocklist" in hook.say("unblock 192.0.2.7")[0]
    hook.manage("block", "192.0.2.8", 30)
    assert "for less time" in hook.say("block 192.0.2.8 600")[0]
    assert (hook.decides("192.0.2.7"), hook.noted()) == ("block", {})


def test_what_ansible_put_there_meanwhile_stays_when_the_hook_takes_back(hook: Hook) -> None:
    hook.say("block 192.0.2.7 60")
    hook.manage("block", "192.0.2.7")
    assert hook.say("unblock 192.0.2.7") == [""]
    assert (hook.decides("192.0.2.7"), hook.noted()) == ("block", {})


def test_what_was_said_by_hand_stays(hook: Hook) -> None:
    hook.local.record([Note("block", "192.0.2.7", False, by="root"), Note("allow", "192.0.2.8", True, by="root")])
    for line in ("block 192.0.2.7 60", "unallow 192.0.2.8"):
        assert "somebody said by hand" in hook.say(line)[0]


def test_what_the_kernel_has_no_room_for_is_not_noted(hook: Hook, kernel: FakeKernel) -> None:
    hook.say("block 192.0.2.7 60")
    kernel.memory = 1
    answers = hook.say("block 192.0.2.8 60", "block 192.0.2.9 60")
    assert (answers[0], "ENOMEM" in answers[1]) == ("", True)
    assert hook.noted().keys() == {"192.0.2.7", "192.0.2.8"}


def test_what_the_kernel_refuses_to_give_up_keeps_nothing_else_from_being_noted(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOENT, "No such file or directory")

    hook.say("block 192.0.2.7 60")
    monkeypatch.setattr(Few, "take", refuse)
    answers = hook.say("block 192.0.2.8 60", "unblock 192.0.2.7", "block 192.0.2.9 60")
    assert ["ENOENT" in answer for answer in answers] == [False, True, False]
    assert hook.noted().keys() == {"192.0.2.7", "192.0.2.8", "192.0.2.9"}


def test_what_can_not_be_noted_is_taken_back(hook: Hook) -> None:
    """Else it would be there until the next restart, and then not."""
    hook.say("block 192.0.2.7 60", "block 192.0.2.6 60")
    before = hook.noted()
    os.chmod(Path(hook.local.path).parent, 0o777)
    answers = hook.say("block 192.0.2.7 600", "block 192.0.2.8 60", "unblock 192.0.2.6")
    assert len(answers) == 3 and all("only root can write to" in answer for answer in answers)
    os.chmod(Path(hook.local.path).parent, 0o755)
    assert [hook.decides(f"192.0.2.{number}") for number in (6, 7, 8)] == ["block", "block", None]
    assert hook.noted() == before
    hook.wait(70)
    assert [hook.decides(f"192.0.2.{number}") for number in (6, 7)] == [None, None]


def test_a_file_of_many_lines_is_shortened(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hook_book, "_SPARE_LINES", 3)
    for _round in range(3):
        hook.say("block 192.0.2.7 60", "unblock 192.0.2.7")
    hook.say("block 192.0.2.8 60")
    hook.book.sweep()
    assert Path(hook.local.path).read_text().count("\n") == 1
    assert hook.say("unblock 192.0.2.8") == [""]
    assert hook.noted() == {}
