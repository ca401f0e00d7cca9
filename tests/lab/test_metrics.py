# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian's node_exporter and Prometheus on an SBC: what happens on the wire is a sample, and what is wrong is an alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SBC = "198.19.1.1"
CONFIG = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/etc/prometheus/vos_fastpath.rules.yml]
scrape_configs: [{job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}]
"""
QUERY = "promtool query instant http://127.0.0.1:9090 '%s' | grep -o '=> [0-9.e+]*' | cut -c 4-"
DROPPED = QUERY % 'sum(vos_fastpath_packets_total{interface="enp1s0", reason="stealth", verdict="drop"})'


@pytest.fixture(scope="module")
def prometheus(protected, root: Path) -> Iterator[None]:
    """Both run on the SBC, with our rules."""
    protected.put("sbc1", "/etc/prometheus/prometheus.yml", CONFIG)
    protected.put("sbc1", "/etc/prometheus/vos_fastpath.rules.yml", (root / "monitoring" / "vos_fastpath.rules.yml").read_text())
    protected.on("sbc1", "systemctl start prometheus-node-exporter prometheus")
    protected.until("sbc1", QUERY % "vos_fastpath_build_info", "1", seconds=60)
    yield
    protected.on("sbc1", "systemctl stop prometheus prometheus-node-exporter")


def test_a_drop_on_the_wire_is_a_sample_in_prometheus(protected, prometheus):
    before = int(protected.on("sbc1", DROPPED))
    for _number in range(7):
        protected.on("scanner", f"timeout 0.2 sipsak -s sip:lab@{SBC} >/dev/null; true")
    counted = protected.on("sbc1", "vos-fastpath metrics | grep '^vos_fastpath_packets_total.*enp1s0.*stealth' | cut -d' ' -f2")
    assert int(counted) >= before + 7
    protected.until("sbc1", DROPPED, counted)


def test_every_metric_of_the_host_arrives(protected, prometheus):
    wanted = set(re.findall("^(vos_fastpath_[a-z_]+)", protected.on("sbc1", "vos-fastpath metrics"), re.MULTILINE))
    names = protected.on("sbc1", "promtool query instant http://127.0.0.1:9090 'count by (__name__) ({__name__=~\"vos_fastpath.*\"})'")
    assert set(re.findall('__name__="(.*?)"', names) or re.findall("^(vos_fastpath_[a-z_]+)", names, re.MULTILINE)) == wanted
    assert "vos_fastpath_packets_total" in wanted


def test_metrics_are_clean(protected, prometheus):
    assert protected.on("sbc1", "promtool check metrics < /var/lib/prometheus/node-exporter/vos_fastpath.prom 2>&1") == ""


def test_the_age_of_the_metrics_is_known(protected, prometheus):
    stale = QUERY % 'time() - node_textfile_mtime_seconds{file=~".*vos_fastpath\\\\.prom"} < bool 60'
    protected.until("sbc1", stale, "1")


def test_a_filter_that_is_taken_off_is_an_alert(protected, prometheus):
    alert = QUERY % 'ALERTS{alertname="VosFastpathNotAttached", interface="enp1s0"}'
    assert protected.on("sbc1", alert) == ""
    protected.on("sbc1", "vos-fastpath detach enp1s0")
    try:
        protected.until("sbc1", alert, "1")
    finally:
        protected.on("sbc1", "vos-fastpath attach enp1s0")
    protected.until("sbc1", alert, "")
