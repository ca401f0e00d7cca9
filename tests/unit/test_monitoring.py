# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules and dashboard ask for metrics that there are; what Prometheus says of them is in tests/monitoring."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from ansible_collections.vos.fastpath.plugins.module_utils._metrics import FAMILIES
from ansible_collections.vos.fastpath.tests.unit.documents import ROOT

MONITORING = ROOT / "monitoring"
RULES = [rule for group in yaml.safe_load((MONITORING / "vos_fastpath.rules.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((MONITORING / "vos_fastpath.dashboard.json").read_text())
TESTS = yaml.safe_load((ROOT / "tests" / "monitoring" / "alerts.yml").read_text())["tests"]
NODE_EXPORTER = {"node_textfile_mtime_seconds"}


def named(text: str) -> set[str]:
    """What looks like a metric."""
    return set(re.findall(r"\b(?:vos_fastpath|node)_[a-z_]+[a-z]\b", text))


ASKED = {"rules": named(" ".join(rule["expr"] for rule in RULES)), "dashboard": named(json.dumps(DASHBOARD))}


@pytest.mark.parametrize("who", sorted(ASKED))
def test_every_metric_that_is_asked_for_is_there(who: str) -> None:
    assert len(ASKED[who]) > 8
    assert ASKED[who] <= FAMILIES.keys() | NODE_EXPORTER


def test_every_metric_is_shown_or_watched() -> None:
    asked = ASKED["rules"] | ASKED["dashboard"]
    rest = {"vos_fastpath_would_drop_bytes_total", "vos_fastpath_af_xdp_sockets"}
    assert FAMILIES.keys() - asked == rest


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    for name in FAMILIES:
        assert f"`{name}`" in text
    assert set(re.findall("`(vos_fastpath_[a-z_]+_(?:total|seconds))`", text)) <= FAMILIES.keys()
    for rule in RULES:
        assert f"`{rule['alert']}`" in text


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_is_seen_to_fire_and_not_to_fire(rule: dict[str, Any]) -> None:
    cases = [case for test in TESTS for case in test["alert_rule_test"] if case["alertname"] == rule["alert"]]
    assert any(case.get("exp_alerts") for case in cases)
    assert not all(case.get("exp_alerts") for case in cases)
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description"}


def test_the_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    for one, other in itertools.combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_every_panel_says_what_it_shows_and_asks_the_datasource_that_is_chosen() -> None:
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    for panel in DASHBOARD["panels"]:
        assert panel["title"] and panel["description"] and panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables | {"__rate_interval"}
    assert DASHBOARD["uid"] == "vos-fastpath"
    assert "id" not in DASHBOARD, "Grafana gives it one"
