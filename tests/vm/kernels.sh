#!/bin/bash
# The same binaries' probes on Debian's kernels, in virtual machines: make test-kernels.
#
# Each kernel comes out of its package (apt-get download + dpkg -x: nothing is installed), the root file system is an
# initramfs with busybox and the test programs with their libraries: no modules, no disk. Emulated (TCG), since KVM is not
# everywhere; so times are long and only truth is tested, not cost: COTENANT_TEST_* tell the test what a tracepoint costs
# there and how near the kernel's figures must be (conservation stays exact).
# usage: tests/vm/kernels.sh BUILD [KERNEL_PACKAGE…]      default: 6.1, 6.12 and what backports has, as far as apt knows them
set -eu
build=$1
shift
dir=$build/vm
mkdir -p "$dir"
tests="test_hist test_cpu"

for tool in qemu-system-x86_64 busybox cpio; do
	command -v $tool > /dev/null || { echo "test-kernels: $tool is missing: apt-get install qemu-system-x86 busybox-static cpio"; exit 3; }
done

packages() { # the newest package behind each meta package
	for meta in linux-image-amd64 linux-image-6.12-amd64 linux-image-6.12-cloud-amd64; do
		apt-cache depends $meta 2> /dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }'
	done | sort -u
	apt-cache madison linux-image-amd64 2> /dev/null | awk '/backports/ { print $3; exit }' | while read -r version; do
		apt-cache show "linux-image-amd64=$version" | sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -1
	done
}

initramfs() { # busybox, test programs, their libraries
	local root=$dir/root f
	rm -rf "$root"
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,tests,run}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for f in $tests; do
		cp "$build/tests/probes/$f" "$root/tests/"
		ldd "$build/tests/probes/$f" | grep -o '/[^ )]*' | sort -u | while read -r lib; do
			mkdir -p "$root$(dirname "$lib")"
			cp -Lu "$lib" "$root$lib"
		done
	done
	cat > "$root/init" <<-INIT
		#!/bin/busybox sh
		/bin/busybox --install -s /bin
		mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev 2>/dev/null
		mkdir -p /sys/fs/cgroup; mount -t cgroup2 c /sys/fs/cgroup
		echo "KERNEL \$(uname -r) \$(nproc) CPUs"
		export COTENANT_TEST_LAG_NS=20000 COTENANT_TEST_PERCENT=10
		for t in $tests; do
			/tests/\$t; code=\$?
			echo "RESULT \$t \$code"
		done
		poweroff -f
	INIT
	chmod +x "$root/init"
	(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) > "$dir/initramfs.gz"
}

fetch() { # package -> path of its kernel
	local deb
	if ! ls "$dir/$1"/boot/vmlinuz-* > /dev/null 2>&1; then
		(cd "$dir" && apt-get download -qq "$1" 2> /dev/null) || return 1
		deb=$(ls "$dir/$1"_*.deb)
		dpkg -x "$deb" "$dir/$1"
		rm -f "$deb"
		rm -rf "$dir/$1/lib" "$dir/$1/usr"
	fi
	ls "$dir/$1"/boot/vmlinuz-*
}

boot() { # kernel, log
	timeout -k 5 "${VM_TIMEOUT:-600}" qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nographic -no-reboot \
		-nodefaults -serial stdio -kernel "$1" -initrd "$dir/initramfs.gz" -append "console=ttyS0 quiet panic=-1 mitigations=off" < /dev/null > "$2" 2>&1 || true
}

initramfs
[ $# -gt 0 ] || set -- $(packages)
failed=0
for package in "$@"; do
	kernel=$(fetch "$package") || { echo "test-kernels: cannot download $package"; failed=1; continue; }
	boot "$kernel" "$dir/$package.log"
	grep -aoE '(KERNEL|RESULT) .*' "$dir/$package.log" | tr -d '\r' || true
	for t in $tests; do
		grep -qaE "RESULT $t 0" "$dir/$package.log" && continue
		failed=1
		echo "FAIL  $package: $t; last lines of $dir/$package.log:"
		tail -n 25 "$dir/$package.log"
	done
done
exit $failed
