#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_blocklist
short_description: Say which sources the SIP filter drops everything from
version_added: 0.1.0
description:
  - Changes the blocklist, the sources whose packets to a SIP port are all dropped.
  - The list is kept in the kernel and shared by all interfaces of the host. It takes effect at once, and it can be filled
    before a filter is attached.
  - When both lists name a source, the longer prefix wins; on a tie the blocklist wins.
  - Additions are made before removals, and what was on its way through a filter has left it in between, so that no packet meets a
    list that is only half there.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
  - vos.fastpath.lists
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  allow_controller:
    description:
      - Block also the address that the SSH connection of the play comes from (through a jump host, that of the jump host).
      - Without it, an entry that this address is in fails the task. One with the default gateway in it is only warned of.
    type: bool
    default: false
seealso:
  - module: vos.fastpath.xdp_allowlist
  - module: vos.fastpath.xdp_attach
"""

EXAMPLES = r"""
- name: Block a scanner and the network it lives in
  vos.fastpath.xdp_blocklist:
    entries:
      - 203.0.113.66
      - 2001:db8:bad::/48

- name: Block exactly these
  vos.fastpath.xdp_blocklist:
    entries:
      - 203.0.113.0/24
    state: exact

- name: Block exactly what a file on the controller says
  vos.fastpath.xdp_blocklist:
    src: blocklist.csv
    state: exact

- name: Block a scanner for an hour
  vos.fastpath.xdp_blocklist:
    entries:
      - 203.0.113.67
    expires: 3600

- name: Forgive
  vos.fastpath.xdp_blocklist:
    entries:
      - 203.0.113.66
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, in words; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample: ["add 192.0.2.7"]
added:
  description: The entries that were added, in their normal form; the first 1000 of them.
  returned: success
  type: list
  elements: str
added_count:
  description: How many were added.
  returned: success
  type: int
renewed_count:
  description: How many got another time of expiry.
  returned: success
  type: int
removed:
  description: The entries that were removed; the first 1000 of them.
  returned: success
  type: list
  elements: str
removed_count:
  description: How many were removed.
  returned: success
  type: int
duplicates:
  description: How many of the entries given were there twice.
  returned: success
  type: int
expired:
  description: How many of the entries given had expired already, and were left out.
  returned: success
  type: int
overlaps:
  description:
    - How many of the entries given lie within another one. They are kept, since the longer prefix outranks the other list.
    - Null where there are too many to say.
  returned: success
  type: int
remarks:
  description:
    - What was noticed about the entries given, with the reason, which were there twice, and which lie within another one; the first ten of
      each.
  returned: success
  type: list
  elements: str
  sample: ["feed.txt line 7: 192.0.2.7 was there before; the last one counts"]
hits:
  description: The entries of the list that decided about most packets, the first 1000 of them.
  returned: when O(hits=true)
  type: list
  elements: dict
  contains:
    entry:
      description: The address or prefix.
      returned: always
      type: str
    packets:
      description: How many packets it decided about.
      returned: always
      type: int
    last_seen:
      description: When the last of them came, seconds since 1970; null for never.
      returned: always
      type: float
    expires:
      description: When the entry expires, seconds since 1970; null for never.
      returned: always
      type: float
    comment:
      description: What this task or its file says about the entry; null for nothing.
      returned: always
      type: str
size:
  description: How many entries the list has now.
  returned: success
  type: int
local:
  description: What was changed of this list on the host by hand or by a hook, and was kept or removed, in words.
  returned: success
  type: dict
  contains:
    kept:
      description: What still holds.
      returned: always
      type: list
      elements: str
      sample: ["block 192.0.2.7 until 2026-11-23T12:00:00Z (alice, scanner)"]
    removed:
      description: What was taken back, in check mode what would be.
      returned: always
      type: list
      elements: str
"""

import functools

from ansible_collections.vos.fastpath.plugins.module_utils._list_task import BLOCKLIST_SPEC, list_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(BLOCKLIST_SPEC, functools.partial(list_task, "block"))


if __name__ == "__main__":
    main()
