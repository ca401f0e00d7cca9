# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices that get the packets of a named one, where XDP in the driver belongs."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import NoInterface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_surveying import SurveyingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import RELAYS, bond_refuses
from ansible_collections.vos.fastpath.plugins.module_utils._stack import above, carrying

__all__ = ("carried", "carriers", "left_out", "resolve")


def resolve(kernel: SurveyingKernel, names: t.Sequence[str]) -> t.Dict[str, t.List[str]]:
    """Return the devices that are to carry the filter, each with the names it does so for. Raises FastpathError."""
    found: t.Dict[str, t.List[str]] = {}
    for name in names:
        for carrier in _carriers(kernel, kernel.device(kernel.interface(name))):
            found.setdefault(carrier, []).append(name)
    return found


def carriers(kernel: SurveyingKernel, names: t.Sequence[str]) -> t.Dict[str, t.List[str]]:
    """Return the devices that carry it now: what is on or below the names, else what they resolve to; a name that is no more is its own."""
    found: t.Dict[str, t.List[str]] = {}
    for name in names:
        try:
            devices = carrying(kernel, name) or _carriers(kernel, kernel.device(kernel.interface(name)))
        except NoInterface:
            devices = [name]
        for carrier in devices:
            found.setdefault(carrier, []).append(name)
    return found


def carried(carrier: str, names: t.Sequence[str]) -> t.List[str]:
    """Return what an operator should know of a device that carries the filter for others."""
    others = [name for name in names if name != carrier]
    if not others:
        return []
    return ["carries the filter for %s; SIP of everything else that is above %s is filtered too" % (", ".join(others), carrier)]


def left_out(kernel: SurveyingKernel, name: str, names: t.Container[str]) -> t.List[str]:
    """Say of a slave of a bond which of the others are left out: a flow comes in by any of them, and after a failure all of them do.

    C(names) are those that have our filter, or get it.
    """
    found = []
    for bond in (kernel.device(upper) for upper in above(kernel, name)):
        others = [each for each in bond.lowers if each not in names and not carrying(kernel, each)] if bond.kind == "bond" else []
        if others:
            words = "it is a slave of %s, and what comes in by %s is not filtered. Name them too, or %s in place of them"
            found.append(words % (bond.interface.name, ", ".join(others), bond.interface.name))
    return found


def _carriers(kernel: SurveyingKernel, device: Device) -> t.List[str]:
    name = device.interface.name
    if not (device.kind in RELAYS or device.kind == "bond" and bond_refuses(device, kernel.release())):
        return [name]
    ports = [kernel.device(kernel.interface(lower)) for lower in device.lowers]
    if not ports:
        reason = "nothing is below it in this network namespace that could carry the filter"
        raise FastpathError(name, reason, "Name the interface that SIP arrives on, or set resolve=false")
    # What a bridge hands to its guests comes in by the ports that have a wire: guests are not to be filtered as well.
    wired = [port for port in ports if port.hardware or port.lowers] if device.kind == "bridge" else []
    return [carrier for port in wired or ports for carrier in _carriers(kernel, port)]
