# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What is true of every module of this collection."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - Linux 5.10 or later, x86-64 or another 64-bit architecture
  - root on the managed host
  - C(libbpf.so.1) on the managed host (Debian C(libbpf1), RHEL C(libbpf))
attributes:
  action_group:
    description: Use C(group/vos.fastpath.fastpath) in C(module_defaults) to set defaults for every module of this collection.
    support: full
    membership:
      - vos.fastpath.fastpath
  check_mode:
    description: Says what would be done, and does nothing.
  diff_mode:
    description: Shows what is or would be different.
  idempotent:
    description: A second run with the same options reports no change.
    support: full
  platform:
    description: What it runs on.
    platforms: linux
    support: full
"""
