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
  - Says what this host could do, which packages are missing, and what is in the way. It only reads.
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
interfaces:
  description: Name, C(ifindex), C(driver), C(mtu), C(operstate) and C(xdp) (C(mode) and C(prog_id), or null), by name.
  returned: success
  type: dict
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
