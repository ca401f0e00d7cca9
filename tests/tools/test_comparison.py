# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of playbooks/comparison_run.yml, from what the playbook hands over."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _abi
from lab.demo import compose, files, plots, report
from lab.demo.checks import checks

ADDRESS = "192.0.2.1"
UNLESS = "unless the host goes back by itself (comparison_patience)"
REFUSAL = "Underlying driver does not support XDP in native mode"


def probe(packets: int, ticks: int, counters: list[int] | None = None) -> dict[str, Any]:
    """What remote/probe.py says."""
    xdp = None if counters is None else {"mode": "generic", "program": 44, "tag": "62b7", "map": 27, "counters": counters, "loaded": 1}
    link = {"mac": "02:00:00:00:00:01", "driver": "e1000e", "flags": ["UP"], "addresses": [ADDRESS], "rx_packets": packets, "rx_bytes": 100 * packets}
    link |= {"rx_dropped": 0, "xdp": xdp}
    system = {"kernel": "6.12", "architecture": "x86_64", "system": "Debian", "cpu": "AMD"}
    return {**system, "cpu_time": {"softirq": ticks, "all": 100 * ticks}, "uptime": 100.0 + ticks, "interfaces": {"enp1s0": link}}


def made(answered: int) -> dict[str, Any]:
    """What remote/traffic.py says of a scan."""
    found = [ADDRESS] if answered else []
    return {"found": found, "probes": {ADDRESS: {"made": 20, "completed": answered}}, "tcp": {ADDRESS: True}, "sent": {ADDRESS: 21}}


def asked() -> dict[str, Any]:
    """What it says of a trusted source."""
    times = {ADDRESS: [1.0, 4.0, 2.0, 3.0, 5.0]}
    return {"sipsak": {ADDRESS: "SIP/2.0 200 OK"}, "calls": {}, "round_trips": times, "tcp": {ADDRESS: True}, "sent": {ADDRESS: 5}}


def measured(traffic: bool = True, attached: bool = False) -> dict[str, Any]:
    """A run in which all is well."""
    phases = {
        "Baseline": {"before": probe(10, 1), "after": probe(40, 3)},
        "With XDP": {"before": probe(40, 4, [1, 0, 2, 0, 0]), "after": probe(70, 5, [22, 0, 7, 0, 0] if traffic else [1, 0, 2, 0, 0])},
        "After unload": {"before": probe(70, 6), "after": probe(100, 9)},
    }
    sources = {
        "peer": {"trusted": True, "phases": {name: asked() for name in phases}},
        "scanner": {"trusted": False, "phases": {"Baseline": made(20), "With XDP": made(0), "After unload": made(20)}},
    }
    host = {
        "phases": phases,
        "found": {"interfaces": {"enp1s0": {"attached": attached, "mode": "generic" if attached else None}}},
        "build": {"object": "sip_logic.bpf.o", "compiler": "clang 19", "flags": ["-O2"], "sha256": "0123", "changed": True},
        "attachment": {"enp1s0": {"native_refused": REFUSAL, "notes": []}},
        "stats": {"interfaces": {"enp1s0": {"audit": False, "stealth": ["OPTIONS"]}}},
        "mode": "auto",
    }
    rates = {"seconds": 10, "scan_rate": 50, "call_rate": 2}
    whole = {"started": "2026-01-02T03:04:05+00:00", "inventory": "inventory.yml", "rates": rates}
    return {**whole, "hosts": {"sbc": host}, "sources": sources if traffic else {}}


def text_of(data: dict[str, Any]) -> str:
    run = compose.comparison(data)
    return report.report(run, checks(run), "how to")


