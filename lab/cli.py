# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: script/lab."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable

from lab import control, controller, needs, tree
from lab.errors import LabError
from lab.inventory import inventory
from lab.place import ROOT, Place, here
from lab.plan import SBCS_DEFAULT, SBCS_MAX, VIRTUAL
from lab.progress import Progress
from lab.vm import setup


def main(argv: list[str]) -> int:
    """Returns the exit code: 0, or 1 with a line that says what is wrong."""
    options = _parser().parse_args(argv)
    prepare_process()
    try:
        run: Callable[[argparse.Namespace, Place], int] = options.run
        return run(options, here())
    except LabError as error:
        print(f"script/lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("script/lab: interrupted", file=sys.stderr)
        return 130


def prepare_process() -> None:
    """Find the programs of an administrator, and clean up however we are asked to end."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # a plain su leaves these out
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def sbc_number(text: str) -> int:
    """For argparse: how many SBCs."""
    if not text.isdigit() or not 1 <= int(text) <= SBCS_MAX:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of SBCs: give one from 1 to {SBCS_MAX}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/lab", description="A fleet of SBCs, a trusted peer and a scanner on this machine.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    up = commands.add_parser("up", help="start it; the first time this makes the hosts' file system tree, which takes minutes")
    up.add_argument("--sbcs", type=sbc_number, default=SBCS_DEFAULT, metavar="N", help=f"how many SBC hosts (default {SBCS_DEFAULT})")
    up.add_argument("--vms", action="store_true", help="virtual machines instead: Debian 12 and 13, and a kernel 5.10; the first time takes minutes")
    up.add_argument("--suite", choices=tree.SUITES, help="the hosts' Debian (default: this machine's)")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="take it down, and remove all of it")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="how each host is; exit code 3 where no lab is up")
    status.set_defaults(run=_status)
    execute = commands.add_parser("exec", help="run a command in a host, or open a shell there")
    execute.add_argument("host", metavar="HOST")
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    execute.set_defaults(run=_exec)
    ansible = commands.add_parser("run", help="run ansible-playbook, ansible … on the lab, with this checkout as the collection")
    ansible.add_argument("program", metavar="PROGRAM")
    ansible.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    ansible.set_defaults(run=_run)
    listing = commands.add_parser("inventory", help="the Ansible inventory, as JSON")
    listing.add_argument("--list", action="store_true", help=argparse.SUPPRESS)
    listing.set_defaults(run=_inventory)
    return parser


def _up(options: argparse.Namespace, place: Place) -> int:
    progress = Progress()
    needs.check_user()
    needs.check_kernel()
    needs.install_missing(progress)
    if options.vms:
        needs.install_missing(progress, setup.PROGRAMS)
    fleet = control.up(place, VIRTUAL if options.vms else options.sbcs, tree.Recipe(options.suite or tree.default_suite()), progress)
    progress.say(f"Enter a host:    sudo script/lab exec {fleet.sbcs[0].name}")
    progress.say("Protect them:    sudo script/lab run ansible-playbook site.yml")
    progress.say("Take it down:    sudo script/lab down")
    return 0


def _down(_options: argparse.Namespace, place: Place) -> int:
    needs.check_user()
    print("The lab is down." if control.down(place) else "No lab was up.")
    return 0


def _status(_options: argparse.Namespace, place: Place) -> int:
    found = control.record(place)
    if not found or not found.alive():
        print("No lab is up.")
        return 3
    now = control.states(place)
    for host in found.plan.hosts:
        state = now.get(host.name, {})
        print(f"{host.name:9} {state.get('state', 'unknown'):8} boots {state.get('boots', 0)}  {host.management:14} {' '.join(host.sip_addresses)}")
    return 0


def _exec(options: argparse.Namespace, place: Place) -> int:
    needs.check_user()
    names = [h.name for h in control.running(place).plan.hosts]
    if options.host not in names:
        raise LabError(f"'{options.host}' is no host of the lab: {', '.join(names)}")
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    remote = [shlex.join(command)] if command else []
    os.execvp("ssh", ["ssh", "-F", str(place.ssh_config), options.host, *remote])


def _run(options: argparse.Namespace, place: Place) -> int:
    needs.check_user()
    control.running(place)
    program = controller.program(options.program, Progress())
    surroundings = {**controller.environment(own_settings=False), "ANSIBLE_INVENTORY": str(ROOT / "lab" / "inventory")}
    os.execve(program, [str(program), *options.arguments], surroundings)


def _inventory(_options: argparse.Namespace, place: Place) -> int:
    print(json.dumps(inventory(control.running(place).plan, place), indent=2))
    return 0
