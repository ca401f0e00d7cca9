#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xdp_host
short_description: Keep a host protected without the controller
version_added: 0.1.0
description:
  - Installs the command C(vos-fastpath) and systemd units with which a host restores its filter by itself, after a reboot, when a
    device is made anew, and where something drifted.
  - From then on M(vos.fastpath.xdp_attach), M(vos.fastpath.xdp_allowlist) and M(vos.fastpath.xdp_blocklist) keep in
    C(/etc/vos-fastpath) what the host is to have, so run this one before them. It attaches nothing itself.
  - The command is one file, made of the Python code of these modules; it needs neither Ansible nor pip. Its manual page and
    the completion for bash and zsh come with it.
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
  interfaces:
    description:
      - The interfaces whose unit C(vos-fastpath@INTERFACE.service) is enabled; those of others are disabled.
      - What an interface is to have is said with M(vos.fastpath.xdp_attach).
    type: list
    elements: str
    aliases: [interface]
  state:
    description:
      - V(present) installs, V(absent) removes all that was installed and saved. A filter that is attached stays so, until it is
        taken off with M(vos.fastpath.xdp_attach).
    type: str
    choices: [present, absent]
    default: present
  verify_interval:
    description: Seconds between two comparisons of the host with what it is to have, 10 to 86400.
    type: int
    default: 60
  metrics_file:
    description:
      - Where C(vos-fastpath-metrics.timer) writes the facts as Prometheus reads them, for the textfile collector of node_exporter; a whole
        path that ends in C(.prom). Without it there is no such timer.
      - The folder has to be there, and to belong to root alone. Debian's is C(/var/lib/prometheus/node-exporter).
      - The metrics and the alerts for them are described in docs/metrics.md of this collection.
    type: path
  metrics_interval:
    description: Seconds between two times that they are written, at least 1.
    type: int
    default: 30
  hook:
    description:
      - Whether other programs can allow and block sources for a time, by the sockets C(/run/vos-fastpath/hook.sock) (connections, each line is
        answered) and C(/run/vos-fastpath/hook.dgram) (datagrams, nobody is answered). See docs/hooks.md of this collection.
      - What they say is kept apart from the lists that Ansible manages, as what is said by hand.
    type: bool
    default: false
  hook_group:
    description: The group whose members may use the sockets, with mode 0660; that of the SIP server, C(kamailio) for example. It has to exist.
    type: str
    default: root
  hook_lists:
    description: What they may do.
    type: list
    elements: str
    choices: [allow, block]
    default: [allow, block]
  hook_max_seconds:
    description: The longest time they may say.
    type: int
    default: 86400
  hook_max_entries:
    description: How many entries made on the host there can be at once before hooks may make no more.
    type: int
    default: 100000
  packed:
    description: The command as the action plugin sends it. Leave it out.
    type: str
seealso:
  - module: vos.fastpath.xdp_attach
"""

EXAMPLES = r"""
- name: Have the host stay protected
  vos.fastpath.xdp_host:
    interfaces:
      - enp1s0

- name: Have it tell Prometheus, and let Kamailio allow who has registered
  vos.fastpath.xdp_host:
    interfaces:
      - enp1s0
    metrics_file: /var/lib/prometheus/node-exporter/vos_fastpath.prom
    hook: true
    hook_group: kamailio
    hook_lists:
      - allow

- name: Remove the command, the units and what was saved
  vos.fastpath.xdp_host:
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, in words; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample: ["install /usr/local/sbin/vos-fastpath"]
command:
  description: Where the command is.
  returned: success
  type: str
  sample: /usr/local/sbin/vos-fastpath
systemd:
  description: Whether systemd is PID 1. If it is not, the units are installed, but nothing starts them.
  returned: success
  type: bool
"""

from ansible_collections.vos.fastpath.plugins.module_utils._host_task import ARGUMENT_SPEC, host_task
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import run


def main() -> None:
    run(ARGUMENT_SPEC, host_task)


if __name__ == "__main__":
    main()
