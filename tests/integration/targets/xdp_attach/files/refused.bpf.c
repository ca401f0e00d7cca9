/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter, and beside it a program that the verifier refuses: it reads a packet without looking where it ends. */
#include "filter.bpf.c"

SEC("xdp")
int refused(struct xdp_md *context)
{
	return *(volatile const char *)(long)context->data;
}