def test_the_report_has_the_sections_of_the_first_one_and_what_was_measured() -> None:
    text = text_of(measured())
    sections = ["## 1. Build", "## 2. Baseline (no XDP)", "## 3. With XDP loaded (SKB / generic mode)", "## 4. After unloading XDP", "## 5. Summary"]
    assert [line for line in text.splitlines() if line in sections] == sections
    assert f"`{REFUSAL}`" in text
    cells = {tuple(cell.strip() for cell in line.strip("|").split("|")[:2]) for line in text.splitlines() if line.startswith("|")}
    assert {("OPTIONS dropped (stealth)", "21"), ("Passed to stack", "5"), ("**Sent**", "**26**"), ("XDP prog id", "44")} <= cells
    assert {("RX packets, bytes, dropped in this phase", "30, 3,000, 0"), ("OPTIONS of scanner answered", "0 of 20")} <= cells
    assert ("SIP round trip of peer, median and 95 %", "3.00 ms, 5.00 ms (5 of 5 answered)") in cells
    assert ("Measured for", "2.0 s") in cells
    assert "10 s in each phase, 50 OPTIONS a second from each scanner and 2 calls a second from each trusted source, to each address" in text
    assert "FAILED" not in text


def test_round_trips_are_those_of_the_source_that_is_named_and_what_was_not_answered_is_said() -> None:
    data = measured()
    far = {"trusted": True, "phases": {name: {**asked(), "round_trips": {ADDRESS: [100.0, None, None, 300.0]}} for name in data["sources"]["peer"]["phases"]}}
    data["sources"]["far"] = far
    text = text_of(data)
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| SIP round trip of")}
    assert rows["SIP round trip of peer, median and 95 %"] == "3.00 ms, 5.00 ms (5 of 5 answered)"
    assert rows["SIP round trip of far, median and 95 %"] == "100.00 ms, 300.00 ms (2 of 4 answered)"
    assert "FAILED: Baseline, sbc enp1s0: every OPTIONS that far times is answered: 2 of 4" in text


@pytest.mark.parametrize(("times", "part", "expected"), [([1, 2, 3, 4], 0.5, 2), ([1, 2, 3], 0.5, 2), (range(1, 41), 0.95, 38), ([7], 0.95, 7), ([], 0.5, 0)])
def test_a_quantile_is_the_least_time_that_so_many_do_not_exceed(times: Sequence[float], part: float, expected: float) -> None:
    assert report.quantile(list(times), part) == expected


def test_in_audit_mode_everybody_is_answered_and_that_is_no_failure() -> None:
    data = measured()
    host = data["hosts"]["sbc"]
    host["stats"]["interfaces"]["enp1s0"]["audit"] = True
    host["phases"]["With XDP"]["after"] = probe(70, 5, [1, 0, 28, 0, 0])
    data["sources"]["scanner"]["phases"]["With XDP"] = made(20)
    text = text_of(data)
    assert "FAILED" not in text
    assert "Audit mode: what it would drop is passed" in text
    assert "get no answer" not in text


def test_a_filter_that_hides_nothing_is_not_taken_for_one_that_fails() -> None:
    data = measured()
    host = data["hosts"]["sbc"]
    host["stats"]["interfaces"]["enp1s0"]["stealth"] = []
    host["phases"]["With XDP"]["after"] = probe(70, 5, [1, 0, 28, 0, 0])
    data["sources"]["scanner"]["phases"]["With XDP"] = made(20)
    text = text_of(data)
    assert "FAILED" not in text
    assert "OPTIONS of strangers are passed, by its settings" in text


def test_of_a_scan_that_was_not_made_nothing_is_said_but_that() -> None:
    data = measured()
    del data["sources"]["scanner"]["phases"]["With XDP"]
    text = text_of(data)
    assert "With XDP: no scan" in text
    assert "FAILED: With XDP: all traffic sources took part: peer" in text


def test_a_source_that_never_could_send_is_said_to_be_missing() -> None:
    data = measured()
    data["sources"]["scanner"]["phases"] = {}
    assert "FAILED: Baseline: all traffic sources took part: peer" in text_of(data)
    data["sources"]["peer"]["phases"] = {}
    text = text_of(data)
    assert "none made: peer, scanner should have, and could not" in text
    assert "FAILED: Baseline: all traffic sources took part: none" in text


