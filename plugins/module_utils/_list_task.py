# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_allowlist and xdp_blocklist: one list made as wanted."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _entries, _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE
from ansible_collections.vos.fastpath.plugins.module_utils._attachments import attachments
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, in_ticks, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._controller import controller_address, default_gateways
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._gate import is_wrong
from ansible_collections.vos.fastpath.plugins.module_utils._keep_list import ListKeeper
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._list_result import describe, hits
from ansible_collections.vos.fastpath.plugins.module_utils._paths import invoking_user, require_trusted
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved

__all__ = ("ALLOWLIST_SPEC", "BLOCKLIST_SPEC", "expiry", "list_task")

_SPEC: t.Dict[str, t.Any] = {
    "entries": {"type": "list", "elements": "str"},
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "packed": {"type": "str", "no_log": True},  # megabytes are nothing for the journal, nor for the way back
    "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
    "expires": {"type": "int"},
    "hits": {"type": "bool", "default": False},
    "local": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
}
ALLOWLIST_SPEC = dict(_SPEC, allow_empty={"type": "bool", "default": False})
BLOCKLIST_SPEC = dict(_SPEC, allow_controller={"type": "bool", "default": False})

_LONGEST = 100 * 365 * 86400
_SLACK = 2.0  # seconds; clocks are set, and a time is given in seconds


def expiry(seconds: t.Optional[int]) -> float:
    """Return when what lasts so many seconds expires (seconds since 1970, 0 for never). Raises FastpathError."""
    if seconds is None:
        return 0.0
    if not 0 < seconds <= _LONGEST:
        raise FastpathError("expires: %d" % seconds, "it has to be 1 to %d seconds" % _LONGEST, "Leave it out for no end")
    return time.time() + seconds


def list_task(
    name: str,
    params: t.Dict[str, t.Any],
    check: bool,
    kernel: t.Optional[Kernel] = None,
    controller: t.Callable[[], t.Optional[str]] = controller_address,
    saved: t.Optional[Saved] = None,
    gateways: t.Callable[[], t.Sequence[str]] = default_gateways,
) -> t.Dict[str, t.Any]:
    """Change the list V(allow) or V(block), and say what was done. Raises FastpathError before any change."""
    kernel = kernel or Kernel()
    found = _wanted(params)
    expired = _entries.drop_expired(found.wanted, time.time()) if params["state"] != "absent" else 0
    keeper = ListKeeper(saved or Saved(), name, found, params["state"], params["local"])
    warnings: t.List[str] = []
    if name == "block" and params["state"] != "absent":
        if not params["allow_controller"]:
            _check_controller(found.wanted, controller())
        warnings += _gateways_in(found.wanted, gateways())
    overlaps, remarks = _entries.overlaps(found.wanted)
    report = {"duplicates": found.duplicates, "expired": expired, "overlaps": overlaps, "remarks": found.remarks + remarks, "warnings": warnings}
    comments, ticks = found.comments, in_ticks(found.wanted)
    del found  # of a million entries it is 100 MB
    current = _lists.read(kernel)
    changes = _lists.plan(current, ticks, name, params["state"], int(_SLACK * ticks_per_second()))
    gates = _lists.gates(current, changes)
    size = GATE.unpack(gates.after)[-2:][0 if name == "allow" else 1]
    if name == "allow" and not params["allow_empty"] and not _lists.leaves_allowed(current, changes, current_tick()):
        _check_stealth(kernel)
    repair = is_wrong(kernel, gates.before)
    if (repair or changes or keeper.differs) and not check:
        with keeper.kept():
            if repair or changes:
                _lists.apply(kernel, current, changes, gates)
    told = _without_expired(current, changes, name) if params["state"] == "exact" else changes
    result = describe(name, current, told, comments, repair)
    result.update(report, size=size)
    keeper.tell(result)
    if params["hits"]:
        result["hits"] = hits(kernel, name, comments)
    return result


def _without_expired(current: _lists.Heads, changes: _lists.Changes, name: str) -> _lists.Changes:
    """Return the changes without the entries that go since they have expired: for the program they are gone already."""
    past = _lists.run_out(current, changes, name, current_tick())
    left = {table: {key: head for key, head in heads.items() if key not in past[table]} for table, heads in changes.remove.items()}
    return changes._replace(remove=left)


def _wanted(params: t.Dict[str, t.Any]) -> _entries.Collected:
    """Return what is wanted: packed by the controller, or in words; with what is in a file on this host."""
    if all(params[key] is None for key in ("entries", "src", "packed")):
        raise FastpathError("entries", "neither entries nor src says what the list is about", "Name one of them")
    expires = expiry(params["expires"])
    feed: t.Iterable[_entries.Item] = ()
    if params["src"] is not None:
        from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed, read_text

        require_trusted(params["src"], "Let it and the folders that it is in belong to root, and nobody else write to them", invoking_user())
        feed = read_feed(params["src"], read_text(params["src"]), expires)
    if params["packed"] is None:
        return _entries.collect(params["entries"], feed, expires)
    return _entries.add(_entries.unpack(params["packed"], expires), feed)


def _check_controller(wanted: _entries.Wanted, address: t.Optional[str]) -> None:
    """Refuse to block the machine that the play runs on."""
    covering = _entries.covers(wanted, address) if address else None
    if covering:
        raise FastpathError(
            covering,
            "the controller itself (%s) would be blocked" % address,
            "Take it out, or set allow_controller=true if this is meant. Nothing was changed",
        )


def _gateways_in(wanted: _entries.Wanted, addresses: t.Iterable[str]) -> t.Iterator[str]:
    """Say where everything that a gateway translates to its own address would be dropped."""
    for address in addresses:
        covering = _entries.covers(wanted, address)
        if covering:
            yield "%s: the default gateway (%s) is in it. If it translates addresses, all calls come from there and are dropped" % (covering, address)


def _check_stealth(kernel: Kernel) -> None:
    """Refuse to take the last entry away from under a filter that drops requests from everybody else."""
    from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings

    for interface, program in attachments(kernel):
        if not program.ours:
            continue
        stealth = Settings.unpack(kernel.read_first(program.maps["xdp_settings"])).stealth
        if stealth:
            raise FastpathError(
                "entries",
                "the allowlist would be empty (what has expired does not count), "
                "and %s drops %s from everybody who is not on it" % (interface.name, ", ".join(stealth)),
                "Keep an entry, or set allow_empty=true if this is meant. Nothing was changed",
            )
