# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks/comparison_run.yml has measured, as a report: Markdown, HTML and JSON. Run on the controller.

python3 compose.py FOLDER < measured.json     prints the paths
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from lab.demo import files, model  # the folder two above has to be on the path first
from lab.demo.checks import checks

PHASES = ("Baseline", "With XDP", "After unload")
HOW_TO = """\
`ansible-playbook -i INVENTORY vos.fastpath.comparison_run` measures the hosts of the group `sbcs` (or of `-e vos_fastpath_hosts=…`), each on
its `vos_fastpath_interfaces`, and writes this report. Traffic comes from the group `traffic_sources`; `vos_fastpath_trusted: true` says that
one of them is on the allowlist. `comparison_seconds`, `comparison_scan_rate` and `comparison_call_rate` say how long and how fast. At its end
every host is as it was found."""


def main(folder: str) -> int:
    """Write the files."""
    run = comparison(json.load(sys.stdin))
    print("\n".join(files.write(Path(folder), run, checks(run), HOW_TO)))
    return 0


def comparison(measured: dict[str, Any]) -> model.Comparison:
    """The playbook's facts as a run."""
    hosts, sources = measured["hosts"], measured["sources"]
    baseline, protected, after = (_phase(name, hosts, sources) for name in PHASES)
    first = {host: facts["phases"][PHASES[0]]["before"] for host, facts in hosts.items()}
    return model.Comparison(
        started=measured["started"],
        inventory=Path(measured["inventory"]).name,
        note=measured.get("note", ""),
        lab=False,
        systems={host: model.system(probe) for host, probe in first.items()},
        phases=(baseline, protected, after),
        builds={host: facts["build"] for host, facts in hosts.items()},
        attachments={host: facts["attachment"] for host, facts in hosts.items()},
        stats={host: facts["stats"] for host, facts in hosts.items()},
        watched=(),
        seconds={},
        attach="vos.fastpath.xdp_attach: {interfaces: …, mode: auto}",
        unload="vos.fastpath.xdp_attach: {interfaces: …, state: absent}",
        restored=_restored(hosts),
    )


def _phase(name: str, hosts: dict[str, Any], sources: dict[str, Any]) -> model.Phase:
    probes = {host: facts["phases"][name] for host, facts in hosts.items()}
    made = tuple(model.traffic(source, facts["trusted"], facts["phases"][name]) for source, facts in sources.items() if name in facts["phases"])
    return model.phase(name, {h: p["before"] for h, p in probes.items()}, {h: p["after"] for h, p in probes.items()}, made)


def _restored(hosts: dict[str, Any]) -> str:
    had = [host for host, facts in hosts.items() if any(i["attached"] for i in facts["found"]["interfaces"].values())]
    what = f"the filter that was found on {', '.join(had)} is attached again, with its settings and lists" if had else "no filter was found, and none is left"
    return f"{what}; read back and compared."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
