/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text, eight bytes at a time.
 *
 * The long searches are functions of their own that are not inlined. The verifier checks such a function once, for
 * every offset there is, and goes on with "some offset" in the caller; inlined, it would check all that follows once
 * for every offset the search can end at. Searches as long as a frame are nested, so that 16 + 32 + 16 rounds are
 * checked, not 8192. What nearly every packet needs is inlined, see forgotten().
 */
#ifndef SIP_TEXT_H
#define SIP_TEXT_H

#define EACH_BYTE 0x0101010101010101ULL
#define TOP_BITS 0x8080808080808080ULL

#define BLANKS_MAX 64
#define TOKEN_MAX 128

#define TOKEN_STRIDE 16
#define SHORT_LINE (8 * WORD)
#define LINE_WORDS 16
#define LINE_STRIDE (LINE_WORDS * WORD)
#define LINE_STRIDES 32
#define LINE_FAR_STRIDE (LINE_STRIDES * LINE_STRIDE)
#define LINE_FAR_STRIDES 16
#define DIGIT_STRIDE 32
#define DIGIT_STRIDES 64
#define DIGIT_FAR_STRIDE (DIGIT_STRIDES * DIGIT_STRIDE)
#define DIGIT_FAR_STRIDES 32

/* The bytes of a text of at most eight characters as word_at() reads them; computed by the compiler. */
#define TEXT(text) text_word(text, sizeof(text) - 1)
#define TEXT_MASK(text) (~0ULL >> (64 - 8 * (sizeof(text) - 1)))

static __always_inline __u64 text_word(const char *text, __u32 length)
{
	__u64 word = 0;

	for (__u32 i = 0; i < length && i < WORD; i++)
		word |= (__u64)(__u8)text[i] << (8 * i);
	return word;
}

/* Upper case letters made lower; other bytes may change too, so only compare the result with letters. */
static __always_inline __u64 fold(__u64 word)
{
	return word | EACH_BYTE * 0x20;
}

/* The top bit of each byte that is 0; above the lowest such byte there may be others that are wrong. */
static __always_inline __u64 zero_bytes(__u64 word)
{
	return (word - EACH_BYTE) & ~word & TOP_BITS;
}

/* RFC 3261, 7.1: a line ends with CRLF. Every server takes a single LF too, and some a single CR. */
static __always_inline __u64 line_end_bytes(__u64 word)
{
	return zero_bytes(word ^ EACH_BYTE * '\r') | zero_bytes(word ^ EACH_BYTE * '\n');
}

/*
 * Whether there may be a byte below 0x20 (or one above 0x9f), asked in two instructions instead of ten: in a start line
 * that is nearly always its end and nothing else.
 */
static __always_inline bool may_have_control(__u64 word)
{
	return (word - EACH_BYTE * 0x20) & TOP_BITS;
}

/* The index of the lowest byte whose top bit is set: the bits below it, one for each byte, added up. */
static __always_inline __u32 lowest(__u64 top_bits)
{
	return ((((top_bits - 1) & ~top_bits) >> 7 & EACH_BYTE) * EACH_BYTE) >> 56;
}

static __always_inline bool is_digit(__u8 byte)
{
	return byte >= '0' && byte <= '9';
}

static __always_inline bool is_blank(__u8 byte)
{
	const __u64 blanks = 1ULL << '\r' | 1ULL << '\n' | 1ULL << ' ' | 1ULL << '\t' | 1ULL << '\0';

	return byte < 64 && blanks >> byte & 1;
}

/* RFC 3261, 25.1: token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~") */
static __always_inline bool is_token(__u8 byte)
{
	const __u64 letters = ((1ULL << 26) - 1) << 1;
	const __u64 low = 0x3ffULL << '0' | 1ULL << '-' | 1ULL << '.' | 1ULL << '!' | 1ULL << '%' | 1ULL << '*' | 1ULL << '+' |
			  1ULL << '\'';
	const __u64 high = letters | letters << 32 | 1ULL << ('_' - 64) | 1ULL << ('`' - 64) | 1ULL << ('~' - 64);

	return byte < 128 && (byte < 64 ? low : high) >> (byte & 63) & 1;
}

/* The first byte of [at, end) that is not blank; end if all are; beyond 64 blanks it gives up, at the 65th. */
__noinline __u32 past_blanks(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct sip_view view = view_of(ctx);

	for (int i = 0; i < BLANKS_MAX && at < end; i++, at++) {
		__u8 copy;
		const __u8 *byte = look(&view, at, &copy, sizeof(copy));

		if (!byte || !is_blank(*byte))
			break;
	}
	return at;
}

