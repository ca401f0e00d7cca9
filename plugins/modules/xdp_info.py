#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_info
short_description: Tell whether a host can run the SIP filter
version_added: 0.1.0
description:
  - Says what this host could do, which packages are missing, and what is in the way; of each interface, which mode is to be expected
    and why. It only reads.
  - The playbook C(vos.fastpath.preflight) makes a report of it for a fleet.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
attributes:
  check_mode:
    support: full
    details:
      - It only reads.
  diff_mode:
    support: none
options:
  interfaces:
    description: The interfaces that are to be filtered. Without it, all are reported.
    type: list
    elements: str
    aliases: [interface]
  assert_ready:
    description:
      - Fail, and name every reason, where something is in the way that no package can mend, a missing interface, an old kernel,
        or a kernel that does not let us use BPF.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See what this host can do
  vos.fastpath.xdp_info:

- name: Stop here unless it can run the filter
  vos.fastpath.xdp_info:
    interfaces:
      - enp1s0
    assert_ready: true
"""

RETURN = r"""
kernel:
  description: The kernel's release.
  returned: success
  type: str
  sample: 6.12.38+deb13-amd64
architecture:
  description: The machine's architecture.
  returned: success
  type: str
  sample: x86_64
family:
  description: The distribution's family, V(debian) or V(rhel), else its ID in os-release.
  returned: success
  type: str
btf:
  description: Whether the kernel tells its types, from which C(vmlinux.h) is made.
  returned: success
  type: bool
jit:
  description: Whether BPF is compiled to machine code; null where the kernel does not say.
  returned: success
  type: bool
libbpf:
  description: The version of libbpf; null where it is missing.
  returned: success
  type: str
  sample: "1.1"
clang:
  description: The compiler's version; null where it is missing.
  returned: success
  type: str
  sample: 19.1.7
bpftool:
  description: The version of bpftool; null where it is missing.
  returned: success
  type: str
  sample: 7.5.0
bpffs:
  description: Whether a BPF filesystem is mounted at C(/sys/fs/bpf). Attaching mounts it.
  returned: success
  type: bool
missing_capabilities:
  description: What of what attaching takes this process may not do, as in a container.
  returned: success
  type: list
  elements: str
  sample: [CAP_NET_ADMIN]
interfaces:
  description: What is known of each interface, by its name.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
    ifindex:
      description: The kernel's number of it.
      returned: always
      type: int
    kind:
      description: What C(ip -details link) calls it, V(veth), V(bridge), V(bond), V(vlan) …; V(nic) for hardware, V(loopback).
      returned: always
      type: str
    driver:
      description: The driver behind it, as ethtool names it; V(virtual) where there is none that says.
      returned: always
      type: str
    mtu:
      description: The MTU in bytes.
      returned: always
      type: int
    operstate:
      description: Whether it works, as in RFC 2863, in the kernel's words.
      returned: always
      type: str
    rx_queues:
      description: Receive queues in use.
      returned: always
      type: int
    tx_queues:
      description: Transmit queues in use.
      returned: always
      type: int
    most_queues:
      description: How many queues the device could have; null where the driver does not tell.
      returned: always
      type: int
    uppers:
      description: The devices directly above it, as a bridge is above its ports.
      returned: always
      type: list
      elements: str
    lowers:
      description: The devices directly below it.
      returned: always
      type: list
      elements: str
    features:
      description: What its driver advertises for XDP, of the words in the sample; null where the kernel does not tell, before 6.3.
      returned: always
      type: list
      elements: str
      sample: [basic, redirect, ndo-xmit, xsk-zerocopy, hw-offload, rx-sg, ndo-xmit-sg]
    vlan_id:
      description: Of a VLAN device, else null.
      returned: always
      type: int
    bond_mode:
      description: Of a bond, else null.
      returned: always
      type: str
      sample: 802.3ad
    bond_policy:
      description: Of a bond, how it chooses a slave to send; else null.
      returned: always
      type: str
      sample: layer3+4
    active_slave:
      description: Of a bond that has one, else null.
      returned: always
      type: str
    lro:
      description: Whether large receive offload is on.
      returned: always
      type: bool
    offloads:
      description: Guest offloads of a virtio NIC that keep it from native mode, and can only be turned off outside of the guest.
      returned: always
      type: list
      elements: str
    xdp:
      description: The program that is attached, null where none is; C(removal) is the command that takes it off.
      returned: always
      type: dict
      sample:
        {mode: native, prog_id: 7, name: sip_logic, tag: 1c0ffee1c0ffee11, ours: true, link_id: null, uptime: 3.5,
        removal: ip link set dev enp1s0 xdpdrv off}
    protected_by:
      description: Of it and of what is above and below it, the devices that carry our filter.
      returned: always
      type: list
      elements: str
    expected_mode:
      description: The mode to expect with O(vos.fastpath.xdp_attach#module:mode=auto); V(auto) where it can't be told.
      returned: always
      type: str
    why:
      description: Why that mode is to be expected.
      returned: always
      type: str
      sample: driver veth advertises basic, redirect, rx-sg
    remedy:
      description: What would make native possible; null where nothing is to be done, or nothing can be.
      returned: always
      type: str
    resolves_to:
      description: The devices that would carry the filter with O(vos.fastpath.xdp_attach#module:resolve=true).
      returned: always
      type: list
      elements: str
    problems:
      description: What would keep the filter from being attached there, each with the remedy.
      returned: always
      type: list
      elements: str
missing:
  description: What is missing and can be installed.
  returned: success
  type: list
  elements: str
packages:
  description: The packages that bring it, by their names in this distribution.
  returned: success
  type: list
  elements: str
problems:
  description: What is in the way, each with the remedy.
  returned: always
  type: list
  elements: str
ready:
  description: Whether nothing is missing and nothing is in the way.
  returned: success
  type: bool
"""

from ansible_collections.vos.fastpath.plugins.module_utils._info_task import ARGUMENT_SPEC, info_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, info_task, writes=lambda params: False)


if __name__ == "__main__":
    main()
