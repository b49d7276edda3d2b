#!/bin/bash
# Run every test: tests/*/test_* binaries (cmocka) and tests/*/test_*.sh. Exit code 77 is a skip; its reason is printed.
# usage: tests/run.sh BUILD [unprivileged]      TESTS='glob' limits which ones. Closing line: "N passed, N failed, N skipped".
set -u
build=${1:-build}
mode=${2:-all}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export COTENANT=$PWD/$build/cotenant BUILD=$build
export CMOCKA_MESSAGE_OUTPUT=STDOUT

one() { # name, command…
	local name=$1 start=$SECONDS code
	shift
	timeout -k 10 "${TEST_TIMEOUT:-600}" "$@" > "$log" 2>&1 < /dev/null
	code=$?
	case $code in
	0) passed=$((passed + 1)); printf 'ok    %s (%ds)\n' "$name" $((SECONDS - start)); grep -E '^(figure|note):' "$log" ;;
	77) skipped=$((skipped + 1)); printf 'skip  %s: %s\n' "$name" "$(tail -n 1 "$log")" ;;
	*) failed=$((failed + 1)); printf 'FAIL  %s (exit %d)\n' "$name" $code; tail -n 60 "$log" | sed 's/^/      /' ;;
	esac
}

for t in tests/*/test_*.c tests/*/test_*.sh; do
	[ -e "$t" ] || continue
	# shellcheck disable=SC2254
	case $t in ${TESTS:-*}) ;; *) continue ;; esac
	if [ "$mode" = unprivileged ] && grep -q '^\(#\|//\|/\*\| \*\) *privileged' "$t"; then
		continue
	fi
	case $t in
	*.c) one "${t%.c}" "$build/${t%.c}" ;;
	*.sh) one "$t" bash "$t" ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
