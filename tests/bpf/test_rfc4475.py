# SPDX-License-Identifier: GPL-3.0-or-later

"""The torture messages of RFC 4475: what a server has to see, it sees.

Nearly all of them are for the server to answer, be it with an error: a filter that drops them breaks lawful peers. Only
what has no SIP start line at all may go. Sections are those of the RFC.
"""

from __future__ import annotations

import os
from pathlib import Path

import frames
import harness
import pytest
from model import Model, Settings

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VOS_FASTPATH_RFC4475", CHECKOUT.parent / "shared" / "data" / "rfc4475"))
"""One file for each message, the payload of one datagram. They are not ours to pass on, so they lie beside the checkout."""

MESSAGES = sorted(FOLDER.glob("*.dat"))
if not MESSAGES:
    pytest.skip(f"no messages of RFC 4475 in {FOLDER}: name their folder in VOS_FASTPATH_RFC4475", allow_module_level=True)

NO_VERSION = "test"
"""The one message that the RFC does not have: an INVITE of RFC 2543's time, whose start line has no version."""


def expected(message: Path, trusted: bool) -> str:
    start = message.read_bytes()
    if start.startswith(b"SIP/"):
        return "response"
    if start.startswith(b"OPTIONS ") and not trusted:
        return "stealth"
    if message.stem == NO_VERSION and not trusted:
        return "malformed_start_line"
    return "request"


def test_all_are_there() -> None:
    assert len(MESSAGES) >= 49


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("message", MESSAGES, ids=lambda path: path.stem)
def test_message(program: harness.Program, message: Path, trusted: bool) -> None:
    if trusted:
        program.list(frames.OUTSIDE4, allow=harness.FOREVER)
    reason = expected(message, trusted)
    assert program.run(frames.sip4(message.read_bytes()[:3400])) == ("drop" if reason in ("stealth", "malformed_start_line") else "pass")
    assert program.counts().reasons == {reason: 1}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda path: path.stem)
def test_the_model_agrees(message: Path) -> None:
    assert Model(Settings()).judge(frames.sip4(message.read_bytes())).reason == expected(message, trusted=False)