@pytest.mark.parametrize(
    ("changed", "clean", "became"),
    [
        ([], [], "as it was found"),
        (["other"], [], f"NOT as it was found: run the role, {UNLESS}"),
        (["other"], ["other"], f"NOT as it was found: vos_fastpath_state=absent removes what is left, {UNLESS}"),
    ],
)
def test_where_the_run_broke_off_is_said_with_the_reason_and_what_became_of_the_host(changed: list[str], clean: list[str], became: str) -> None:
    broken = {"other": "Baseline: Send: no\r\n answer", "scanner": "Baseline: gone"}
    text = text_of({**measured(), "broken": broken, "changed": changed, "clean": clean})
    assert f"FAILED: other: the run came to its end: no, and it is {became}. Baseline: Send: no answer" in text
    assert "FAILED: scanner: the run came to its end: no, it sends no more. Baseline: gone" in text


def test_an_address_without_a_route_costs_a_source_no_other_address() -> None:
    data = measured()
    for phases in data["hosts"]["sbc"]["phases"].values():
        for probed in phases.values():
            probed["interfaces"]["enp1s0"]["addresses"] = [ADDRESS, "2001:db8::1"]
    for phase in data["sources"]["scanner"]["phases"].values():
        phase["unrouted"] = ["2001:db8::1"]
    data["sources"]["peer"]["phases"] = {}
    text = text_of(data)
    assert "FAILED: With XDP, sbc enp1s0: scanner has a route to it: 1 of 2 addresses" in text
    assert "| OPTIONS of scanner answered              | 20 of 20" in text
    assert "scanner connects" not in text


def test_what_a_limit_of_rates_keeps_from_an_answer_is_no_failure() -> None:
    data = measured()
    host = data["hosts"]["sbc"]
    host["stats"]["interfaces"]["enp1s0"] |= {"stealth": [], "rate_limit": 5}
    host["phases"]["With XDP"]["after"] = probe(70, 5, [1, 0, 20, 8, 0])
    data["sources"]["scanner"]["phases"]["With XDP"] = {**made(20), "probes": {ADDRESS: {"made": 20, "completed": 12}}}
    assert "FAILED" not in text_of(data)


def test_a_scanner_that_is_on_the_blocklist_is_dropped_as_well() -> None:
    data = measured()
    data["hosts"]["sbc"]["phases"]["With XDP"]["after"] = probe(70, 5, [1, 0, 7, 21, 0])
    assert "FAILED" not in text_of(data)


def test_what_began_to_count_anew_is_not_said_to_have_counted_less_than_nothing() -> None:
    data = measured()
    data["hosts"]["sbc"]["phases"]["With XDP"]["after"] = probe(3, 5, [0, 0, 1, 0, 0])
    text = text_of(data)
    cells = {tuple(cell.strip() for cell in line.strip("|").split("|")[:2]) for line in text.splitlines() if line.startswith("|")}
    assert {("RX packets, bytes, dropped in this phase", "not known: the driver began to count anew"), ("Passed to stack", "not known")} <= cells
    assert "FAILED: With XDP, sbc enp1s0: the filter's counters can be read: they were set back meanwhile, or the filter attached anew" in text


def test_no_filter_is_missed_where_none_was_found() -> None:
    data = measured(attached=True)
    host = data["hosts"]["sbc"]
    for phases in host["phases"].values():
        for probed in phases.values():
            probed["interfaces"]["enp2s0"] = {**probed["interfaces"]["enp1s0"], "addresses": [], "xdp": None}
    host["found"]["interfaces"]["enp2s0"] = {"attached": False}
    host["stats"]["interfaces"]["enp2s0"] = {"attached": False}
    text = text_of(data)
    assert "FAILED" not in text
    assert "- **sbc enp2s0:** no filter was found here, so none is attached." in text
    assert "## 3. With XDP loaded (SKB / generic mode)" in text


