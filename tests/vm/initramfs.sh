#!/bin/bash
# The root file system of a guest of `make test-kernels`: busybox, the tests, the load generators they start and their
# libraries, the modules named below for one kernel. usage: initramfs.sh BUILD KERNEL_DIR OUTPUT TEST…      TEST: tests/FOLDER/NAME.c or .sh
set -eu
build=$1 kernel=$2 out=$3
shift 3
modules="virtio_pci virtio_blk ext4 loop null_blk dm_mod dm_multipath dm_round_robin veth sch_tbf"
programs="bash fio iperf3 redis-server redis-cli redis-benchmark ip tc losetup dmsetup mkfs.ext4 dd sqlite3 curl tmux env setpriv taskset"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

add() { # a program and its libraries
	local to=${2:-/usr/bin}
	mkdir -p "$root$to"
	cp "$1" "$root$to/"
	{ ldd "$1" 2> /dev/null || true; } | grep -o '/[^ )]*' | sort -u | while read -r lib; do
		mkdir -p "$root$(dirname "$lib")"
		cp -Lu "$lib" "$root$lib"
	done
}

mkdir -p "$root"/{bin,proc,sys,dev,tmp,var/tmp,tests,run,etc,root}
cp "$(command -v busybox)" "$root/bin/busybox"
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
for p in $programs; do
	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$p") || { echo "test-kernels: $p is missing on this machine" >&2; exit 3; }
	add "$path"
done
ln -s /usr/bin/bash "$root/bin/bash"
cp "$root/usr/bin/bash" "$root/bin/sh" # busybox's own shell would run its own ip, dd, losetup
add "$build/cotenant"
for t in "$@"; do
	case $t in
	*.c) add "$build/${t%.c}" "/$(dirname "$t")" ;;
	*.sh) mkdir -p "$root/$(dirname "$t")" && cp "$t" "$root/$t" ;;
	esac
	echo "${t%.c}" >> "$root/tests/list"
done
mkdir -p "$root/lib/terminfo/s" && cp /lib/terminfo/s/screen* "$root/lib/terminfo/s/" # what tmux is to its programs
version=$(basename "$(echo "$kernel"/lib/modules/*)")
: > "$root/modules"
for m in $modules; do # in order of loading; what is built in needs no file
	modprobe -d "$kernel" -S "$version" --show-depends "$m" 2> /dev/null | awk '/^insmod/ { print $2 }' | while read -r file; do
		name=/$(basename "$file") plain=/$(basename "${file%.xz}" .zst)
		[ -e "$root$plain" ] && continue
		cp "$file" "$root$name"
		case $name in *.xz) xz -d "$root$name" ;; *.zst) zstd -q --rm -d "$root$name" ;; esac
		echo "$plain" >> "$root/modules"
	done
done
cp "$(dirname "$0")/init" "$root/init"
chmod 755 "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc) > "$out.tmp"
mv "$out.tmp" "$out"
