# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attaching over rtnetlink (pyroute2), in the kernel's own compare-and-swap way, with the kernel's own words on errors.

Importing pyroute2 takes a fifth of a second, so that only a change of an attachment imports it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("MODE_FLAGS", "NOTHING", "Refused", "attach", "prepare")

MODE_FLAGS = {"generic": 1 << 1, "native": 1 << 2, "offload": 1 << 3}
"""C(XDP_FLAGS_*_MODE), linux/if_link.h."""
NOTHING = -1
"""As the new program: detach. As the expected one: none is attached."""

_REPLACE = 1 << 4
_REMEDY = "Install python3-pyroute2 on this host (the role vos_fastpath does)"


class Refused(Exception):
    """The kernel said no: the errno, and its words (the extended acknowledgement where it gave one)."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


def attach(ifindex: int, mode: str, prog_fd: int, expected_fd: int = NOTHING) -> None:
    """Put a program on the interface in place of exactly the expected one. Raises Refused."""
    pyroute2 = _pyroute2()
    attributes = [
        ("IFLA_XDP_FD", prog_fd),
        ("IFLA_XDP_FLAGS", MODE_FLAGS[mode] | _REPLACE),
        ("IFLA_XDP_EXPECTED_FD", expected_fd),
    ]
    with pyroute2.IPRoute(ext_ack=True) as netlink:
        try:
            netlink.link("set", index=ifindex, xdp={"attrs": attributes})
        except pyroute2.NetlinkError as error:
            raise Refused(error.code, str(error.args[-1])) from error


def prepare() -> None:
    """Import what attaching needs, while there is something to import from. Raises FastpathError."""
    _pyroute2()


def _pyroute2() -> t.Any:
    try:
        import pyroute2
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    except ImportError as error:
        raise FastpathError("pyroute2", "it can't be imported (%s)" % error, _REMEDY) from error
    # Before 0.9.1 this is a big-endian u16, which the kernel answers with ERANGE.
    ifinfmsg.xdp.xdp_flags.fields = [("value", "I")]
    return pyroute2