def test_a_filter_that_was_found_is_said_to_be_that_with_the_reason_for_its_mode() -> None:
    data = measured(attached=True)
    data["hosts"]["sbc"]["attachment"]["enp1s0"] = {"native_refused": None, "notes": ["native is not possible: e1000e has none"]}
    text = text_of(data)
    assert "native is not possible: e1000e has none" in text
    assert "`vos.fastpath.xdp_attach: {interfaces: …, mode: generic}`" in text
    assert "| was there |" in text and "Build succeeded" not in text


def test_each_system_is_named_with_its_hosts() -> None:
    data = measured()
    data["hosts"]["other"] = copy.deepcopy(data["hosts"]["sbc"])
    data["hosts"]["old"] = copy.deepcopy(data["hosts"]["sbc"])
    data["hosts"]["old"]["phases"]["Baseline"]["before"]["kernel"] = "6.1"
    assert "**Hosts:** sbc, other: Debian (kernel 6.12), AMD x86_64; old: Debian (kernel 6.1), AMD x86_64" in text_of(data)


def test_a_failed_check_is_on_the_screen_too(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = measured()
    data["sources"]["scanner"]["phases"]["With XDP"] = made(3)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(data)))
    assert compose.main(str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line).suffix for line in lines[:4]] == [".md", ".html", ".json", ".svg"]
    assert "FAILED: With XDP, sbc enp1s0: no OPTIONS of scanner is answered: 3 of 20" in lines
    assert lines[-1].endswith("checks hold.")


def test_every_counter_is_named_as_the_program_names_it() -> None:
    text = text_of(measured())
    assert all(f"| {words}" in text for _key, words in _abi.COUNTERS)


def test_a_filter_that_lets_something_through_is_a_failure() -> None:
    data = measured()
    data["sources"]["scanner"]["phases"]["With XDP"] = made(3)
    assert "FAILED: With XDP, sbc enp1s0: no OPTIONS of scanner is answered: 3 of 20" in text_of(data)


def test_without_traffic_it_says_what_is_missing_and_why_there_are_zeros() -> None:
    text = text_of(measured(traffic=False))
    assert "none made, for no host of the group `traffic_sources` took part" in text
    assert "nftables" not in text.partition("## 6")[0] and "**Sent**" not in text
    assert "0 / 0 / 0" in text
    assert "FAILED" not in text


def test_it_says_what_became_of_the_state() -> None:
    assert "on sbc no filter was found, and none is left (packages that were installed stay); read back" in text_of(measured())
    assert "the filter that was found on sbc is attached again" in text_of(measured(attached=True))


