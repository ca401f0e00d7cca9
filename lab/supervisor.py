# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that a lab is: PID 1 of the fleet's own namespaces. When it dies, every trace of the lab dies with it.

Started by ``up`` as ``unshare … python3 lab/supervisor.py FLEET TREE RUN``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from lab import network, readiness
from lab.errors import LabError
from lab.machine import FLEET, REBOOT, TREE, Machine
from lab.place import Place
from lab.plan import Fleet, Host, of_spec
from lab.shell import run
from lab.vm import setup
from lab.vm.machine import VirtualMachine


class State:
    """How each host is doing, kept in a file for the others to read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._hosts: dict[str, dict[str, object]] = {}

    def set(self, host: str, what: str, boots: int) -> None:
        """``what`` is booting, up or off."""
        with self._lock:
            self._hosts[host] = {"state": what, "boots": boots}
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(self._hosts))
            new.rename(self._path)


class Supervisor:
    """Starts the hosts, starts those again that reboot, and waits."""

    def __init__(self, plan: Fleet, place: Place) -> None:
        self._fleet = plan
        self._place = place
        self._state = State(place.state)
        self._running: dict[int, Machine | VirtualMachine] = {}
        self._boots: dict[str, int] = {}

    def run(self) -> None:
        """Until killed."""
        network.make_switches()
        for host in self._fleet.hosts:
            machine = self._machine(host)
            machine.prepare(self._fleet, self._place)
            self._boot(machine)
        while True:
            self._reap()

    def _machine(self, host: Host) -> Machine | VirtualMachine:
        return VirtualMachine(host, self._place, setup.read(self._place)) if host.system else Machine(host)

    def _boot(self, machine: Machine | VirtualMachine) -> None:
        name = machine.host.name
        boots = self._boots[name] = self._boots.get(name, 0) + 1
        self._state.set(name, "booting", boots)
        self._running[machine.boot(self._place.console(name))] = machine
        threading.Thread(target=self._watch, args=(machine, boots), daemon=True).start()

    def _watch(self, machine: Machine | VirtualMachine, boots: int) -> None:
        name = machine.host.name
        if readiness.wait(machine.host, stop=lambda: self._boots[name] != boots):
            self._state.set(name, "up", boots)

    def _reap(self) -> None:
        """As PID 1 this process is also given the orphans; most ends are of no interest."""
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            signal.pause()
            return
        machine = self._running.pop(pid, None)
        if machine is None:
            return
        name, code = machine.host.name, os.waitstatus_to_exitcode(status)
        machine.unplug()
        print(f"{name}: {'reboots' if code == REBOOT else f'is off (exit {code})'}", flush=True)
        if code == REBOOT:
            self._boot(machine)
        else:
            self._boots[name] += 1
            self._state.set(name, "off", self._boots[name])


def _private(tree: Path) -> None:
    """The mounts that only the fleet sees. /run hides the machine's, where nspawn looks for a running systemd."""
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "fleet", "/run"])
    for folder in ("/run/systemd/system", "/run/netns", str(TREE)):
        Path(folder).mkdir(parents=True)
    run(["mount", "--bind", "-o", "ro", str(tree), str(TREE)])
    run(["mount", "-t", "sysfs", "sysfs", "/sys"])
    run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"])
    run(["hostname", FLEET.name])


def main(spec: str, tree: str, folder: str) -> int:
    """Never returns but by failing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _private(Path(tree))
        Supervisor(of_spec(spec), Place(Path(folder))).run()
    except LabError as error:
        print(f"error: {error}", flush=True)
    except OSError:
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
