/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sent it, and what the lists say of that source: row 8, and who is trusted. */
#ifndef SIP_LISTS_H
#define SIP_LISTS_H

/* So many expired prefixes, one within the other, are stepped over before a source counts as not listed. */
#define EXPIRED_PREFIXES_MAX 4

/* The lists this entry is on right now. What has expired is as if it had never been there. */
static __always_inline __u32 lists_of(const struct list_entry *entry, __u64 now)
{
	__u32 lists = entry->lists;

	if (entry->allow_expires && now >= entry->allow_expires)
		lists &= ~LIST_ALLOW;
	if (entry->block_expires && now >= entry->block_expires)
		lists &= ~LIST_BLOCK;
	return lists;
}

/* Count the packet for the entry that decided. Several CPUs may do so at once. */
static __always_inline void note_hit(struct list_entry *entry, __u64 now)
{
	__sync_fetch_and_add(&entry->hits, 1);
	if (entry->last_seen != now)
		entry->last_seen = now;
}

/* What an entry says right now; if it says anything, it decides about this packet. */
static __always_inline __u32 decided_by(struct list_entry *entry)
{
	__u64 now = bpf_jiffies64();
	__u32 lists = lists_of(entry, now);

	if (lists)
		note_hit(entry, now);
	return lists;
}

/* The lists a source is on by its own address; 0 for none. */
static __always_inline __u32 host_lists(void *hosts, const void *address)
{
	struct list_entry *entry = bpf_map_lookup_elem(hosts, address);

	return entry ? decided_by(entry) : 0;
}

/* The lists of the longest live prefix of a source. key starts with the length to begin from. */
static __always_inline __u32 prefix_lists(void *prefixes, __u32 *key)
{
	for (int i = 0; i < EXPIRED_PREFIXES_MAX; i++) {
		struct list_entry *entry = bpf_map_lookup_elem(prefixes, key);
		__u32 lists;

		if (!entry)
			return 0;
		lists = decided_by(entry);
		if (lists)
			return lists;
		if (!entry->prefix_len)
			return 0;
		*key = entry->prefix_len - 1;
	}
	return 0;
}

/* A host entry is the longest prefix there is, so it is asked first. A table without entries is not asked. */
static __always_inline __u32 lists_of_source(const struct sip_ipv6_address *source, __u32 flags)
{
	const struct list_gate *gate = only_entry(&list_gate);
	__u32 lists = 0;

	if (!gate)
		return 0;
	if (flags & FRAME_IPV6) {
		struct sip_ipv6_prefix key = { 128, *source };

		if (gate->hosts_v6)
			lists = host_lists(&hosts_v6, source);
		if (!lists && gate->prefixes_v6)
			lists = prefix_lists(&prefixes_v6, &key.prefixlen);
	} else {
		struct sip_ipv4_prefix key = { 32, source->words[3] };

		if (gate->hosts_v4)
			lists = host_lists(&hosts_v4, &source->words[3]);
		if (!lists && gate->prefixes_v4)
			lists = prefix_lists(&prefixes_v4, &key.prefixlen);
	}
	return lists;
}

#endif
