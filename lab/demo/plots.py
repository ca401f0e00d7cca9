# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as a picture: one SVG with a small chart for each thing that was measured by phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lab.demo.checks import total
from lab.demo.model import DROPPED, PASSED, REDIRECTED, Comparison, Phase
from lab.demo.report import quantile

WIDTH, HEIGHT, TOP, BOTTOM = 400, 230, 60, 40
LONGEST = 56
"""Letters of a name that there is room for."""
COLOURS = ("#4477aa", "#ee6677", "#228833")
PER_ROW = 2


@dataclass(frozen=True)
class Chart:
    """Bars by phase, one of each series."""

    title: str
    unit: str
    phases: tuple[str, ...]
    series: dict[str, tuple[float | None, ...]]
    """None for what was not measured."""


def charts(run: Comparison) -> list[Chart]:
    """All there is to see, over all hosts and interfaces."""
    phases = run.phases
    names = tuple(p.name for p in phases)
    found = [
        Chart(
            "SIP packets, and what the filter counted of them",
            "packets",
            names,
            {
                "sent": tuple(_sent(run, p) for p in phases),
                "dropped": tuple(_counted(run, p, DROPPED) for p in phases),
                "passed": tuple(_counted(run, p, PASSED, REDIRECTED) for p in phases),
            },
        ),
        Chart("OPTIONS of strangers that are answered", "%", names, {"answered": tuple(_answered(run, p) for p in phases)}),
        Chart(
            "SIP round trip of trusted sources",
            "ms",
            names,
            {label: tuple(_trip(run, p, part) for p in phases) for label, part in (("median", 0.5), ("95 %", 0.95))},
        ),
        _softirq(run, names),
    ]
    return [chart for chart in found if any(any(values) for values in chart.series.values())]


def _softirq(run: Comparison, names: tuple[str, ...]) -> Chart:
    """There are as many colours as hosts that can be shown."""
    hosts = list(run.systems)
    which = f" (the first {len(COLOURS)} of {len(hosts)} hosts)" if len(hosts) > len(COLOURS) else ""
    bars = {host: tuple(phase.softirq.get(host) for phase in run.phases) for host in hosts[: len(COLOURS)]}
    return Chart("CPU time on software interrupts" + which, "%", names, bars)


def svg(drawn: list[Chart]) -> str:
    """The picture; empty where there is nothing to draw."""
    if not drawn:
        return ""
    rows = -(-len(drawn) // PER_ROW)
    size = f"{PER_ROW * WIDTH} {rows * HEIGHT}"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="10">']
    lines.append('<rect width="100%" height="100%" fill="white"/>')
    for number, chart in enumerate(drawn):
        lines.append(f'<g transform="translate({number % PER_ROW * WIDTH} {number // PER_ROW * HEIGHT})">')
        lines += [*_drawn(chart), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _drawn(chart: Chart) -> Iterator[str]:
    yield f'<text x="12" y="16" font-weight="bold">{escape(chart.title)} ({escape(chart.unit)})</text>'
    for number, name in enumerate(chart.series):
        yield f'<rect x="12" y="{22 + 12 * number}" width="8" height="8" fill="{COLOURS[number]}"/>'
        yield f'<text x="24" y="{30 + 12 * number}">{escape(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")}</text>'
    highest = max(value or 0.0 for values in chart.series.values() for value in values)
    room, group = HEIGHT - TOP - BOTTOM - 14, (WIDTH - 24) / len(chart.phases)
    wide = group * 0.8 / len(chart.series)
    for place, phase in enumerate(chart.phases):
        left = 12 + place * group
        yield f'<text x="{left + group * 0.4:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{escape(phase)}</text>'
        for number, values in enumerate(chart.series.values()):
            tall = room * (values[place] or 0.0) / highest
            x, y = left + number * wide, HEIGHT - BOTTOM - tall
            yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 2:.1f}" height="{tall:.1f}" fill="{COLOURS[number]}"/>'
            yield f'<text x="{x + wide / 2 - 1:.1f}" y="{y - 3:.1f}" text-anchor="middle" font-size="8">{_short(values[place])}</text>'
    yield f'<line x1="12" x2="{WIDTH - 12}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" stroke="black"/>'


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _addresses(run: Comparison, phase: Phase) -> tuple[str, ...]:
    return tuple(a for host, name in run.interfaces for a in phase.after[host][name].addresses)


def _sent(run: Comparison, phase: Phase) -> float | None:
    return sum(phase.sent(_addresses(run, phase), trusted) for trusted in (True, False)) if phase.traffic else None


def _counted(run: Comparison, phase: Phase, *slots: int) -> float | None:
    """Nothing where there is no filter; not known where one began to count anew."""
    counted = [phase.counted(host, name) for host, name in run.interfaces if phase.after[host][name].xdp]
    return sum(numbers[slot] for numbers in counted for slot in slots) if all(counted) else None


def _answered(run: Comparison, phase: Phase) -> float | None:
    calls = [total(t.probes, _addresses(run, phase)) for t in phase.traffic if not t.trusted]
    made = sum(c.made for c in calls)
    return 100 * sum(c.completed for c in calls) / made if made else None


def _trip(run: Comparison, phase: Phase, part: float) -> float | None:
    times = phase.round_trips(_addresses(run, phase))
    return quantile(times, part) if times else None