class Balanced(HTMLParser):
    """Finds tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_of_what_was_built_before_only_that_is_said_which_is_known() -> None:
    data = measured(attached=True)
    data["hosts"]["sbc"]["build"] = {"object": "o", "compiler": None, "flags": ["-DSIP_UAPI_HEADERS"], "sha256": None, "changed": False}
    text = text_of(data)
    assert re.search(r"\| sbc +\| not known +\| not known +\| was there +\|", text)
    assert "sbc: the kernel has no BTF, so by the headers of the distribution." in text
    assert "- **Build:** Built before this run." in text


def test_a_server_without_tcp_that_answers_as_it_likes_is_no_failure_but_one_that_stops_to_is() -> None:
    data = measured()
    for phase in data["sources"]["peer"]["phases"].values():
        phase |= {"sipsak": {ADDRESS: "SIP/2.0 404 Not Found"}, "tcp": {ADDRESS: False}}
    assert "FAILED" not in text_of(data)
    data["sources"]["peer"]["phases"]["Baseline"]["tcp"] = {ADDRESS: True}
    data["sources"]["peer"]["phases"]["With XDP"]["sipsak"] = {ADDRESS: ""}
    failed = [check.sentence() for check in checks(compose.comparison(data)) if not check.ok]
    assert failed == [
        "With XDP, sbc enp1s0: peer connects by TCP: 0 of 1 addresses",
        "With XDP, sbc enp1s0: peer gets an answer to sipsak: 0 of 1 addresses",
        "After unload, sbc enp1s0: peer connects by TCP: 0 of 1 addresses",
    ]


def test_it_is_written_as_markdown_as_a_page_that_stands_alone_and_as_data(tmp_path: Path) -> None:
    run = compose.comparison(measured())
    written = {Path(path).suffix: Path(path).read_text() for path in files.write(tmp_path / "new", run, checks(run), "how `to`")}
    assert set(written) == {".md", ".html", ".json", ".svg"}
    reader = Balanced()
    reader.feed(written[".html"])
    assert reader.open == []
    assert written[".svg"] in written[".html"]
    assert "how <code>to</code>" in written[".html"] and "**" not in re.sub(r"<svg.*</svg>", "", written[".html"], flags=re.DOTALL)
    assert all(check["ok"] for check in json.loads(written[".json"])["checks"])
    texts = [element.text for element in ElementTree.fromstring(written[".svg"]).iter("{http://www.w3.org/2000/svg}text")]
    assert {"SIP packets, and what the filter counted of them (packets)", "26", "21", "CPU time on software interrupts (%)"} <= set(texts)


def test_a_chart_that_has_not_room_for_all_hosts_says_so() -> None:
    data = measured()
    data["hosts"] = {f"sbc{number}": data["hosts"]["sbc"] for number in range(4)}
    chart = plots.charts(compose.comparison(data))[-1]
    assert (chart.title, list(chart.series)) == ("CPU time on software interrupts (the first 3 of 4 hosts)", ["sbc0", "sbc1", "sbc2"])


def test_what_was_not_measured_is_no_zero_in_a_chart() -> None:
    data = measured()
    for source in data["sources"].values():
        del source["phases"]["With XDP"]
    data["hosts"]["sbc"]["phases"]["With XDP"]["after"] = probe(70, 5, [0, 0, 0, 0, 0])
    packets, answered, trips, _softirq = plots.charts(compose.comparison(data))
    assert packets.series == {"sent": (26, None, 26), "dropped": (0, None, 0), "passed": (0, None, 0)}
    assert answered.series == {"answered": (100, None, 100)}
    assert trips.series["median"] == (3.0, None, 3.0)
    texts = [e.text for e in ElementTree.fromstring(plots.svg([answered])).iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("–") == 1 and "0" not in texts


def test_what_is_written_into_a_chart_is_within_it_and_not_upon_the_other() -> None:
    data = measured()
    hosts = [f"sbc{number}.fra1.voice.example.net" for number in range(4)]
    data["hosts"] = dict.fromkeys(hosts, data["hosts"]["sbc"])
    drawn = plots.charts(compose.comparison(data))
    assert all(6.5 * len(f"{chart.title} ({chart.unit})") < plots.WIDTH for chart in drawn)  # so wide are bold letters of this size
    names = [e for e in ElementTree.fromstring(plots.svg(drawn[-1:])).iter("{http://www.w3.org/2000/svg}text") if e.text in hosts]
    assert len({name.get("y") for name in names}) == len(names) == 3


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    assert files.look(str(tmp_path / "new"), "name") == ""
    assert list(tmp_path.rglob("*")) == [tmp_path / "new"]
    assert files.look(str(tmp_path), "a/b").startswith("comparison_name: a/b: ")
    (tmp_path / "file").touch()
    assert files.look(str(tmp_path / "file")).startswith(f"comparison_reports: {tmp_path}/file: File exists")


def test_it_is_named_as_one_likes(tmp_path: Path) -> None:
    run = compose.comparison(measured())
    paths = [Path(path) for path in files.write(tmp_path, run, checks(run), "", "ours")]
    assert {path.stem for path in paths} == {"ours"}
    assert "(ours.svg)" in (tmp_path / "ours.md").read_text()
