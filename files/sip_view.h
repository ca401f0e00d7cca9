/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a frame by offset, wherever its bytes are.
 *
 * A jumbo frame may come in several buffers, of which only the first lies between data and data_end; it may end
 * anywhere, on some drivers right behind the headers. So nothing here takes "not in the first buffer" for "not in the
 * frame": what is not in the first buffer is copied by a helper. A program loaded without CONFIG_FRAGS sees whole
 * frames only; the verifier then removes the helper calls (which kernels below 5.18 do not have).
 */
#ifndef SIP_VIEW_H
#define SIP_VIEW_H

/*
 * Up to here a frame is read. The verifier takes no offset above 65535 into a packet, and what is read at once fits in
 * between; a datagram ends at 65535 bytes of IP anyway.
 */
#define VIEW_MAX 65000

#define WORD sizeof(__u64)

#ifndef NULL
#define NULL ((void *)0)
#endif

struct sip_view {
	struct xdp_md *ctx;
	void *data;
	void *data_end;
	__u32 length;			/* from data to data_end; also a number the verifier knows nothing of */
};

/* Helpers by number: libbpf's headers on older systems do not name them. */
static __u64 (*const xdp_buff_len)(struct xdp_md *ctx) = (void *)188;
static long (*const xdp_load_bytes)(struct xdp_md *ctx, __u32 at, void *copy, __u32 size) = (void *)189;

/*
 * A new look at the frame. The pointers are loaded again, whatever the compiler knows: of these the verifier has proven
 * nothing yet, so the ways that lead here are one.
 */
static __always_inline struct sip_view view_of(struct xdp_md *ctx)
{
	struct sip_view view = { .ctx = ctx };

	asm volatile("" : "+r"(ctx));
	view.data = (void *)(long)ctx->data;
	view.data_end = (void *)(long)ctx->data_end;
	/* Pointers they are, whatever the type in the context is: else the compiler may spill 32 bits of them. */
	asm volatile("" : "+r"(view.data), "+r"(view.data_end));
	view.length = view.data_end - view.data;
	return view;
}

static __always_inline bool in_buffers(void)
{
	return sip_config.flags & CONFIG_FRAGS;
}

static __always_inline __u32 frame_length(const struct sip_view *view)
{
	if (in_buffers())
		return xdp_buff_len(view->ctx);
	return view->length;
}

/* Whether the frame has a byte before this offset. The first buffer nearly always answers it. */
static __always_inline bool reaches(const struct sip_view *view, __u32 end)
{
	return end <= view->length || (in_buffers() && end <= frame_length(view));
}

/*
 * The number, in a register of its own: what the compiler then compares is what it then adds to a pointer. It likes to
 * compare one copy and to add another, which the verifier has no bound for.
 */
static __always_inline __u64 pinned(__u64 number)
{
	if (!__builtin_constant_p(number))
		asm volatile("" : "+r"(number));
	return number;
}

/*
 * The number, of which the verifier no longer knows what it can be. Where many ways meet, each with a constant of its
 * own, it would go on with each of them; so it goes on once. Costs two instructions, where a function of its own would
 * cost a call and a return, which takes 5 to 10 ns on processors with safe returns (spec_rstack_overflow).
 */
static __always_inline __u64 forgotten(const struct sip_view *view, __u64 number)
{
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(number) : "r"((__u64)view->length));
	return number;
}

/* The bytes [at, at + size) of the frame: where they are, or copied; NULL beyond its end. size is a constant. */
static __always_inline const void *look(const struct sip_view *view, __u32 at, void *copy, __u32 size)
{
	const void *there;
	__u64 offset = pinned(at);

	if (offset > VIEW_MAX)
		return NULL;
	there = view->data + offset;
	if (there + size <= view->data_end)
		return there;
	if (in_buffers() && !xdp_load_bytes(view->ctx, at, copy, size))
		return copy;
	return NULL;
}

/* Eight bytes as a number whose lowest byte is the first one, on every machine. */
static __always_inline __u64 number_of(const __u64 *bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(*bytes);
#else
	return *bytes;
#endif
}

/*
 * The word that runs over the end, or is beyond what can be read. It is read further ahead and shifted, so that no byte
 * behind the payload is read and none one by one: there are always headers before.
 */
__noinline __u64 last_word(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct sip_view view = view_of(ctx);
	const __u64 *bytes;
	__u64 copy;

	if (at >= end || at + WORD <= end)
		return 0;
	bytes = look(&view, end - WORD, &copy, WORD);
	return bytes ? number_of(bytes) >> (8 * (at + WORD - end)) : 0;
}

/* The eight bytes at this offset, with 0 for those from end on. */
static __always_inline __u64 word_before(const struct sip_view *view, __u32 at, __u32 end)
{
	if (at + WORD <= end) {
		__u64 copy;
		const __u64 *bytes = look(view, at, &copy, WORD);

		if (bytes)
			return number_of(bytes);
	}
	return last_word(view->ctx, at, end);
}

static __always_inline __u8 byte_of(__u64 word, __u32 index)
{
	return word >> (8 * index);
}

#endif
