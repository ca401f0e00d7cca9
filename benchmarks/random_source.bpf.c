/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives the IPv4 frame another source, one of HOSTS from 10.0.0.0 on, and goes on with the program in next[0]. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define SOURCE (14 + 12)			/* behind the Ethernet header, the source of the IP header */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int random_source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	if (data + SOURCE + sizeof(__u32) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(__u32 *)(data + SOURCE) = bpf_htonl(0x0a000000 + bpf_get_prandom_u32() % HOSTS);
	bpf_tail_call(ctx, &next, 0);
	return XDP_ABORTED;
}

/* The floor: nothing but the change of the source, its own caches, and a tail call. */
SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
