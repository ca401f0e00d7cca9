# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists, changed in the way the modules do."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix


def prefixes(*texts: str) -> list[Prefix]:
    """Addresses and prefixes, from how people write them."""
    return [parse_prefix(text) for text in texts]


def change(kernel: Kernel, name: str, wanted: Iterable[Prefix], state: str, tick: int = 0) -> None:
    """Bring one list to what is wanted, until some tick: V(present), V(absent) or V(exact)."""
    keys: dict[str, dict[bytes, int]] = {table: {} for table in TABLES}
    for prefix in wanted:
        keys[prefix.table][prefix.key] = tick
    current = _lists.read(kernel)
    _lists.apply(kernel, current, _lists.plan(current, keys, name, state))


def listed(kernel: Kernel, name: str, *texts: str) -> None:
    """Put addresses and prefixes on a list."""
    change(kernel, name, prefixes(*texts), "present")


def set_expiry(kernel: Kernel, name: str, text: str, tick: int) -> None:
    """Put one entry on a list until some tick."""
    change(kernel, name, prefixes(text), "present", tick)


def hits(kernel: Kernel, text: str) -> int:
    """How many packets an entry decided."""
    return _counted(kernel, text)[0]


def last_seen(kernel: Kernel, text: str) -> int:
    """The tick of the last one."""
    return _counted(kernel, text)[1]


def _counted(kernel: Kernel, text: str) -> tuple[int, int]:
    (prefix,) = prefixes(text)
    opened = kernel.host_map(prefix.table)
    assert opened is not None
    with opened:
        value = opened.lookup(prefix.key)
    assert value is not None, f"{text} is not listed"
    *_head, packets, tick = LIST_ENTRY.unpack(value)
    return packets, tick
