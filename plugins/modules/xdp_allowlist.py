#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_allowlist
short_description: Say which sources the SIP filter trusts
version_added: 0.1.0
description:
  - Changes the allowlist, the sources whose requests are neither hidden from (O(vos.fastpath.xdp_attach#module:stealth)) nor
    limited in rate. Trunks, registrars, monitoring, and the office belong on it.
  - The list is kept in the kernel and shared by all interfaces of the host. It takes effect at once, and it can be filled
    before a filter is attached.
  - When both lists name a source, the longer prefix wins; on a tie the blocklist wins.
  - Additions are made before removals, so that no packet meets a list that is only half there.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  entries:
    description:
      - IPv4 and IPv6 addresses and prefixes, for example V(192.0.2.7), V(198.51.100.0/24), V(2001:db8::/32).
      - An address with host bits set below its prefix length is refused, and with it the whole task.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present) adds the entries, V(absent) removes them, V(exact) makes the list equal to them.
    type: str
    choices: [present, absent, exact]
    default: present
  allow_empty:
    description: Let the allowlist become empty although a filter with stealth on is attached.
    type: bool
    default: false
seealso:
  - module: vos.fastpath.xdp_blocklist
  - module: vos.fastpath.xdp_attach
"""

EXAMPLES = r"""
- name: Trust a trunk and the monitoring
  vos.fastpath.xdp_allowlist:
    entries:
      - 192.0.2.0/24
      - 2001:db8:1::/48
      - 198.51.100.7

- name: Trust these and nobody else
  vos.fastpath.xdp_allowlist:
    entries:
      - 192.0.2.0/24
    state: exact
"""

RETURN = r"""
actions:
  description: What was done, in words; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample: ["add 192.0.2.7"]
added:
  description: The entries that were added, in their normal form.
  returned: success
  type: list
  elements: str
removed:
  description: The entries that were removed.
  returned: success
  type: list
  elements: str
duplicates:
  description: How many of the entries given were there twice.
  returned: success
  type: int
size:
  description: How many entries the list has now.
  returned: success
  type: int
"""

import functools

from ansible_collections.vos.fastpath.plugins.module_utils._list_task import ALLOWLIST_SPEC, list_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ALLOWLIST_SPEC, functools.partial(list_task, "allow"))


if __name__ == "__main__":
    main()
