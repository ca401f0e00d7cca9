/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIP itself: the status line, the method, the end of the request line. Rows 13 to 18. */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#define SHORT_PAYLOAD 20			/* below this no server looks at it */
#define STATUS_LINE 11				/* the length of "SIP/2.0 200" */

/* What read_token() found: the length, the method, the byte behind, and whether there is one. */
#define TOKEN(length, method) ((length) | (method) << 8)
#define TOKEN_LENGTH(token) ((token) & 0xff)
#define TOKEN_METHOD(token) ((token) >> 8 & 0xff)
#define TOKEN_BEHIND(token) ((token) >> 16 & 0xff)
#define TOKEN_ENDED (1U << 24)

static __always_inline bool starts_with_sip(__u64 first)
{
	return (fold(first) & TEXT_MASK("sip")) == TEXT("sip") && byte_of(first, 3) == '/';
}

/*
 * RFC 3261, 7.2: "SIP/2.0 200". What a fragment cuts off is taken as right. Versions other than 2.0 are the server's to
 * refuse.
 */
static __always_inline bool is_status_line(__u64 first, __u64 second, __u32 length, bool cut)
{
	if (length < STATUS_LINE && !cut)
		return false;
	if (length < WORD) {
		first |= TEXT("SIP/2.0 ") & ~0ULL << (8 * length);
		second = TEXT("200");
	} else if (length < STATUS_LINE) {
		second |= TEXT("200") & ~0ULL << (8 * (length - WORD));
	}
	if (first >> 32 != TEXT("2.0 ") && !(is_digit(byte_of(first, 4)) && byte_of(first, 5) == '.' &&
					     is_digit(byte_of(first, 6)) && byte_of(first, 7) == ' '))
		return false;
	return is_digit(byte_of(second, 0)) && is_digit(byte_of(second, 1)) && is_digit(byte_of(second, 2));
}

#define IS(name) ((fold(first) & TEXT_MASK(name)) == TEXT(name))
#define METHOD_IF(name, method) \
	if (IS(name)) \
		return TOKEN(sizeof(name) - 1, method)

/* The registered method whose name is what a token starts with; 0 for none. The frequent ones come first. */
static __always_inline __u32 registered_method(__u64 first)
{
	METHOD_IF("invite", METHOD_INVITE);
	METHOD_IF("register", METHOD_REGISTER);
	METHOD_IF("options", METHOD_OPTIONS);
	METHOD_IF("ack", METHOD_ACK);
	METHOD_IF("bye", METHOD_BYE);
	METHOD_IF("notify", METHOD_NOTIFY);
	METHOD_IF("cancel", METHOD_CANCEL);
	METHOD_IF("prack", METHOD_PRACK);
	METHOD_IF("update", METHOD_UPDATE);
	METHOD_IF("info", METHOD_INFO);
	METHOD_IF("publish", METHOD_PUBLISH);
	METHOD_IF("message", METHOD_MESSAGE);
	METHOD_IF("refer", METHOD_REFER);
	return 0;
}

/* The one registered name that is longer than a word. */
static __always_inline bool is_subscribe(const struct sip_view *view, __u32 at, __u32 end, __u64 first)
{
	return IS("subscrib") && (byte_of(word_before(view, at + WORD, end), 0) | 0x20) == 'e';
}

/*
 * The token at this offset. RFC 3261, 7.1 has methods in upper case only, but most servers fold them. A registered
 * name is the method only if no token character follows it; else, and for all other names, the token is measured.
 */
static __always_inline __u32 read_token(const struct sip_view *view, __u32 at, __u32 end, __u64 first)
{
	__u32 token = registered_method(first);
	__u32 length = TOKEN_LENGTH(token);
	__u8 behind;

	if (!length && is_subscribe(view, at, end, first)) {
		token = TOKEN(WORD + 1, METHOD_SUBSCRIBE);
		length = WORD + 1;
	}
	if (length < WORD)
		behind = byte_of(first, length);
	else
		behind = byte_of(word_before(view, at + WORD, end), length - WORD);
	if (!length || (behind != ' ' && is_token(behind))) {
		length = token_length(view->ctx, at, end);
		token = TOKEN(length, METHOD_OTHER);
		behind = last_word(view->ctx, at + length, at + length + 1);
	}
	return at + length < end ? token | behind << 16 | TOKEN_ENDED : token;
}

static __always_inline bool is_overlong(__u32 token)
{
	return TOKEN_LENGTH(token) > TOKEN_MAX;
}

/* Whether the method is certain. What is longer than TOKEN_MAX is none of the registered ones, however it ends. */
static __always_inline bool is_method_read(__u32 token)
{
	return is_overlong(token) || (TOKEN_LENGTH(token) && token & TOKEN_ENDED);
}

static __always_inline bool is_followed_by_space(__u32 token)
{
	return token & TOKEN_ENDED && (TOKEN_BEHIND(token) == ' ' || TOKEN_BEHIND(token) == '\t');
}

/* " SIP/" in the last five bytes of the word. */
static __always_inline bool ends_with_sip(__u64 word)
{
	return byte_of(word, 3) == ' ' && (fold(word) >> 32 & TEXT_MASK("sip")) == TEXT("sip") && byte_of(word, 7) == '/';
}

/* The same as ends_with_version() for numbers of any length, as SIP-Version in RFC 3261, 25.1 has them. */
__noinline int ends_with_long_version(struct xdp_md *ctx, __u32 from, __u32 end)
{
	struct sip_view view = view_of(ctx);
	__u32 minor = digits(ctx, from, end);
	__u32 dot = minor - 1;
	__u32 major;

	if (minor == end || minor <= from || byte_of(word_before(&view, dot, end), 0) != '.')
		return false;
	major = digits(ctx, from, dot);
	return major != dot && major >= from + 5 && ends_with_sip(word_before(&view, major - WORD, end));
}

/* Whether [from, end) ends with SP SIP/1*DIGIT.1*DIGIT; what is there nearly always is " SIP/2.0". */
static __always_inline bool ends_with_version(const struct sip_view *view, __u32 from, __u32 end)
{
	__u64 last;

	if (end < from + WORD)
		return false;
	last = word_before(view, end - WORD, end);
	if (last == TEXT(" SIP/2.0"))
		return true;
	if (ends_with_sip(last << 24) && is_digit(byte_of(last, 5)) && byte_of(last, 6) == '.' && is_digit(byte_of(last, 7)))
		return true;
	return ends_with_long_version(view->ctx, from, end);
}

#endif
