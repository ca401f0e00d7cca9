/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Somebody else's program. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int foreign(struct xdp_md *context)
{
	return context ? XDP_PASS : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
