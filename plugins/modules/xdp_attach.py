#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_attach
short_description: Attach the SIP filter to network interfaces
version_added: 0.1.0
description:
  - Loads the BPF object that M(vos.fastpath.xdp_build) made and attaches it with XDP to network interfaces, or takes it off.
  - A live filter is upgraded in place, by the kernel's own compare-and-swap; at no moment is a packet unfiltered, and the
    counters, the lists and the AF_XDP sockets stay. Only a change of O(mode) takes the filter off for a moment, since the
    kernel can't have two modes at once, and only when the other mode is asked for by name.
  - What the kernel says is attached afterwards is compared with what was asked for; anything else is an error.
  - Each interface has a program of its own, with its own counters, settings and AF_XDP sockets; the lists are shared.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
requirements:
  - pyroute2 on the managed host (Debian and RHEL C(python3-pyroute2)), any version; only to change an attachment
attributes:
  check_mode:
    support: full
    details:
      - The object is loaded and verified, but not attached. Where there is none yet, the tag is empty.
      - With O(mode=auto) on an interface without a program, the mode is the one to expect by what the driver advertises, with the reason
        in RV(interfaces.notes); V(auto) where the kernel does not tell, before 6.3.
  diff_mode:
    support: full
options:
  interfaces:
    description:
      - The names of the interfaces that SIP arrives on.
      - XDP belongs on the device that receives. On a VLAN device, a bridge or a macvlan device only V(generic) works, see O(resolve).
      - An interface is refused where a device above or below it carries a program already, since packets would be judged and counted
        twice, or the kernel would let neither program be changed any more.
      - One whose packets have no Ethernet header (WireGuard, PPP, tunnels) is refused, since the filter would find no SIP in them; and a VRF,
        which gets its packets when XDP is over.
    type: list
    elements: str
    required: true
    aliases: [interface]
  state:
    description:
      - V(present) attaches the filter, V(absent) takes it off.
      - A program that is not ours is never touched unless O(force=true).
      - With V(absent), an interface that is no more is fine, with a warning; but not while an interface that is not named has our filter
        and the host keeps nothing of this one, since the name may be a wrong one.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description:
      - V(native) runs in the driver, V(generic) in the kernel's stack on any interface, V(offload) on the NIC.
      - V(auto) tries native, then generic; a filter that is attached already keeps its mode.
      - V(offload) needs a NIC that executes BPF, and has not been tested with one.
    type: str
    choices: [auto, native, generic, offload]
    default: auto
  object:
    description: The BPF object on the managed host.
    type: path
    default: /var/lib/vos-fastpath/build/sip_logic.bpf.o
  ports:
    description: The UDP destination ports that are SIP, 1 to 8 of them.
    type: list
    elements: int
    default: [5060]
  af_xdp:
    description: Whether good requests go to the AF_XDP socket of their receive queue where one is bound, else to the stack.
    type: bool
    default: true
  stealth:
    description:
      - Requests with these methods (RFC 3261, section 7.1; in any case of letters) are dropped unless their source is on the
        allowlist.
      - V(other) stands for every method that is not registered with IANA, V(all) for every method. An empty list is off.
    type: list
    elements: str
    default: [OPTIONS]
  malformed:
    description: Whose malformed messages are dropped, those of sources that are not on the allowlist, or everybody's.
    type: str
    choices: ['off', untrusted, all]
    default: untrusted
  audit:
    description: Count what would be dropped, and pass it to the stack. For looking before leaping.
    type: bool
    default: false
  rate_limit:
    description: Requests per second that a source may send that is not on the allowlist (IPv6 by /64). V(0) is off.
    type: int
    default: 0
  rate_burst:
    description: Requests that such a source may send at once before O(rate_limit) holds.
    type: int
    default: 1000
  allow_empty_allowlist:
    description: Attach with O(stealth) on although the allowlist is empty, so that nobody at all gets an answer to such requests.
    type: bool
    default: false
  force:
    description:
      - Replace, or take off, also a program that is not ours; accept one on a device below.
      - A program that a BPF link holds can only be taken off by who holds it.
    type: bool
    default: false
  keep_lists:
    description: With O(state=absent), whether the lists stay in the kernel for the next time; V(false) removes all pins.
    type: bool
    default: true
  resolve:
    description:
      - Whether a VLAN, macvlan or ipvlan device, a bridge, a team, or a bond whose mode has no native XDP, stands for the devices below
        it that get its packets, where native mode is possible.
      - Of a bridge, these are the ports with hardware, so that what its guests send each other is not filtered; all ports where none has.
      - The filter then sees the SIP of everything that is above those devices, of other VLANs too. RV(interfaces) has the devices that
        carry it, and RV(interfaces.carries) for which names. O(state=absent) finds it wherever below it is.
    type: bool
    default: false
  rollback_after:
    description:
      - Seconds after which the host undoes what was attached, unless the play got through to it again meanwhile. Drivers may reset a NIC
        when XDP comes to it, and a box that lost its only access by that is hard to reach.
      - The timer runs only where Ansible's own connection (C(SSH_CONNECTION), sshd(8)) leaves by one of the interfaces that change, or by
        a device above it, or by a tunnel, which may leave by any; of several uplinks, by the one for the address of the host that it came
        to. It costs a second, short call of the module there, and nothing elsewhere.
      - V(0) is off, and so it is with a local connection, in check mode and with C(async).
      - What somebody else attached meanwhile is not touched. If the change was undone, the task fails and says so.
    type: int
    default: 30
  confirm:
    description: Set by the action plugin, which makes that second call.
    type: str
  local:
    description:
      - What happens to the audit mode that was switched on the host by hand, with C(vos-fastpath audit); V(keep) leaves it so,
        V(remove) goes by O(audit) again. An interface that was detached by hand is attached again in any case.
      - Nothing is known of such changes where M(vos.fastpath.xdp_host) was not run.
    type: str
    choices: [keep, remove]
    default: keep
