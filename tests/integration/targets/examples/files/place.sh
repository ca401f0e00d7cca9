#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# place.sh up|down FOLDER: make what the examples name. The folders that they build in are hidden below empty ones, in this
# mount namespace only; FOLDER gets a clang-19 for those who have none.
set -eu

up() {
	ip link add enp1s0 type veth peer name enp1s0-peer
	ip link set enp1s0 up
	for folder in /var/lib/vos-fastpath /opt/vos-fastpath; do
		mkdir -p "$folder"
		mount -t tmpfs -o mode=755 tmpfs "$folder"
	done
	mkdir -p "$1"
	ln -s "$(command -v clang)" "$1/clang-19"
}

down() {
	ip link delete enp1s0 2>/dev/null || true
	for folder in /var/lib/vos-fastpath /opt/vos-fastpath; do
		umount "$folder" 2>/dev/null || true
		rmdir --ignore-fail-on-non-empty "$folder" 2>/dev/null || true
	done
	rm -rf "$1"
}

"$@"