/* The first byte of [at, end) that is no token character; else where it stopped looking. */
__noinline __u32 past_token_near(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct sip_view view = view_of(ctx);

	for (int i = 0; i < TOKEN_STRIDE && at < end; i++, at++) {
		__u8 copy;
		const __u8 *byte = look(&view, at, &copy, sizeof(copy));

		if (!byte || !is_token(*byte))
			break;
	}
	return at;
}

/* The length of the token at this offset; those that are too long are cut. */
__noinline __u32 token_length(struct xdp_md *ctx, __u32 at, __u32 end)
{
	__u32 from = at;

	for (int i = 0; i <= TOKEN_MAX / TOKEN_STRIDE; i++) {
		__u32 next = past_token_near(ctx, from, end);

		if (next != from + TOKEN_STRIDE)
			return next - at;
		from = next;
	}
	return from - at;
}

/* The first CR or LF of [at, end), end if there is none; else where it stopped looking, LINE_STRIDE on. */
__noinline __u32 line_end_near(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct sip_view view = view_of(ctx);
	const __u64 *bytes;
	__u64 found, copy;

	for (int i = 0; i < LINE_WORDS; i++, at += WORD) {
		if (at + WORD > end)
			break;
		bytes = look(&view, at, &copy, WORD);
		if (!bytes)
			return at;
		found = line_end_bytes(number_of(bytes));
		if (found)
			return at + lowest(found);
	}
	if (at + WORD <= end)
		return at;
	found = line_end_bytes(last_word(ctx, at, end));
	return found ? at + lowest(found) : end;
}

__noinline __u32 line_end_far(struct xdp_md *ctx, __u32 at, __u32 end)
{
	for (int i = 0; i < LINE_STRIDES; i++) {
		__u32 next = line_end_near(ctx, at, end);

		if (next != at + LINE_STRIDE)
			return next;
		at = next;
	}
	return at;
}

__noinline __u32 line_end_long(struct xdp_md *ctx, __u32 at, __u32 end)
{
	for (int i = 0; i < LINE_FAR_STRIDES; i++) {
		__u32 next = line_end_far(ctx, at, end);

		if (next != at + LINE_FAR_STRIDE)
			return next;
		at = next;
	}
	return at;
}

/*
 * The first CR or LF of [at, end), end if there is none; above VIEW_MAX it can't be told. Most lines are short, and
 * more than SHORT_LINE bytes follow the method; so these are looked at with one check of the bounds.
 */
static __always_inline __u32 line_end(const struct sip_view *view, __u32 at, __u32 end)
{
	__u64 copy[SHORT_LINE / WORD];
	const __u64 *bytes = at + SHORT_LINE <= end ? look(view, at, copy, SHORT_LINE) : NULL;
	__u64 word;
	__u32 i;

	if (!bytes)
		return line_end_long(view->ctx, at, end);
#pragma unroll
	for (i = 0; i < SHORT_LINE / WORD; i++) {
		word = number_of(&bytes[i]);
		if (may_have_control(word))
			break;
	}
	at = forgotten(view, at + i * WORD);
	word = line_end_bytes(word);
	/* none, or a control character that is no line end */
	return word ? at + lowest(word) : line_end_long(view->ctx, at, end);
}

/* Where the digits begin that end before `end`, as far back as floor; else where it stopped looking. */
__noinline __u32 digits_near(struct xdp_md *ctx, __u32 floor, __u32 end)
{
	struct sip_view view = view_of(ctx);

	for (int i = 0; i < DIGIT_STRIDE && end > floor; i++, end--) {
		__u8 copy;
		const __u8 *byte = look(&view, end - 1, &copy, sizeof(copy));

		if (!byte || !is_digit(*byte))
			break;
	}
	return end;
}

__noinline __u32 digits_far(struct xdp_md *ctx, __u32 floor, __u32 end)
{
	for (int i = 0; i < DIGIT_STRIDES; i++) {
		__u32 next = digits_near(ctx, floor, end);

		if (next + DIGIT_STRIDE != end)
			return next;
		end = next;
	}
	return end;
}

/* Where the digits begin that end before `end`, as far back as floor. */
__noinline __u32 digits(struct xdp_md *ctx, __u32 floor, __u32 end)
{
	for (int i = 0; i < DIGIT_FAR_STRIDES; i++) {
		__u32 next = digits_far(ctx, floor, end);

		if (next + DIGIT_FAR_STRIDE != end)
			return next;
		end = next;
	}
	return end;
}

#endif
