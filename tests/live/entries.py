# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists, changed in the way the modules do."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefixes


def change(kernel: Kernel, name: str, wanted: Sequence[Prefix], state: str) -> None:
    """Bring one list to what is wanted: V(present), V(absent) or V(exact)."""
    current = _lists.read(kernel)
    _lists.apply(kernel, current, _lists.after(current, name, _lists.plan(current, wanted, name, state)))


def listed(kernel: Kernel, name: str, *texts: str) -> None:
    """Put addresses and prefixes on a list."""
    change(kernel, name, parse_prefixes(texts), "present")


def set_expiry(kernel: Kernel, name: str, text: str, tick: int) -> None:
    """Put one entry on a list until some tick."""
    listed(kernel, name, text)
    (prefix,) = parse_prefixes([text])
    current = _lists.read(kernel)
    entry = current[prefix]._replace(**{name + "_expires": tick})
    _lists.apply(kernel, current, {**current, prefix: entry})


def hits(kernel: Kernel, text: str) -> int:
    """How many packets an entry decided."""
    return _entry(kernel, text).hits


def last_seen(kernel: Kernel, text: str) -> int:
    """The tick of the last one."""
    return _entry(kernel, text).last_seen


def _entry(kernel: Kernel, text: str) -> _lists.Entry:
    (prefix,) = parse_prefixes([text])
    return _lists.read(kernel)[prefix]
