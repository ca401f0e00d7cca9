# SPDX-License-Identifier: GPL-3.0-or-later

"""What the verifier had to do to accept the program: its own statistics (BPF_LOG_STATS, include/linux/bpf_verifier.h)."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

LOG_STATS = 4
STATISTICS = re.compile(r"processed (\d+) insns .* total_states (\d+) peak_states (\d+)")


def effort(path: Path) -> dict[str, int]:
    """Load an object as it is, and return the instructions gone through, and the states kept in all and at the most at once."""
    libbpf = ctypes.CDLL("libbpf.so.1")
    for name in ("bpf_object__open_file", "bpf_object__find_program_by_name"):
        getattr(libbpf, name).restype = ctypes.c_void_p
    log = ctypes.create_string_buffer(1 << 16)
    opened = ctypes.c_void_p(libbpf.bpf_object__open_file(str(path).encode(), None))
    try:
        program = ctypes.c_void_p(libbpf.bpf_object__find_program_by_name(opened, b"sip_logic"))
        libbpf.bpf_program__set_log_level(program, LOG_STATS)
        libbpf.bpf_program__set_log_buf(program, log, ctypes.c_size_t(len(log)))
        assert libbpf.bpf_object__load(opened) == 0, log.value.decode()
        found = STATISTICS.search(log.value.decode())
        assert found, log.value.decode()
        return dict(zip(("instructions", "states", "peak_states"), map(int, found.groups()), strict=True))
    finally:
        libbpf.bpf_object__close(opened)
