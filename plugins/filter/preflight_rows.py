# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter for the preflight report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_rows
short_description: The lines of a fleet's preflight report
version_added: 0.1.0
description:
  - Makes a line for each interface of each host, and for what a host lacks, of what M(vos.fastpath.xdp_info) returned.
  - A host that could not be reached, or gave no answer, is a line as well.
author:
  - The vos.fastpath authors (@vos)
options:
  _input:
    description: The results of M(vos.fastpath.xdp_info), by the names of the hosts.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Count the interfaces that are ready
  ansible.builtin.debug:
    msg: "{{ results | vos.fastpath.preflight_rows | selectattr('light', '==', 'ready') | length }}"
"""

RETURN = r"""
_value:
  description:
    - Of each line C(host), C(interface), C(light) (V(ready), V(slower), V(blocked), V(unreachable)), C(mode), C(driver), C(kernel), C(reason)
      and C(remedy).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.vos.fastpath.plugins.plugin_utils._report import rows


def preflight_rows(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the lines as plain data."""
    return [row._asdict() for row in rows(results)]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"preflight_rows": preflight_rows}
