# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_attach: its parameters, and its result as documented."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._controller import controller_address, own_address
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._keep import InterfaceKeeper
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._levels import carried, carriers, resolve
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Outcome, Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

__all__ = ("ARGUMENT_SPEC", "LATER", "attach_task")

OBJECT = "/var/lib/vos-fastpath/build/sip_logic.bpf.o"
LATER = "later"
"""What the action plugin says which is going to confirm."""
Controller = t.Callable[[], t.Optional[str]]
_CONFIG, _SETTINGS = Config(), Settings()

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "interfaces": {"type": "list", "elements": "str", "required": True, "aliases": ["interface"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "mode": {"type": "str", "choices": ["auto", "native", "generic", "offload"], "default": "auto"},
    "object": {"type": "path", "default": OBJECT},
    "ports": {"type": "list", "elements": "int", "default": list(_CONFIG.ports)},
    "af_xdp": {"type": "bool", "default": _CONFIG.af_xdp},
    "stealth": {"type": "list", "elements": "str", "default": list(_SETTINGS.stealth)},
    "malformed": {"type": "str", "choices": ["off", "untrusted", "all"], "default": _SETTINGS.malformed},
    "audit": {"type": "bool", "default": _SETTINGS.audit},
    "rate_limit": {"type": "int", "default": _SETTINGS.rate_limit},
    "rate_burst": {"type": "int", "default": _SETTINGS.rate_burst},
    "allow_empty_allowlist": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "keep_lists": {"type": "bool", "default": True},
    "rollback_after": {"type": "int", "default": 30},
    "confirm": {"type": "str"},
    "resolve": {"type": "bool", "default": False},
    "local": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
}


def attach_task(
    params: t.Dict[str, t.Any],
    check: bool,
    kernel: t.Optional[AttachingKernel] = None,
    controller: Controller = controller_address,
    saved: t.Optional[Saved] = None,
    own: Controller = own_address,
) -> t.Dict[str, t.Any]:
    """Attach or detach, and say what was done. Raises FastpathError."""
    kernel, saved = kernel or AttachingKernel(), saved or Saved()
    if params["confirm"] not in (None, LATER):
        return {"changed": False, "rolled_back": _confirmed(kernel, saved, params["confirm"])}
    names = list(dict.fromkeys(params["interfaces"]))
    if not names:
        raise FastpathError("interfaces", "the list is empty", "Name the interfaces that SIP arrives on")
    wanted = _wanted(params)
    if params["confirm"] == LATER and wanted.rollback_after:
        wanted = wanted._replace(controller=controller(), reached_at=own())
    present = params["state"] == "present"
    carries = {name: [name] for name in names}
    if params["resolve"]:
        carries = resolve(kernel, names) if present else carriers(kernel, names)
    keeper = InterfaceKeeper(saved)
    if present:
        live = keeper.want(carries, wanted, params["local"])
        outcomes = _kept(keeper, check, lambda: attach(kernel, list(carries), live, check))
    else:
        keeper.drop(carries, params["keep_lists"])
        outcomes = _kept(keeper, check, lambda: detach(kernel, list(carries), params["force"], params["keep_lists"], check, keeper.names))
    result = _result(outcomes, carries)
    keeper.tell(result)
    return result


def _confirmed(kernel: AttachingKernel, saved: Saved, token: str) -> t.Optional[str]:
    """Have a change stay, and what is saved with it. Returns what became of it if it was too late."""
    rolled_back = kernel.confirm(token)
    if rolled_back is None:
        saved.confirmed()
    saved.settle(kernel.unconfirmed())
    return rolled_back


def _kept(keeper: InterfaceKeeper, check: bool, act: t.Callable[[], t.List[Outcome]]) -> t.List[Outcome]:
    """Do it, and keep what is wanted for it unless this is check mode."""
    if check:
        return act()
    with keeper.kept() as outcomes:
        outcomes += act()
    return outcomes


def _wanted(params: t.Dict[str, t.Any]) -> Wanted:
    config = Config(tuple(params["ports"]), params["af_xdp"]).check()
    settings = Settings(
        tuple(params["stealth"]), params["malformed"], params["audit"], params["rate_limit"], params["rate_burst"]
    ).check()
    seconds = params["rollback_after"]
    if seconds < 0:
        raise FastpathError("rollback_after: %d" % seconds, "it is a number of seconds", "Use 30, or 0 for no timer")
    force, allow = params["force"], params["allow_empty_allowlist"]
    return Wanted(params["object"], params["mode"], config, settings, force, allow, rollback_after=seconds)


def _result(outcomes: t.Sequence[Outcome], carries: t.Mapping[str, t.Sequence[str]]) -> t.Dict[str, t.Any]:
    actions = [action for outcome in outcomes for action in outcome.actions]
    before = {outcome.before.interface.name: outcome.before.describe() for outcome in outcomes}
    after = {outcome.before.interface.name: outcome.after for outcome in outcomes}
    interfaces = {}
    for outcome in outcomes:
        interface = outcome.before.interface
        interfaces[interface.name] = {
            "ifindex": interface.ifindex,
            "driver": interface.driver,
            **outcome.after,
            "native_refused": outcome.native_refused,
            "actions": list(outcome.actions),
            "carries": list(carries[interface.name]),
            "notes": [*carried(interface.name, carries[interface.name]), *outcome.notes, *outcome.warnings],
        }
    warnings = ["%s: %s" % (outcome.before.interface.name, words) for outcome in outcomes for words in outcome.warnings]
    tokens = {outcome.rollback for outcome in outcomes if outcome.rollback}
    return {
        "changed": bool(actions),
        **({"rollback": {"token": tokens.pop()}} if tokens else {}),
        **({"warnings": warnings} if warnings else {}),
        "actions": actions,
        "interfaces": interfaces,
        "diff": {"before": before, "after": after},
    }
