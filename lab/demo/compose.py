# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks/comparison_run.yml has measured, as a report: Markdown, HTML and JSON. Run on the controller.

python3 compose.py FOLDER [NAME] < measured.json     prints the paths, and which checks failed
python3 compose.py --look FOLDER [NAME]              whether that could be written
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
ASKED = "{seconds} s in each phase, {scan_rate} OPTIONS a second from each scanner and {call_rate} calls a second from each trusted source, to each address"
LONG = 400
"""Letters, of a reason."""
HOW_TO = """\
`ansible-playbook -i INVENTORY vos.fastpath.comparison_run -e vos_fastpath_hosts=…` measures these hosts, each on its
`vos_fastpath_interfaces`, and writes this report. Traffic comes from the group `traffic_sources`; `vos_fastpath_trusted: true` says that
one of them is on the allowlist; they need sip-tester, sipsak, sipvicious, nftables, and a kernel from 5.16 on. `comparison_seconds`,
`comparison_scan_rate` and `comparison_call_rate` say how long and how fast. In two of the three phases the hosts have no filter, so name one or
a few; at its end every host is as it was found, but for packages that were installed, and a filter that was found counts anew."""


def main(folder: str, name: str = "") -> int:
    """Write the files."""
    run = comparison(json.load(sys.stdin))
    results = checks(run)
    failed = [check for check in results if not check.ok]
    told = [f"FAILED: {check.sentence()}" for check in failed]
    print("\n".join([*files.write(Path(folder), run, results, HOW_TO, name), *told, f"{len(results) - len(failed)} of {len(results)} checks hold."]))
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
        asked=ASKED.format(**measured["rates"]),
        lab=False,
        systems={host: model.system(probe) for host, probe in first.items()},
        phases=(baseline, protected, after),
        builds={host: {**facts["build"], "changed": facts["build"]["changed"] and not _had(facts)} for host, facts in hosts.items()},
        attachments={host: facts["attachment"] for host, facts in hosts.items()},
        stats={host: facts["stats"] for host, facts in hosts.items()},
        watched=(),
        seconds={},
        attach=f"vos.fastpath.xdp_attach: {{interfaces: …, mode: {', '.join(dict.fromkeys(m for facts in hosts.values() for m in _modes(facts)))}}}",
        unload="vos.fastpath.xdp_attach: {interfaces: …, state: absent}",
        restored=_restored(hosts),
        sources=tuple(sources),
        broken={where: _became(where, why, measured) for where, why in measured.get("broken", {}).items()},
    )


def _became(where: str, why: str, measured: dict[str, Any]) -> str:
    """What is to be said of a host or a traffic source on which the run broke off."""
    why = " ".join(why.split()) or "the output of the playbook says why"
    why = why if len(why) <= LONG else f"{why[: LONG // 2]} … {why[-LONG // 2 :]}"
    if where in measured["sources"]:
        return f"no, it sends no more. {why}"
    if where not in measured["changed"]:
        return f"no, and it is as it was found. {why}"
    remedy = "vos_fastpath_state=absent removes what is left" if where in measured["clean"] else "run the role"
    return f"no, and it is NOT as it was found: {remedy}, unless the host goes back by itself (comparison_patience). {why}"


def _phase(name: str, hosts: dict[str, Any], sources: dict[str, Any]) -> model.Phase:
    probes = {host: facts["phases"][name] for host, facts in hosts.items()}
    made = tuple(model.traffic(source, facts["trusted"], facts["phases"][name]) for source, facts in sources.items() if name in facts["phases"])
    return model.phase(name, {h: p["before"] for h, p in probes.items()}, {h: p["after"] for h, p in probes.items()}, made)


def _restored(hosts: dict[str, Any]) -> str:
    had = [host for host, facts in hosts.items() if _had(facts)]
    clean = [host for host in hosts if host not in had]
    words = [f"the filter that was found on {', '.join(had)} is attached again, with its settings and lists"] if had else []
    words += [f"on {', '.join(clean)} no filter was found, and none is left (packages that were installed stay)"] if clean else []
    return f"{'; '.join(words)}; read back and compared."


def _had(facts: dict[str, Any]) -> bool:
    """Whether a filter was found, which the run then attached again rather than build one."""
    return any(i["attached"] for i in facts["found"]["interfaces"].values())


def _modes(facts: dict[str, Any]) -> list[str]:
    """The modes that were asked for."""
    return [i["mode"] for i in facts["found"]["interfaces"].values() if i["attached"]] or [facts["mode"]]


if __name__ == "__main__":
    sys.exit(files.look(*sys.argv[2:]) or 0 if sys.argv[1] == "--look" else main(*sys.argv[1:]))
