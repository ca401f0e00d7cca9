# SPDX-License-Identifier: GPL-3.0-or-later

"""What the verifier said, out of what libbpf logs."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._verifier_log import verdict

HEAD = ["libbpf: prog 'sip_logic': BPF program load failed: Permission denied", "libbpf: prog 'sip_logic': -- BEGIN PROG LOAD LOG --"]
TAIL = ["processed 2 insns (limit 1000000) max_states_per_insn 0", "-- END PROG LOAD LOG --", "libbpf: failed to load object 'x'"]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            ["0: R1=ctx() R10=fp0", "; return *data; @ sip.c:20", "0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)",
             "1: (71) r0 = *(u8 *)(r1 +0)", "invalid access to packet, off=0 size=1", "R1 offset is outside of the packet"],
            (
                "invalid access to packet, off=0 size=1; R1 offset is outside of the packet, "
                "at instruction 1: (71) r0 = *(u8 *)(r1 +0), source return *data; @ sip.c:20"
            ),
        ),
        (
            ["; for (;;) @ sip.c:3", "5: (05) goto pc-1 ; R1=scalar()", "infinite loop detected at insn 5", "cur state: R0=1"],
            "infinite loop detected at insn 5, at instruction 5: (05) goto pc-1, source for (;;) @ sip.c:3",
        ),
        (["0: (18) r1 = 0x0", "from 3 to 4: R0=1", "mark_precise: frame0", "R1_w=7", "BPF program is too large. Processed 1000001 insn"],
         "BPF program is too large. Processed 1000001 insn, at instruction 0: (18) r1 = 0x0"),
        (["unknown opcode 8d"], "unknown opcode 8d"),
        (["0: (95) exit"], None),
    ],
)  # fmt: skip
def test_the_refusal_the_instruction_and_the_line(log: list[str], words: str | None) -> None:
    assert verdict([*HEAD, *log, *TAIL]) == words


def test_a_log_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    assert verdict([*HEAD, "0: (95) exit", "R0 !read_ok"]) == "R0 !read_ok, at instruction 0: (95) exit"


def test_of_several_tries_the_last_counts() -> None:
    assert verdict([*HEAD, "first", *TAIL, *HEAD, "second", *TAIL]) == "second"


def test_a_log_without_a_verifier() -> None:
    assert verdict(["libbpf: Error in bpf_create_map_xattr(hosts_v4): Operation not permitted"]) is None
