#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_stats
short_description: Gather what the SIP filter counted
version_added: 0.1.0
description:
  - Reads the counters of the filter from the kernel and returns them as facts, with the interface's own statistics, the
    mode and the settings beside them.
  - With O(query) it returns the answer to a JMESPath expression (U(https://jmespath.org)) instead, evaluated on the controller.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
requirements:
  - jmespath on the controller, for O(query) only
attributes:
  check_mode:
    support: full
    details:
      - It only reads.
  diff_mode:
    support: none
options:
  interfaces:
    description: The interfaces to read. Without it, all that carry an XDP program.
    type: list
    elements: str
    aliases: [interface]
  query:
    description:
      - A JMESPath expression on C(vos_fastpath), for example V(counters.options_dropped) or
        V(values(interfaces\)[].counters.passed).
    type: str
seealso:
  - module: vos.fastpath.xdp_attach
"""

EXAMPLES = r"""
- name: Gather the counters
  vos.fastpath.xdp_stats:

- name: Ask how many probes were dropped
  vos.fastpath.xdp_stats:
    query: counters.options_dropped
  register: dropped

- name: Ask for the interfaces in generic mode
  vos.fastpath.xdp_stats:
    query: values(interfaces)[?mode=='generic'].ifindex
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: when O(query) is not given
  type: dict
  contains:
    vos_fastpath:
      description: What the filter counted since it was first attached.
      returned: always
      type: dict
      contains:
        counters:
          description: The five counters of the report (packets), over the interfaces below.
          returned: always
          type: dict
          sample: {options_dropped: 1200, redirected: 0, passed: 88123, blocked: 17, malformed: 4}
        lists:
          description: How many entries the allowlist (C(allow)) and the blocklist (C(block)) have.
          returned: always
          type: dict
        interfaces:
          description: By name of the interface.
          returned: always
          type: dict
          contains:
            attached:
              description: Whether our program is attached.
              returned: always
              type: bool
            mode:
              description: V(native), V(generic) or V(offload); null without a program.
              returned: always
              type: str
            prog_id:
              description: The kernel's number of the program; null without one.
              returned: always
              type: int
            tag:
              description: The kernel's digest of its instructions; null without a program.
              returned: always
              type: str
            uptime:
              description: Seconds since this program was loaded; null without one.
              returned: always
              type: float
            ifindex:
              description: The kernel's number of the interface.
              returned: always
              type: int
            driver:
              description: The driver behind it, as ethtool names it; V(virtual) where there is none that says.
              returned: always
              type: str
            statistics:
              description: The interface's own counters (C(/sys/class/net/<name>/statistics)), packets and bytes.
              returned: always
              type: dict
            counters:
              description: The five counters of the report, packets; empty where our program is not attached.
              returned: always
              type: dict
            counters_map_id:
              description: The kernel's number of the map C(xdp_counters).
              returned: when our program is attached
              type: int
            reasons:
              description: Packets and bytes by reason of the verdict (docs/verdicts.md).
              returned: when our program is attached
              type: dict
            would_drop:
              description: The same for what audit mode would have dropped.
              returned: when our program is attached
              type: dict
            methods:
              description: Requests by method.
              returned: when our program is attached
              type: dict
            ports:
              description: >-
                As the option of M(vos.fastpath.xdp_attach), as it is in the kernel; likewise C(af_xdp), C(stealth), C(malformed),
                C(audit), C(rate_limit), C(rate_burst).
              returned: when our program is attached
              type: list
              elements: int
answer:
  description: What O(query) evaluates to.
  returned: when O(query) is given
  type: raw
  sample: 1200
"""

from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import ARGUMENT_SPEC, stats_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, stats_task, reads_only=True)


if __name__ == "__main__":
    main()
