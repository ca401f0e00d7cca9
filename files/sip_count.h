/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way out for a packet that counts: from the reason to the counters and to the verdict. */
#ifndef SIP_COUNT_H
#define SIP_COUNT_H

#define BIT(number) (1U << (number))

static const __u32 UNCOUNTED_REASONS = BIT(REASON_SHORT) | BIT(REASON_NOT_IP) | BIT(REASON_IP_INVALID) |
	BIT(REASON_FRAGMENT) | BIT(REASON_NOT_UDP) | BIT(REASON_OTHER_PORT);

static const __u32 DROP_REASONS = BIT(REASON_VLAN_DEPTH) | BIT(REASON_EXT_DEPTH) | BIT(REASON_BLOCKLIST) |
	BIT(REASON_UDP_LEN) | BIT(REASON_TINY_FRAGMENT) | BIT(REASON_LEADING_BLANKS) | BIT(REASON_STATUS_LINE) |
	BIT(REASON_STEALTH) | BIT(REASON_MALFORMED_METHOD) | BIT(REASON_MALFORMED_START_LINE) | BIT(REASON_RATE_LIMIT);

static __always_inline bool is_one_of(__u32 reason, __u32 reasons)
{
	return reasons & BIT(reason);
}

static __always_inline __u32 counter_of_drop(__u32 reason)
{
	if (reason == REASON_STEALTH)
		return COUNTER_OPTIONS_DROPPED;
	if (reason == REASON_BLOCKLIST || reason == REASON_RATE_LIMIT)
		return COUNTER_BLOCKED;
	return COUNTER_MALFORMED;
}

static __always_inline void count_packet(struct sip_count *counts, const struct sip_view *view, __u32 reason)
{
	struct sip_count *count = &counts[reason % REASON_SLOTS];

	count->packets++;
	count->bytes += frame_length(view);
}

static __always_inline void count_verdict(__u32 counter)
{
	__u64 *count = bpf_map_lookup_elem(&xdp_counters, &counter);

	if (count)
		(*count)++;
}

static __always_inline void count_method(struct sip_stats *stats, __u32 method)
{
	stats->methods[method % METHOD_SLOTS]++;
}

static __always_inline bool same_address(const struct sip_ipv6_address *one, const struct sip_ipv6_address *other)
{
	return one->words[3] == other->words[3] && one->words[2] == other->words[2] && one->words[1] == other->words[1] &&
	       one->words[0] == other->words[0];
}

/* Knuth's multiplicative hash: its upper bits are the good ones. */
static __always_inline __u32 top_slot(const struct sip_ipv6_address *source)
{
	__u32 sum = source->words[0] ^ source->words[1] * 31 ^ source->words[2] * 17 ^ source->words[3];

	return (sum * 2654435769U) >> (32 - TOP_SOURCES_BITS);
}

/* Boyer and Moore's majority vote among the sources of one slot, see struct top_source. */
static __always_inline void count_dropped_source(const struct sip_ipv6_address *source, __u32 reason)
{
	__u32 slot = top_slot(source);
	struct top_source *top = bpf_map_lookup_elem(&top_sources, &slot);

	if (!top)
		return;
	if (!same_address((const void *)top->address, source)) {
		if (top->packets) {
			top->packets--;
			return;
		}
		__builtin_memcpy(top->address, source, sizeof(top->address));
	}
	top->packets++;
	top->last_seen = bpf_jiffies64();
	top->reason = reason;
}

/* What a packet that counts is judged by, and where it is counted. */
struct sip_books {
	const struct sip_settings *settings;
	struct sip_stats *stats;
};

/* Count a packet under its reason and return the verdict. Behind too many tags no source was read. */
static __always_inline int settle(const struct sip_books *books, const struct sip_view *view, __u32 reason,
				  const struct sip_ipv6_address *source)
{
	struct sip_count *counts = books->stats->reasons;
	__u32 counter = COUNTER_PASSED;
	int verdict = XDP_PASS;

	if (reason == REASON_REDIRECT) {
		counter = COUNTER_REDIRECTED;
		verdict = XDP_REDIRECT;
	} else if (is_one_of(reason, DROP_REASONS)) {
		if (reason != REASON_VLAN_DEPTH)
			count_dropped_source(source, reason);
		if (books->settings->flags & SETTING_AUDIT) {
			counts = books->stats->would_drop;
		} else {
			counter = counter_of_drop(reason);
			verdict = XDP_DROP;
		}
	}
	count_packet(counts, view, reason);
	count_verdict(counter);
	return verdict;
}

#endif
