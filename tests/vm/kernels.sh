#!/bin/bash
# The same binaries on Debian's kernels, in virtual machines: make test-kernels.
#
# Emulated (TCG), since KVM is not everywhere; so only truth is tested there, not cost. Its clock counts the instructions that its CPUs,
# in turns, have executed, 4 ns each: neither the host's other work nor its speed is in any figure, and sleep takes no time. The guest has its
# own disk (an image in BUILD/vm, 1 GB, sparse) and cgroup v2 with controllers. What each kernel could not do stands in its
# log as a skip with its reason; a test that fails or never ends fails here.
# VM_CPU=max,vendor=GenuineIntel VM_SMP=2,sockets=1,cores=1,threads=2 makes the two CPUs SMT siblings.
# usage: tests/vm/kernels.sh BUILD [KERNEL…]      default: Debian's 6.1, 6.12 and the newest backport; TESTS='glob' limits the tests
set -eu
here=$(dirname "$0")
build=$1
shift
dir=$build/vm
tests=
# Those that ask something of the kernel: what is for guests only, and what is privileged of the two folders that meet it.
for t in tests/vm/record.sh tests/vm/situations.sh $(grep -l privileged tests/probes/test_* tests/collector/test_*); do
	# shellcheck disable=SC2254
	case $t in ${TESTS:-*}) tests="$tests $t" ;; esac
done
mkdir -p "$dir"

for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio depmod:kmod; do
	command -v "${tool%:*}" > /dev/null || { echo "test-kernels: ${tool%:*} is missing: apt-get install ${tool#*:}"; exit 3; }
done

boot() { # kernel image, initramfs, log
	truncate -s 1G "$dir/$kernel.img"
	timeout -k 5 "${VM_TIMEOUT:-2400}" qemu-system-x86_64 -machine q35 -accel tcg,thread=single -icount "${VM_ICOUNT:-shift=2,sleep=off}" -cpu "${VM_CPU:-max},erms=off,fsrm=off" -smp "${VM_SMP:-2}" -m 1536 -nographic -no-reboot \
		-nodefaults -serial stdio -kernel "$1" -initrd "$2" -append "console=ttyS0 quiet panic=-1 mitigations=off maxcpus=1 clearcpuid=erms,fsrm,rep_good" \
		-drive file="$dir/$kernel.img",format=raw,if=virtio,cache=unsafe < /dev/null > "$3" 2>&1 || true
	rm -f "$dir/$kernel.img"
}

[ $# -gt 0 ] || mapfile -t kernels < <("$here/fetch.sh" "$dir" list)
[ $# -gt 0 ] && kernels=("$@")
[ ${#kernels[@]} -gt 0 ] || { echo "test-kernels: apt knows no kernels"; exit 3; }
passed=0 failed=0 skipped=0
for kernel in "${kernels[@]}"; do
	"$here/fetch.sh" "$dir" get "$kernel" || { echo "FAIL  $kernel: cannot be downloaded"; failed=$((failed + 1)); continue; }
	# shellcheck disable=SC2086
	"$here/initramfs.sh" "$build" "$dir/$kernel" "$dir/$kernel.initramfs" $tests
	log=$dir/$kernel.log
	boot "$(echo "$dir/$kernel"/boot/vmlinuz-*)" "$dir/$kernel.initramfs" "$log"
	grep -aoE 'KERNEL .*' "$log" | tr -d '\r' || echo "$kernel: did not boot"
	for t in $tests; do
		t=${t%.c}
		code=$(tr -d '\r' < "$log" | sed -n "s|^RESULT $t \([0-9]*\)$|\1|p" | tail -1)
		case $code in
		0) passed=$((passed + 1)); echo "ok    $kernel $t" ;;
		77) skipped=$((skipped + 1)); echo "skip  $kernel $t: $(tr -d '\r' < "$log" | grep -aB1 "^RESULT $t " | head -1)" ;;
		*) failed=$((failed + 1)); echo "FAIL  $kernel $t (exit ${code:-none}); see $log" ;;
		esac
	done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
