#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# initrd.sh VERSION: make /boot/lab-initrd-VERSION, a shell and the modules that lead to the disk. Runs in the machine's tree.
set -eu
version=$1
work=$(mktemp -d)
mkdir "$work/bin" "$work/modules" "$work/proc" "$work/dev" "$work/new" "$work/seed"
cp "$(command -v busybox)" "$work/bin/busybox"
install -m 755 /init.initrd "$work/init"
number=10
for module in virtio_pci virtio_blk crc32c_generic ext4; do
	modprobe --set-version "$version" --show-depends "$module" | while read -r kind path _; do
		if [ "$kind" = insmod ]; then echo "$path"; fi
	done
done | awk '!seen[$0]++' > "$work/list"
while read -r path; do
	name=$number-$(basename "$path" .xz)
	case $path in
	*.xz) xz -dc "$path" > "$work/modules/$name" ;;
	*) cp "$path" "$work/modules/$name" ;;
	esac
	number=$((number + 1))
done < "$work/list"
rm "$work/list"
# Not compressed: unpacking it is what takes the time.
(cd "$work" && find . | cpio --quiet -o -H newc) > "/boot/lab-initrd-$version"
rm -r "$work"
