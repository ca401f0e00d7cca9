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
  - On a terminal (C(ansible sbcs -m vos.fastpath.xdp_stats)) only the RV(summary) is printed; C(-v) prints the facts, too, and
    C(-a query=@) prints them alone.
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
      - Without O(reset) it only reads.
  diff_mode:
    support: full
    details:
      - Shows the counters that O(reset) zeroes.
  idempotent:
    support: full
    details:
      - With O(reset) there is no change where nothing was counted since the last one.
options:
  interfaces:
    description: >-
      The interfaces to read. One whose filter is on a device below it (a VLAN device, a bridge, a bond) stands for that.
      Without it, all that carry an XDP program.
    type: list
    elements: str
    aliases: [interface]
  interval:
    description:
      - How long to count for rates, in seconds. It reads twice, this long apart; V(0) reads once and gives no rates.
      - From 0 to 3600; the rates are made with the time that it really took.
    type: float
    default: 0.0
  top:
    description: How many of the sources that are dropped most to return, of each interface and of the host; V(0) for none.
    type: int
    default: 10
  reset:
    description:
      - Zero what the filters of these interfaces have counted, and forget whom they dropped; the lists, the settings and the
        interface's own statistics are left alone.
      - The facts are what was there until then. Each number is read and zeroed in one step on the CPU that counts it, so
        that no packet is lost in between or counted twice. Kernel 5.12 or later is needed for it.
      - Programs that compute rates of the counters see them start again.
    type: bool
    default: false
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

- name: Ask how many packets are dropped per second, and who sends most of them
  vos.fastpath.xdp_stats:
    interval: 0.5
    top: 3
    query: "{dropped: rates.counters.[options_dropped, blocked, malformed], sources: top_sources[].[address, packets]}"
  register: flood

- name: Begin to count anew, and keep what was counted until now
  vos.fastpath.xdp_stats:
    reset: true
  register: last_period

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
      description: What the filter counted since it was first attached, or since the last O(reset).
      returned: always
      type: dict
      contains:
        counters:
          description: The five counters of the report (packets), over the interfaces below.
          returned: always
          type: dict
          sample: {options_dropped: 1200, redirected: 0, passed: 88123, blocked: 17, malformed: 4}
        reasons:
          description: Packets and bytes (of whole frames) by reason of the verdict (docs/verdicts.md), over the interfaces below.
          returned: always
          type: dict
          sample: {stealth: {packets: 1200, bytes: 494400}}
        would_drop:
          description: The same for what audit mode would have dropped.
          returned: always
          type: dict
        methods:
          description: Requests by method, over the interfaces below.
          returned: always
          type: dict
          sample: {OPTIONS: 1200, INVITE: 311, other: 0}
        interval:
          description: Seconds between the two readings that the rates are made of; V(0) with one reading.
          returned: always
          type: float
          sample: 1.0
        rates:
          description:
            - C(counters), C(reasons), C(would_drop) and C(methods) per second, over the interfaces below; null without O(interval).
            - Counters that went back in between were begun anew (a reset, another filter), so what is there came since then.
          returned: always
          type: dict
          sample: {counters: {options_dropped: 20.0, redirected: 0.0, passed: 311.5, blocked: 0.0, malformed: 0.0}}
        top_sources:
          description:
            - Who is dropped most (or would be, in audit mode), of the interfaces below together; the heaviest first.
            - Of some 1,000 sources at a time the filter keeps count, those that send most; C(packets) is at most what was
              dropped, and is exact where no other source fell into the same slot.
          returned: always
          type: list
          elements: dict
          sample: [{address: 198.18.0.2, packets: 1200, reason: stealth, last_seen: "2026-11-23T03:45:37Z", seconds_ago: 0.3}]
          contains: &source
            address:
              description: IPv4 or IPv6 address.
              returned: always
              type: str
            packets:
              description: Dropped packets.
              returned: always
              type: int
            reason:
              description: The reason of the latest.
              returned: always
              type: str
            last_seen:
              description: When that was, ISO 8601 in UTC.
              returned: always
              type: str
            seconds_ago:
              description: How long ago that was.
              returned: always
              type: float
        lists:
          description: How many entries the allowlist (C(allow)) and the blocklist (C(block)) have.
          returned: always
          type: dict
          sample: {allow: 2, block: 100000}
        tables:
          description:
            - The four tables that both lists are in (hosts and prefixes of IPv4 and IPv6), with how many entries each has (C(entries)),
              how many it can have (C(capacity)), and how full it is, from 0 to 1 (C(fill)).
          returned: always
          type: dict
          sample: {hosts_v4: {entries: 100002, capacity: 1048576, fill: 0.0954}}
        interfaces:
          description: By name of the interface; of what carries the filter, where one of O(interfaces) is above that.
          returned: always
          type: dict
          contains:
            carries:
              description: The names of O(interfaces) that this one stands for; its own where none were given.
              returned: always
              type: list
              elements: str
              sample: [bond0.100]
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
            rates:
              description:
                - As above, of this interface, with C(statistics) (C(rx_packets), C(rx_bytes), C(rx_dropped)) beside them.
                - Null without O(interval), and where our program was not attached at both readings.
              returned: always
              type: dict
            top_sources:
              description: As above, of this interface.
              returned: always
              type: list
              elements: dict
              contains: *source
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
            af_xdp_queues:
              description: The receive queues whose redirected packets go to an AF_XDP socket, because the map C(xsks_map) has one for them.
              returned: when our program is attached
              type: list
              elements: int
            af_xdp_misplaced:
              description:
                - The receive queues whose redirected packets are lost, because their socket in C(xsks_map) is bound to another queue. There is
                  a warning for each.
                - A socket of another interface with the same number of queue can't be told from the right one.
              returned: when our program is attached
              type: list
              elements: int
            ports:
              description: >-
                As the option of M(vos.fastpath.xdp_attach), as it is in the kernel; likewise C(af_xdp), C(stealth), C(malformed),
                C(audit), C(rate_limit), C(rate_burst).
              returned: when our program is attached
              type: list
              elements: int
summary:
  description:
    - The facts for people, in a few lines without the zeros - for each interface its mode, its program, what was counted by reason (with
      rates, where there is an O(interval)), and who was dropped most.
  returned: when O(query) is not given
  type: list
  elements: str
  sample:
    - "enp1s0: native, virtio_net, program 12, up 3 d 4 h"
    - "  drop  stealth     1,200  493.2 kB"
    - "  pass  request    88,123   36.2 MB"
    - "lists: allow 2, block 100,000; hosts_v4 10 % full"
answer:
  description: What O(query) evaluates to.
  returned: when O(query) is given
  type: raw
  sample: 1200
"""

from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import ARGUMENT_SPEC, stats_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, stats_task, writes=lambda params: bool(params["reset"]))


if __name__ == "__main__":
    main()