seealso:
  - module: vos.fastpath.xdp_build
  - module: vos.fastpath.xdp_allowlist
  - module: vos.fastpath.xdp_stats
"""

EXAMPLES = r"""
- name: Attach the filter, native where the driver can, else generic
  vos.fastpath.xdp_attach:
    interfaces:
      - enp1s0
    allow_empty_allowlist: true

- name: See what it would drop, before it does
  vos.fastpath.xdp_attach:
    interfaces:
      - enp1s0
    ports: [5060, 5080]
    stealth: [OPTIONS, other]
    audit: true
    allow_empty_allowlist: true

- name: Take it off, and forget the lists
  vos.fastpath.xdp_attach:
    interfaces:
      - enp1s0
    state: absent
    keep_lists: false
"""

RETURN = r"""
actions:
  description: What was done, in words; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample: ["attach to enp1s0 (native)"]
interfaces:
  description: What is on each interface now, by its name; with O(resolve=true), on each device that carries the filter.
  returned: success
  type: dict
  contains:
    attached:
      description: Whether a program is attached.
      returned: always
      type: bool
    mode:
      description: The mode it was attached in.
      returned: when a program is attached
      type: str
      sample: native
    prog_id:
      description: The kernel's number of the program.
      returned: when a program is attached
      type: int
    prog_name:
      description: The program's name.
      returned: when a program is attached
      type: str
      sample: sip_logic
    tag:
      description: The kernel's digest of its instructions.
      returned: when a program is attached
      type: str
      sample: 1c0ffee1c0ffee11
    ours:
      description: Whether it is this collection's.
      returned: when a program is attached
      type: bool
    native_refused:
      description: After falling back to generic, why the driver refused native, in the kernel's words; else null.
      returned: always
      type: str
      sample: Underlying driver does not support XDP in native mode
    actions:
      description: What was done on this interface, in words.
      returned: always
      type: list
      elements: str
    carries:
      description: The names of O(interfaces) that this device carries the filter for.
      returned: always
      type: list
      elements: str
      sample: [bond0.100]
    notes:
      description: What else there is to know, why the mode is not native and what would help, whose packets are filtered too.
      returned: always
      type: list
      elements: str
      sample: ["native expected: driver veth advertises basic, redirect, rx-sg"]
    ifindex:
      description:
        - The kernel's number of the interface. Its maps are pinned under C(/sys/fs/bpf/vos_fastpath/if<ifindex>).
        - 0 where there is no such interface, with O(state=absent).
      returned: always
      type: int
    driver:
      description: The driver behind it, as ethtool names it; V(virtual) where there is none that says.
      returned: always
      type: str
    ports:
      description: As the option, as it is in the kernel; likewise C(af_xdp), C(stealth), C(malformed), C(audit), C(rate_limit), C(rate_burst).
      returned: when our program is attached
      type: list
      elements: int
rollback:
  description: Whether the play got through to the host after the change, and how long it had for that.
  returned: when O(rollback_after) applied
  type: dict
  contains:
    confirmed:
      description: Whether it did; if not, the host undid the change.
      returned: always
      type: bool
    after:
      description: See O(rollback_after).
      returned: always
      type: int
    took:
      description: Seconds that the change and its confirmation took.
      returned: always
      type: float
log:
  description: The end of libbpf's log; what the verifier said, with the instruction and the line of source, is in the message too.
  returned: when the object could not be loaded
  type: str
local:
  description: What was changed on the host by hand or by a hook, and was kept or removed, in words.
  returned: success
  type: dict
  contains:
    kept:
      description: What still holds.
      returned: always
      type: list
      elements: str
      sample: ["audit on (alice)"]
    removed:
      description: What was taken back, in check mode what would be.
      returned: always
      type: list
      elements: str
"""

from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, attach_task)


if __name__ == "__main__":
    main()
