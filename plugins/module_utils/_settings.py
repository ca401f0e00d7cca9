# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator can choose about the filter, and its form in the kernel: C(sip_config) and C(sip_settings)."""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    CONFIG,
    CONFIG_AF_XDP,
    CONFIG_FRAGS,
    MALFORMED_SCOPES,
    METHODS,
    PORTS_MAX,
    SETTING_AUDIT,
    SETTINGS,
)
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("Config", "Settings")

_PORTS = struct.Struct("!%dH" % PORTS_MAX)
_REGISTERED = METHODS[1:]
_WORDS = {"OTHER": 1, "ALL": (1 << len(METHODS)) - 1}
_RATE_MAX = (1 << 32) - 1


class Config(t.NamedTuple):
    """What is fixed while a program is loaded; another value is another program."""

    ports: t.Tuple[int, ...] = (5060,)
    af_xdp: bool = True

    def check(self) -> Config:
        """Return it if the kernel can have it. Raises FastpathError."""
        for port in self.ports:
            if not 0 < port < 1 << 16:
                raise FastpathError("ports: %d" % port, "a UDP port is from 1 to 65535", "Name the ports SIP arrives on")
        if not 0 < len(set(self.ports)) <= PORTS_MAX:
            reason = "there are %d, and it takes 1 to %d" % (len(set(self.ports)), PORTS_MAX)
            raise FastpathError("ports", reason, "Name the ports SIP arrives on")
        return Config(tuple(sorted(set(self.ports))), self.af_xdp)

    def pack(self, frags: bool, hz: int) -> bytes:
        """Return C(struct sip_config) for a program loaded with or without frags, on a kernel with C(hz) ticks a second."""
        ports = _PORTS.pack(*self.ports, *(0,) * (PORTS_MAX - len(self.ports)))
        flags = (CONFIG_AF_XDP if self.af_xdp else 0) | (CONFIG_FRAGS if frags else 0)
        return CONFIG.pack(len(self.ports), ports, flags, hz)

    @classmethod
    def unpack(cls, raw: bytes) -> Config:
        """Read C(struct sip_config)."""
        count, ports, flags, _hz = _unpacked(CONFIG, raw)
        return cls(_PORTS.unpack(ports)[:count], bool(flags & CONFIG_AF_XDP))


class Settings(t.NamedTuple):
    """What can change while calls are up."""

    stealth: t.Tuple[str, ...] = ("OPTIONS",)
    malformed: str = "untrusted"
    audit: bool = False
    rate_limit: int = 0
    rate_burst: int = 1000

    def check(self) -> Settings:
        """Return it in its normal form. Raises FastpathError."""
        for name in self.stealth:
            _method_mask(name)
        for key in ("rate_limit", "rate_burst"):
            if not 0 <= getattr(self, key) <= _RATE_MAX:
                reason = "it has to be a number of requests from 0 to %d" % _RATE_MAX
                raise FastpathError("%s: %d" % (key, getattr(self, key)), reason, "A sane limit is 100, with a burst of 1000")
        if self.rate_limit and not self.rate_burst:
            raise FastpathError("rate_burst: 0", "with a rate limit it would drop every request", "A sane burst is 1000")
        return self.unpack(self.pack())

    def pack(self) -> bytes:
        """Return C(struct sip_settings)."""
        mask = 0
        for name in self.stealth:
            mask |= _method_mask(name)
        flags = SETTING_AUDIT if self.audit else 0
        return SETTINGS.pack(flags, mask, MALFORMED_SCOPES.index(self.malformed), self.rate_limit, self.rate_burst, 0)

    @classmethod
    def unpack(cls, raw: bytes) -> Settings:
        """Read C(struct sip_settings). Raises FastpathError where these can't be somebody's choice."""
        flags, mask, scope, rate, burst, _reserved = _unpacked(SETTINGS, raw)
        stealth = ("all",) if mask == _WORDS["ALL"] else tuple(m for i, m in enumerate(METHODS) if mask >> i & 1)
        found = cls(stealth, MALFORMED_SCOPES[scope % len(MALFORMED_SCOPES)], bool(flags & SETTING_AUDIT), rate, burst)
        if found.pack() != raw:  # bits that mean nothing
            reason = "nothing that can be chosen is %s, which somebody has written there" % raw.hex()
            raise FastpathError("xdp_settings", reason, "Set them anew with vos.fastpath.xdp_attach")
        return found


def _unpacked(layout: struct.Struct, raw: bytes) -> t.Tuple[t.Any, ...]:
    if len(raw) != layout.size:
        reason = "it is of another version of this collection"
        raise FastpathError("The filter that is attached", reason, "Upgrade it with vos.fastpath.xdp_attach")
    return layout.unpack(raw)


def _method_mask(name: str) -> int:
    upper = name.upper()
    if upper in _WORDS:
        return _WORDS[upper]
    if upper not in _REGISTERED:
        known = ", ".join(_REGISTERED)
        raise FastpathError("stealth: %s" % name, "it is no registered SIP method", "Use all, other, or of %s" % known)
    return 1 << METHODS.index(upper)
