# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What C(xdp_allowlist) and C(xdp_blocklist) have in common."""

    DOCUMENTATION = r"""
options:
  entries:
    description:
      - IPv4 and IPv6 addresses and prefixes, for example V(192.0.2.7), V(198.51.100.0/24), V(2001:db8::/32).
      - An address with host bits set below its prefix length is refused, and with it the whole task.
      - Either this or O(src) has to be given, or both.
    type: list
    elements: str
  src:
    description:
      - A text file (UTF-8, at most 256 MiB) with entries, one per line, with comments behind C(#) or C(;); or CSV with address, time of
        expiry and comment; or JSON (at most 64 MiB), a list of texts or of objects with C(address) (or C(ip), C(prefix), C(cidr)),
        C(expires) and C(comment), or an object with one such list in it.
      - Of a comment the first 200 characters are kept; C(diff) and RV(hits) show them.
      - Times are seconds since 1970 or ISO 8601, and UTC where no zone is named.
      - A bad line is named, and nothing is changed.
    type: path
  remote_src:
    description:
      - Whether O(src) is on the managed host; else it is looked up on the controller, as by M(ansible.builtin.copy).
      - A file of the host, and the folders and links that lead to it, has to belong to root or to who became root by sudo, and nobody else may
        be able to write to it.
    type: bool
    default: false
  packed:
    description: What the action plugin makes of O(entries) and O(src) to move it compactly. Not for people.
    type: str
  expires:
    description:
      - Seconds after which, by the host's clock, the entries that have no time of their own expire; without it, never. Each run starts it anew.
      - The program ignores an expired entry; that it is removed when the list is made anew with O(state=exact) is no change.
    type: int
  hits:
    description: Whether to return how many packets each entry decided about.
    type: bool
    default: false
  state:
    description:
      - V(present) adds the entries, V(absent) removes them, V(exact) makes the list equal to them.
    type: str
    choices: [present, absent, exact]
    default: present
  local:
    description:
      - What happens with O(state=exact) to what was changed on the host by hand or by a hook, with C(vos-fastpath); V(keep) lays it
        over what the task says, V(remove) takes it back.
      - With V(present) and V(absent) the task has the last word about the entries that it names.
      - Nothing is known of such changes where M(vos.fastpath.xdp_host) was not run.
    type: str
    choices: [keep, remove]
    default: keep
"""
