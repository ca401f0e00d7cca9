# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Kamailio behind the filter answers no OPTIONS from a stranger, however it is written; without the filter it does.

VOS_FASTPATH_SEED repeats a run, VOS_FASTPATH_MUTANTS makes it longer.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.live.entries import listed
from ansible_collections.vos.fastpath.tests.live.kamailio import Kamailio, running
from ansible_collections.vos.fastpath.tests.live.mutants import BENDS, CARRIERS, V4, V6, mutants
from ansible_collections.vos.fastpath.tests.live.packets import headers, request, response, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

SEED = int(os.environ.get("VOS_FASTPATH_SEED") or random.randrange(1 << 32))
COUNT = int(os.environ.get("VOS_FASTPATH_MUTANTS") or 10000)
AT_A_TIME = 25
"""Up to four frames each: no queue overflows."""
PATIENCE = 20.0
FRIEND4, FRIEND6 = "198.51.100.99", "2001:db8:99::99"
NO_OPTIONS = {"STUN", "comma", "another method"}
"""Bends after which it isn't OPTIONS any more for Kamailio, but still a request that a talkative one answers."""


@pytest.fixture
def start(kamailio_root: Path | None, native: Box, tmp_path: Path) -> Iterator[Callable[..., Kamailio]]:
    """Starts Kamailio on the box."""
    if kamailio_root is None:
        pytest.skip("there is no Kamailio: apt can't download the package, or its libraries are missing")
    root = kamailio_root
    with ExitStack() as stack:
        yield lambda talkative=False: stack.enter_context(running(root, tmp_path, talkative))


class Conversation:
    """Mutants sent to the server, some at a time, each time followed by a call of which is known that it is answered."""

    def __init__(self, box: Box, callers: tuple[str, ...]) -> None:
        self._box = box
        self._callers = callers
        self.answered: set[str] = set()
        self.kinds: Counter[str] = Counter()

    def hold(self, silence: str = "") -> None:
        """Send all mutants. Where silence is expected, and what for, any answer is an error."""
        remaining = mutants(SEED, COUNT)
        while batch := list(islice(remaining, AT_A_TIME)):
            for frame in (frame for mutant in batch for frame in mutant.frames):
                self._box.send(frame)
            answers = self._up_to_a_call(batch[-1].call)
            calls = {call_id(answer) for answer in answers}
            culprits = [mutant for mutant in batch if mutant.call in calls]
            assert not (silence and answers), f"seed {SEED}, {silence}: {[*map(str, culprits or batch)]} answered by {answers}"
            self.answered |= calls
            self.kinds.update(kind for mutant in culprits for kind in mutant.kinds)

    def _up_to_a_call(self, name: str) -> list[bytes]:
        calls = {f"after-{name}-{source}": source for source in self._callers}
        for call, source in calls.items():
            self._box.send(udp(source, request(source, "INVITE", call)))
        deadline, found = time.monotonic() + PATIENCE, self._box.answers()
        while calls.keys() - {call_id(answer) for answer in found if b"SIP/2.0 486" in answer}:
            assert time.monotonic() < deadline, f"no answer to {calls}: {found}"
            found += self._box.answers()
        return [answer for answer in found if call_id(answer) not in calls]


def call_id(answer: bytes) -> str:
    """The Call-ID of an answer."""
    found = re.search(rb"Call-ID: (\S+)", answer)
    return found[1].decode() if found else repr(answer)


def test_no_mutant_of_options_is_answered(
    native: Box, start: Callable[..., Kamailio], note: Callable[[str], None]
) -> None:
    """Whatever becomes of malformed messages: stealth alone has to see through all of it. Other requests are answered."""
    start()
    control = Conversation(native, (V4, V6))
    control.hold()
    for scope in ("untrusted", "off", "all"):
        native.protect("native", Settings(malformed=scope))
        Conversation(native, (V4, V6)).hold(f"malformed: {scope}")
    note(f"{COUNT} mutants of OPTIONS (seed {SEED}): Kamailio answers {len(control.answered)}, behind the filter none")
    note(f"answered without it, by kind: {dict(sorted(control.kinds.items()))}")
    note(f"behind it, {3 * COUNT} mutants and the calls after them: {dict(native.counts())}")
    assert len(control.answered) > COUNT / 4
    assert control.kinds.keys() >= (BENDS.keys() | CARRIERS.keys()) - NO_OPTIONS
    assert native.counts()["stealth"] > COUNT


def test_no_mutant_gets_any_answer_where_only_known_peers_do(
    native: Box, start: Callable[..., Kamailio], note: Callable[[str], None]
) -> None:
    """A server that answers whatever it takes for SIP, and stealth for all methods."""
    start(talkative=True)
    control = Conversation(native, (FRIEND4, FRIEND6))
    control.hold()
    listed(native.kernel, "allow", FRIEND4, FRIEND6)
    for scope in ("untrusted", "all"):
        native.protect("native", Settings(("all",), scope))
        Conversation(native, (FRIEND4, FRIEND6)).hold(f"stealth: all, malformed: {scope}")
    note(f"{COUNT} mutants (seed {SEED}): a talkative Kamailio answers {len(control.answered)}, behind the filter none")
    note(f"answered without it, by kind: {dict(sorted(control.kinds.items()))}")
    assert len(control.answered) > COUNT / 3
    assert control.kinds.keys() >= BENDS.keys() | CARRIERS.keys()


LAWFUL = (
    request(V4, "INVITE", "plain"),
    b"invite sip:box@example.com SIP/2.0\r\n" + headers(V4, "lower-case", "invite"),
    b"\r\n\r\n" + request(V4, "INVITE", "after-blanks"),
    request(V4, "INVITE", "lines-end-with-LF").replace(b"\r\n", b"\n"),
    b"INVITE sip:+4930123456;npdi;rn=+4930999;" + b"x" * 400 + b"@example.com;user=phone SIP/2.0\r\n" + headers(V4, "long-URI", "INVITE"),
)


def test_lawful_requests_of_a_stranger_are_answered(native: Box, start: Callable[..., Kamailio]) -> None:
    start()
    native.protect("native", Settings(malformed="all"))
    assert native.send_counted(udp(V4, text) for text in LAWFUL) == {"request": len(LAWFUL)}
    assert {call_id(answer) for answer in answers(native, len(LAWFUL))} == {
        "plain", "lower-case", "after-blanks", "lines-end-with-LF", "long-URI",
    }


def test_responses_of_a_stranger_reach_the_server(native: Box, start: Callable[..., Kamailio]) -> None:
    """So its own OPTIONS are answered by whomever they are for."""
    server = start()
    native.protect("native")
    assert native.send_counted(udp(source, response(source, f"to-{source}")) for source in (V4, V6)) == {"response": 2}
    deadline = time.monotonic() + PATIENCE
    while sorted(server.responses()) != [f"to-{V4}", f"to-{V6}"]:
        assert time.monotonic() < deadline, server.responses()


def test_options_of_an_allowed_source_are_answered(native: Box, start: Callable[..., Kamailio]) -> None:
    start()
    native.protect("native")
    listed(native.kernel, "allow", FRIEND4, FRIEND6)
    assert native.send_counted(udp(source, request(source, call=source)) for source in (FRIEND4, FRIEND6)) == {"request": 2}
    found = answers(native, 2)
    assert {call_id(answer) for answer in found} == {FRIEND4, FRIEND6}
    assert all(b"SIP/2.0 200 OK" in answer for answer in found)


def answers(box: Box, count: int) -> list[bytes]:
    """Wait for so many."""
    deadline, found = time.monotonic() + PATIENCE, box.answers()
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found += box.answers()
    return found
