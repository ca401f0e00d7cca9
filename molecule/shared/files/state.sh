#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a filter could change on a box, a line for each thing: kept before there is one, and compared when it is gone.
#
# state.sh keep         remember it, on the box, so that it outlives a reboot
# state.sh compare      print what differs from that, and fail where anything does
set -euo pipefail
export LC_ALL=C
kept=/root/lab-state

files() {
	find /etc /usr/local -type f -exec cksum {} +
	# What packages and systemd keep there is their own.
	find /etc /usr/local /opt /srv /var/lib \( -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \) -prune \
		-o -printf '%M %u:%g %p %l\n'
	# The lock of all that writes stays, or two would write: it is in memory, and gone at the next boot. Other files come and go meanwhile.
	find /run /tmp /var -iname '*vos?fastpath*' ! -path /run/vos-fastpath.lock || true
}

services() {
	systemctl list-unit-files --no-legend --no-pager | sed -E '/ (transient|generated) /d'
	systemctl list-units --all --plain --no-legend --no-pager 'vos*'
	pgrep -af 'vos.fastpath' | sed -E 's/^[0-9]+/process/' || true
}

interfaces() {
	# Without their numbers, which another boot may give in another order.
	ip -o link show | sed -E 's/^[0-9]+: ([^:@]+)(@[^:]*)?:/\1/'
	# A driver may change its queues and features for XDP.
	ls -d /sys/class/net/*/queues/*
	for device in /sys/class/net/*/; do
		name=$(basename "$device")
		ethtool -k "$name" | sed "s/^/$name /"
	done
}

bpf() {
	find /sys/fs/bpf -printf '%M %u:%g %p\n'
	find /proc/sys/kernel /proc/sys/net/core -name '*bpf*' -exec grep -H . {} +
	# What is loaded; hosts that share a kernel see each other's.
	systemd-detect-virt --quiet --container && return
	bpftool prog show | sed -nE '/^[0-9]+: xdp /p'
	bpftool map show | sed -nE '/ name (xdp_|xsks_|list_gate|hosts_v|prefixes_v|rate_|top_)/p'
}

state() {
	files
	services
	interfaces
	bpf
}

case $1 in
keep) state | sort > "$kept" ;;
compare) state | sort | diff "$kept" - ;;
esac
