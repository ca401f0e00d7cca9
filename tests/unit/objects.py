# SPDX-License-Identifier: GPL-3.0-or-later

"""Small XDP programs for the real kernel: one that could be ours, and what else an operator could name by mistake."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS, MapShape

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("-target", "bpf", "-O2", "-mcpu=v3", "-g", "-Wall", "-Werror", f"-I/usr/include/{platform.machine()}-linux-gnu")

_HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "sip_abi.h"
char _license[] SEC("license") = "GPL";
"""
_CONFIG = "const volatile struct sip_config sip_config = { .port_count = 1 };\n"


def _map(shape: MapShape) -> str:
    numbers = {"type": shape.type, "key_size": shape.key_size, "value_size": shape.value_size, "max_entries": shape.max_entries}
    fields = "".join(f"__uint({name}, {number}); " for name, number in {**numbers, "map_flags": shape.flags}.items())
    return "struct { %s} %s SEC(\".maps\");\n" % (fields, shape.name)


_MAPS = "".join(map(_map, MAPS.values()))
_USE = "".join("\tif (!bpf_map_lookup_elem(&%s, key)) return XDP_ABORTED;\n" % name for name in MAPS if name != "rate_churn")
_FILTER = """
SEC("xdp") int sip_logic(struct xdp_md *ctx)
{
    __u32 key[5] = {};

    key[0] = %s;
%s
    return bpf_map_lookup_elem(&rate_churn, key) ? XDP_PASS : XDP_DROP;
}
"""
_JUMPS = """
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 1); } jumps SEC(".maps");
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &jumps, 0); return XDP_PASS; }
"""

SOURCES = {
    # Loads, attaches, and uses every map: what a filter is to user space.
    "filter": _HEAD + _CONFIG + _MAPS + _FILTER % (32, _USE),
    # Another program with the same maps: the next version.
    "next": _HEAD + _CONFIG + _MAPS + _FILTER % (24, _USE),
    # Ours to user space too, and lets everything through; the filter above lets nothing.
    "open": _HEAD + _CONFIG + _MAPS + (_FILTER % (32, _USE)).replace("XDP_ABORTED", "XDP_PASS").replace("XDP_DROP", "XDP_PASS"),
    # Reads the packet without looking where it ends.
    "unverifiable": _HEAD + _CONFIG + _MAPS + """
SEC("xdp") int sip_logic(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
""",
    # Shares a table of programs with one that takes no frags, so that it must not take them either.
    "no_frags": _HEAD + _CONFIG + _MAPS + _JUMPS + (_FILTER % (32, _USE)).replace("__u32 key[5]", "bpf_tail_call(ctx, &jumps, 0);\n\t__u32 key[5]"),
    # Says that it has begun, takes its time, and says that it has ended.
    "slow": _HEAD + _map(MapShape("progress", 2, 4, 8, 1)) + """
static long step(__u32 number, void *context) { return !bpf_ktime_get_ns(); }
SEC("xdp") int sip_logic(struct xdp_md *ctx)
{
    __u32 key = 0;
    volatile __u64 *slot = bpf_map_lookup_elem(&progress, &key);

    if (!slot) return XDP_ABORTED;
    *slot += 1;
    bpf_loop(1 << 22, step, 0, 0);
    *slot += 1;
    return XDP_PASS;
}
""",
    # Somebody else's program.
    "foreign": _HEAD + 'SEC("xdp") int sip_other(struct xdp_md *ctx) { return XDP_PASS; }\n',
    # What libxdp puts in front of the programs of several others.
    "dispatcher": _HEAD + 'SEC("xdp") int xdp_dispatcher(struct xdp_md *ctx) { return XDP_PASS; }\n',
    # A program by our name, but without our maps.
    "no_maps": _HEAD + _CONFIG + 'SEC("xdp") int sip_logic(struct xdp_md *ctx) { return sip_config.port_count ? XDP_PASS : XDP_DROP; }\n',
    # A configuration of another size.
    "other_config": _HEAD + "const volatile __u64 sip_config = 1;\n" + _MAPS + """
SEC("xdp") int sip_logic(struct xdp_md *ctx) { return sip_config ? XDP_PASS : XDP_DROP; }
""",
}

SMALLER = (
    ("METHOD_SLOTS = 16", "METHOD_SLOTS = 8"),
    ("#define HOSTS_MAX (1 << 20)", "#define HOSTS_MAX (1 << 10)"),
    ("#define PREFIXES_MAX (1 << 20)", "#define PREFIXES_MAX (1 << 10)"),
    ("#define RATE_SOURCES_MAX 65536", "#define RATE_SOURCES_MAX 1024"),
)
"""What an older version of the filter could have had less of, in files/."""


def compile_object(source: str, target: Path) -> str:
    """Compile C text."""
    command = ("clang", *FLAGS, "-I", str(ROOT / "files"), "-x", "c", "-", "-c", "-o", str(target))
    subprocess.run(command, input=source, text=True, check=True)
    return str(target)
