#!/bin/sh
# The analyser's path checks that call code wrong whose invariants it cannot see are off; ASan and UBSan watch those.
# Static analysis: cppcheck on every C file outside BPF; clang-tidy where it is installed (bug-prone and analyser checks).
set -eu
files=$(git ls-files '*.c' | grep -v '\.bpf\.c$')
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 --library=gnu -D__x86_64__ \
	--suppress=missingIncludeSystem --suppress=missingInclude --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches -I. $files
if command -v clang-tidy > /dev/null; then
	# shellcheck disable=SC2086
	clang-tidy --quiet --warnings-as-errors='*' \
		--checks='-*,bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-bugprone-assignment-in-if-condition,-bugprone-branch-clone,-bugprone-macro-parentheses,-clang-analyzer-security.insecureAPI.*,-bugprone-signal-handler,-bugprone-suspicious-string-compare,-clang-analyzer-valist.Uninitialized,-clang-analyzer-core.NullDereference,-clang-analyzer-core.DivideZero,-clang-analyzer-core.UndefinedBinaryOperatorResult,-clang-analyzer-core.CallAndMessage,-clang-analyzer-core.uninitialized.*,-clang-analyzer-deadcode.DeadStores,-clang-analyzer-security.FloatLoopCounter,-clang-analyzer-optin.performance.Padding,-clang-analyzer-unix.Malloc,-bugprone-sizeof-expression,-bugprone-integer-division' \
		$files -- -std=gnu17 -D_GNU_SOURCE -DCOTENANT_VERSION='"lint"' -I. -Ibuild 2>/dev/null
else
	echo "lint: clang-tidy is not installed, skipped"
fi
echo "lint: clean"
