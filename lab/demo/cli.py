# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: script/demo."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lab import control, controller, needs, tree
from lab.cli import prepare_process, sbc_number
from lab.demo import files
from lab.demo.checks import checks
from lab.demo.phases import Runner
from lab.demo.runner import Ansible
from lab.errors import LabError
from lab.place import ROOT, Place, here
from lab.plan import SBCS_DEFAULT
from lab.progress import Progress

CALLS = 25
PROBES = 100

HOW_TO = """\
The hosts to be protected are the group `sbcs`, and `traffic_sources` are outside hosts that make SIP traffic, if you have any;
`vos_fastpath_trusted: true` says that one of them is on the allowlist:

    # inventory.yml
    sbcs:
      hosts:
        sbc.example.net:
      vars:
        vos_fastpath_interfaces: [enp1s0]
        vos_fastpath_allowlist: [192.0.2.10/32, 2001:db8::/64]
    traffic_sources:
      hosts:
        pbx.example.net: {vos_fastpath_trusted: true}
        probe.example.net:

`sudo script/demo --inventory inventory.yml` measures the three phases and writes this report. It ends with the filter removed.
To protect the fleet and leave it so: `ansible-playbook -i inventory.yml site.yml`."""


def main(argv: list[str]) -> int:
    """Returns the exit code: 0 where everything held, 1 with an explanation where not."""
    options = _parser().parse_args(argv)
    prepare_process()
    progress = Progress(sys.stdout)
    try:
        return _demo(options, here(), progress)
    except LabError as error:
        progress.say(f"\nscript/demo: {error}")
        if not options.keep and not options.inventory:
            progress.say("To look at the hosts, run it again with --keep; 'sudo script/lab exec HOST' then opens a shell in one.")
        return 1
    except KeyboardInterrupt:
        progress.say("\nscript/demo: interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/demo",
        description="Show what the filter does: a fleet without it, with it, and without it again, under real SIP traffic, with a report.",
    )
    parser.add_argument("--keep", action="store_true", help="leave the lab up afterwards")
    parser.add_argument("--sbcs", type=sbc_number, default=SBCS_DEFAULT, metavar="N", help=f"how many SBC hosts (default {SBCS_DEFAULT})")
    parser.add_argument("--suite", choices=tree.SUITES, help="the hosts' Debian (default: this machine's)")
    parser.add_argument("--inventory", type=Path, metavar="FILE", help="a fleet of your own instead of the lab; ends with the filter removed")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports", metavar="FOLDER", help="where the report goes (default: reports)")
    return parser


def _demo(options: argparse.Namespace, place: Place, progress: Progress) -> int:
    begun = time.monotonic()
    if options.inventory:
        inventory = options.inventory.resolve()
        if not inventory.exists():
            raise LabError(f"there is no inventory {options.inventory}")
        controller.set_up(progress)
        return _compare(Runner(Ansible(inventory, own_settings=True), progress, lab=False, calls=0, probes=0), options.reports, begun, progress)
    needs.check_user()
    needs.check_kernel()
    needs.install_missing(progress)
    controller.set_up(progress)
    if control.down(place):
        progress.say("The lab that was up has been taken down: the demonstration starts with a fresh one.")
    try:
        control.up(place, options.sbcs, tree.Recipe(options.suite or tree.default_suite()), progress)
        runner = Runner(Ansible(ROOT / "lab" / "inventory", own_settings=False), progress, lab=True, calls=CALLS, probes=PROBES)
        return _compare(runner, options.reports, begun, progress)
    finally:
        if options.keep and control.states(place):
            progress.say("\nThe lab is up. Enter a host:  sudo script/lab exec sbc1    Take it down:  sudo script/lab down")
        else:
            control.down(place)


def _compare(runner: Runner, folder: Path, begun: float, progress: Progress) -> int:
    run = runner.run()
    results = checks(run)
    paths = files.write(folder, run, results, HOW_TO)
    progress.say(f"\n{'=' * 100}\n\n{Path(paths[0]).read_text()}")
    failed = [c for c in results if not c.ok]
    for check in failed:
        progress.say(f"FAILED  {check.sentence()}\n        What next: {check.advice}")
    progress.say(f"{len(results) - len(failed)} of {len(results)} checks hold. The run took {time.monotonic() - begun:.0f} s.")
    progress.say(f"The report: {' and '.join(paths)}")
    return 1 if failed else 0
