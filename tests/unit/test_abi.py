# SPDX-License-Identifier: GPL-3.0-or-later

"""files/sip_abi.h and _abi.py say the same: every number, every name, every layout."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

HEADER = Path(__file__).resolve().parents[2] / "files" / "sip_abi.h"
CODE = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)

CODES = {"__u8": "B", "__u16": "H", "__u32": "I", "__u64": "Q"}
LAYOUTS = {
    "sip_config": abi.CONFIG,
    "sip_settings": abi.SETTINGS,
    "list_entry": abi.LIST_ENTRY,
    "list_gate": abi.GATE,
    "rate_source": abi.RATE_SOURCE,
    "rate_bucket": abi.RATE_BUCKET,
    "rate_churn": abi.RATE_CHURN,
    "top_source": abi.TOP_SOURCE,
}
MAP_VALUES = {
    "hosts_v4": "list_entry",
    "hosts_v6": "list_entry",
    "prefixes_v4": "list_entry",
    "prefixes_v6": "list_entry",
    "list_gate": "list_gate",
    "xdp_stats": "sip_stats",
    "xdp_settings": "sip_settings",
    "rate_sources": "rate_bucket",
    "rate_churn": "rate_churn",
    "top_sources": "top_source",
}


def value(expression: str) -> int:
    """A number of C: decimal, a shift, or a name that is defined."""
    plain = re.sub(r"\b(\d+)U\b", r"\1", expression)
    plain = re.sub(r"\b[A-Z_]+\b", lambda name: str(defined(name.group())), plain)

    def worth(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
            return worth(node.left) << worth(node.right)
        return int(ast.literal_eval(node))

    return worth(ast.parse(plain.strip(), mode="eval").body)


def enum(name: str) -> dict[str, int]:
    body = re.search(rf"enum {name} \{{(.*?)\}};", CODE, re.DOTALL)
    assert body, f"enum {name} is not in the header"
    return {key: value(number) for key, number in re.findall(r"(\w+) = ([^,]+),", body.group(1))}


def defined(name: str) -> int:
    macro = re.search(rf"#define {name}[ \t]+(.+)", CODE)
    if macro:
        return value(macro.group(1))
    for kind in re.findall(r"enum (\w+) \{", CODE):
        if name in enum(kind):
            return enum(kind)[name]
    raise AssertionError(f"{name} is not in the header")


def layout(name: str) -> str:
    """A struct of the header, as the struct module writes it; checked not to need padding."""
    body = re.search(rf"struct {name} \{{(.*?)\}};", CODE, re.DOTALL)
    assert body, f"struct {name} is not in the header"
    written = ""
    for kind, count in re.findall(r"^\s*(struct \w+|__u\d+) \w+(?:\[(\w+)\])?;", body.group(1), re.MULTILINE):
        inner = layout(kind.removeprefix("struct ")) if kind.startswith("struct ") else CODES[kind]
        written += inner * (value(count) if count else 1)
    assert struct.calcsize("=" + written) == struct.calcsize("@" + written), f"struct {name} has holes"
    return written


def same(packed: struct.Struct, written: str) -> bool:
    """Number by number; bytes in Python may stand for an array in C."""
    left = list(written)
    for field in re.findall(r"\d*s|[A-Z]", packed.format):
        room = struct.calcsize("=" + field)
        while room > 0 and left:
            code = left.pop(0)
            if not field.endswith("s") and code != field:
                return False
            room -= struct.calcsize("=" + code)
        if room:
            return False
    return not left


def test_reasons() -> None:
    reasons = enum("sip_reason")
    assert reasons.pop("REASON_SLOTS") == abi.REASON_SLOTS
    assert reasons.pop("REASON_COUNT") == len(abi.REASONS)
    assert reasons == {f"REASON_{reason.name.upper()}": index for index, reason in enumerate(abi.REASONS)}


def test_counters() -> None:
    counters = enum("sip_counter")
    assert counters.pop("COUNTER_COUNT") == len(abi.COUNTERS)
    assert counters == {f"COUNTER_{key.upper()}": index for index, (key, _words) in enumerate(abi.COUNTERS)}


def test_methods() -> None:
    methods = enum("sip_method")
    assert methods.pop("METHOD_SLOTS") == abi.METHOD_SLOTS
    assert methods.pop("METHOD_COUNT") == len(abi.METHODS)
    assert methods == {f"METHOD_{name.upper()}": index for index, name in enumerate(abi.METHODS)}


def test_scopes_and_lists() -> None:
    assert enum("sip_malformed_scope") == {f"MALFORMED_{name.upper()}": at for at, name in enumerate(abi.MALFORMED_SCOPES)}
    assert enum("sip_list") == {f"LIST_{name.upper()}": bit for name, bit in abi.LISTS.items()}


@pytest.mark.parametrize(("name", "number"), [
    ("SETTING_AUDIT", abi.SETTING_AUDIT),
    ("CONFIG_AF_XDP", abi.CONFIG_AF_XDP),
    ("CONFIG_FRAGS", abi.CONFIG_FRAGS),
    ("SIP_PORTS_MAX", abi.PORTS_MAX),
    ("XSK_QUEUES_MAX", abi.XSK_QUEUES_MAX),
    ("RATE_SOURCES_MAX", abi.RATE_SOURCES_MAX),
    ("TOP_SOURCES_MAX", abi.TOP_SOURCES_MAX),
])  # fmt: skip
def test_numbers(name: str, number: int) -> None:
    assert defined(name) == number


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    assert same(LAYOUTS[name], layout(name)), f"{LAYOUTS[name].format} is not {layout(name)}"


@pytest.mark.parametrize("name", MAP_VALUES)
def test_map_values(name: str) -> None:
    assert abi.MAPS[name].value_size == struct.calcsize("=" + layout(MAP_VALUES[name]))


def test_rate_sources_key() -> None:
    assert abi.MAPS["rate_sources"].key_size == struct.calcsize("=" + layout("rate_source"))


@pytest.mark.parametrize("wrong", ["=IIQQ", "=QIIQQQ", "=IIQQQQI"])
def test_a_wrong_layout_is_noticed(wrong: str) -> None:
    assert not same(struct.Struct(wrong), layout("list_entry"))
