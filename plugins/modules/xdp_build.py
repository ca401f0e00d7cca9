#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_build
short_description: Build the SIP filter on the host it is for
version_added: 0.1.0
description:
  - Sends the collection's C source to the host, generates C(vmlinux.h) from the types of the running kernel
    (C(/sys/kernel/btf/vmlinux)) with bpftool, and compiles C(sip_logic.bpf.o) with clang.
  - Builds again only when the source, the flags, the compiler or the kernel's types changed, or when the object is not the one
    that was built.
  - What was there stays until all of the new is there.
author:
  - The vos.fastpath authors (@vos)
extends_documentation_fragment:
  - vos.fastpath.attributes
requirements:
  - clang 14 or later, bpftool and the headers of libbpf on the managed host
  - Where the kernel has no BTF, the kernel's headers instead of bpftool
attributes:
  check_mode:
    support: full
    details:
      - Where clang is not installed yet, that alone is a reason to build.
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) builds, V(absent) removes what was built, and O(directory) with it if nothing else is in it.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description:
      - Where source and object are kept. It and its folders have to belong to root, and nobody else may write to them.
      - Its folders C(src) and C(build) are replaced as a whole. Where they are there and were not made by this module, it refuses.
    type: path
    default: /var/lib/vos-fastpath
  sources:
    description:
      - The C files by name. C(sip_logic.bpf.c) is the one that is compiled, the others can be included.
      - The default is the collection's own C(files/), which the controller reads.
    type: dict
  clang:
    description: The compiler, a name or a path.
    type: str
    default: clang
  force:
    description: Build even if nothing changed.
    type: bool
    default: false
seealso:
  - module: vos.fastpath.xdp_attach
"""

EXAMPLES = r"""
- name: Build the filter for the kernel that runs
  vos.fastpath.xdp_build:

- name: Build it with another compiler in another place
  vos.fastpath.xdp_build:
    directory: /opt/vos-fastpath
    clang: clang-19

- name: Remove what was built
  vos.fastpath.xdp_build:
    state: absent
"""

RETURN = r"""
object:
  description: The path of the BPF object.
  returned: when O(state=present)
  type: str
  sample: /var/lib/vos-fastpath/build/sip_logic.bpf.o
directory:
  description: As the option.
  returned: success
  type: str
removed:
  description: The folders that were removed, or in check mode would be.
  returned: when O(state=absent)
  type: list
  elements: str
reasons:
  description: Why it was built, or in check mode would be; empty where nothing changed.
  returned: when O(state=present)
  type: list
  elements: str
  sample: ["the kernel BTF changed"]
sha256:
  description: The digest of the object; null where there is none yet.
  returned: when O(state=present)
  type: str
compiler:
  description:
    - What the compiler that made the object says of itself.
    - In check mode, where there is no object yet, the one that would make it, and null where none is installed.
  returned: when O(state=present)
  type: str
  sample: Debian clang version 14.0.6
flags:
  description: What it is called with.
  returned: when O(state=present)
  type: list
  elements: str
"""

from ansible_collections.vos.fastpath.plugins.module_utils._build_task import ARGUMENT_SPEC, build_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, build_task)


if __name__ == "__main__":
    main()
