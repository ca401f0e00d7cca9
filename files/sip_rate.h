/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Row 19: how many requests an untrusted source may send. */
#ifndef SIP_RATE_H
#define SIP_RATE_H

/*
 * So many new sources a CPU remembers within one tick. Making a bucket in a full table costs some 440 ns and pushes
 * out another source; without a bound a flood from spoofed sources would do that with every packet. What comes from
 * a source that got no bucket passes, as the first packet of any source does, so the verdicts are the same.
 */
#define NEW_SOURCES_PER_TICK 64

#define FULL_AFTER_TICKS (1ULL << 31)	/* every bucket is full again; keeps the product below 64 bits */

/* IPv6 by /64: one subscriber has at least that much, and could use another address for every packet. */
static __always_inline struct rate_source rate_source_of(const struct sip_ipv6_address *source, __u32 flags)
{
	if (flags & FRAME_IPV6)
		return (struct rate_source){ { source->words[0], source->words[1] }, 6 };
	return (struct rate_source){ { source->words[3], 0 }, 4 };
}

static __always_inline bool may_remember(__u64 now)
{
	struct rate_churn *churn = only_entry(&rate_churn);

	if (!churn)
		return false;
	if (churn->tick != now) {
		churn->tick = now;
		churn->created = 0;
	}
	return churn->created++ < NEW_SOURCES_PER_TICK;
}

/*
 * Take a token. Two CPUs that serve one source at the same moment may take the same one; that lets a few more pass, and
 * costs less than a lock.
 */
static __always_inline bool over_rate(const struct sip_settings *settings, const struct sip_ipv6_address *address,
				      __u32 flags)
{
	struct rate_source source = rate_source_of(address, flags);
	struct rate_bucket *bucket = bpf_map_lookup_elem(&rate_sources, &source);
	__u64 now = bpf_jiffies64();
	__u64 token = sip_config.hz;
	__u64 full = (settings->rate_burst ? settings->rate_burst : 1) * token;
	__u64 elapsed, level;

	if (!bucket) {
		struct rate_bucket fresh = { now, full - token };

		if (may_remember(now))
			bpf_map_update_elem(&rate_sources, &source, &fresh, BPF_ANY);
		return false;
	}
	elapsed = now > bucket->filled ? now - bucket->filled : 0;
	level = full;
	if (elapsed < FULL_AFTER_TICKS)
		level = bucket->level + elapsed * settings->rate_per_second;
	if (level > full)
		level = full;
	if (level < token)
		return true;
	bucket->level = level - token;
	bucket->filled = now;
	return false;
}

#endif
