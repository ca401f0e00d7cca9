# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/verdicts.md says what the ABI says, and knows every bound of the source."""

from __future__ import annotations

import re
from pathlib import Path

import harness
import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "verdicts.md").read_text(encoding="utf-8")
SLOTS = [key for key, _words in abi.COUNTERS]


def rows(columns: int) -> list[list[str]]:
    """Table rows with so many columns that start with a number."""
    split = ([cell.strip() for cell in line.strip("|").split("|")] for line in DOCUMENT.splitlines() if re.match(r"\| \d", line))
    return [cells for cells in split if len(cells) == columns]


def test_every_reason_is_there_as_the_abi_has_it() -> None:
    written = [(int(number), name.strip("`"), verdict, slot) for number, name, _row, verdict, slot in rows(5)]
    assert written == [
        (number, reason.name, reason.verdict, f"{SLOTS.index(reason.counter)}, {reason.counter}" if reason.counter else "not counted")
        for number, reason in enumerate(abi.REASONS)
    ]


def test_each_row_names_the_reasons_that_name_it() -> None:
    by_row = {int(number): set(re.findall(r"`(\w+)`", reasons)) for number, _condition, _verdict, reasons in rows(4)}
    assert sorted(by_row) == list(range(1, 22))
    named = {number: {name.strip("`") for _number, name, places, *_rest in rows(5) if str(number) in places.split(", ")} for number in by_row}
    assert named == by_row


@pytest.mark.parametrize(("words", "file", "definition"), [
    ("A CPU\n  remembers 64 new sources", "sip_rate.h", "#define NEW_SOURCES_PER_TICK 64"),
    ("after four expired prefixes", "sip_lists.h", "#define EXPIRED_PREFIXES_MAX 4"),
    ("65,536 sources are remembered", "sip_abi.h", "#define RATE_SOURCES_MAX 65536"),
    ("beyond byte 65,000", "sip_view.h", "#define VIEW_MAX 65000"),
    ("a fifth VLAN tag", "sip_frame.h", "#define VLAN_TAGS_MAX 4"),
    ("a ninth IPv6 extension header", "sip_frame.h", "#define EXTENSION_HEADERS_MAX 8"),
    ("more than 64 leading blanks", "sip_text.h", "#define BLANKS_MAX 64"),
    ("one longer than 128", "sip_text.h", "#define TOKEN_MAX 128"),
    ("a payload below 20 bytes", "sip_message.h", "#define SHORT_PAYLOAD 20"),
])  # fmt: skip
def test_bounds_are_those_of_the_source(words: str, file: str, definition: str) -> None:
    assert words in DOCUMENT
    assert definition in (harness.FILES / file).read_text(encoding="utf-8")
