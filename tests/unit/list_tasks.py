# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the task of a list on a kernel, as the tests of it do, and looking at what it made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._clock import seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

CONTROLLER = "198.51.100.7"
GATEWAY = "203.0.113.1"


def task(
    kernel: FakeKernel, name: str, entries: list[str] | None, state: str = "present", check: bool = False, warnings: Sequence[str] = (), **given: Any
) -> dict[str, Any]:
    params = parameters(f"xdp_{name}list", entries=entries, state=state, **given)
    result = list_task(name, params, check, kernel, lambda: CONTROLLER, gateways=lambda: [GATEWAY, "fe80::1"])
    assert result.pop("warnings") == list(warnings)
    return result


def gate_of(heads: _lists.Heads) -> bytes:
    """The sizes that the program is to go by where these are the entries."""
    return _lists.gates(heads, _lists.Changes({}, {}, {})).before


def texts(kernel: FakeKernel, name: str) -> list[str]:
    found = _lists.listed(_lists.read(kernel), name)
    return [str(prefix) for prefix in sorted(Prefix.from_key(table, key) for table, keys in found.items() for key in keys)]


def expiry(kernel: FakeKernel, name: str, text: str) -> float | None:
    """In how many seconds an entry expires."""
    prefix = parse_prefix(text)
    tick = _lists.expires_of(_lists.read(kernel)[prefix.table][prefix.key], name)
    return seconds_of(tick) - time.clock_gettime(time.CLOCK_MONOTONIC) if tick else None
