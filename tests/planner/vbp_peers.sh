#!/bin/sh
# Open solvers, where installed, on the smallest instances of a finished benchmark: the assignment model (bin in use, item in bin)
# with as many bins as the published best has. Usage: vbp_peers.sh FOLDER DETAILS N; FOLDER/family/instance.vbp, DETAILS as
# bench_vbp.sh writes it. Same time for each as the planner had (TIME, default 10s), one thread.
set -eu
folder=$1 details=$2 n=$3
seconds=${TIME:-10s} seconds=${seconds%s}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instance bins -> linear program in CPLEX form
model() {
	awk -v bins="$2" '{ for (i = 1; i <= NF; i++) v[n++] = $i } END { d = v[0]; k = v[d + 1]; w = (n - d - 2) / k; m = bins + 0
	print "Minimize\n bins:"; for (b = 0; b < m; b++) printf " + y%d\n", b; print "Subject To"
	for (i = 0; i < k; i++) { for (b = 0; b < m; b++) printf " + x%d_%d\n", i, b; print " = 1" }
	for (b = 0; b < m; b++) for (c = 0; c < d; c++) { for (i = 0; i < k; i++) printf " + %d x%d_%d\n", v[d + 2 + i * w + c], i, b; printf " - %d y%d <= 0\n", v[1 + c], b }
	print "Binary"; for (b = 0; b < m; b++) { printf " y%d\n", b; for (i = 0; i < k; i++) printf " x%d_%d\n", i, b } print "End" }' "$1"
}

# One function per peer: model file -> does it prove an optimum?
limit=$((2 * seconds + 5)) # a peer that does not watch its time is stopped
prove_glpsol() { timeout $limit glpsol --lp "$1" --tmlim "$seconds" -o "$work/out" >/dev/null 2>&1; grep -qs 'INTEGER OPTIMAL' "$work/out"; }
prove_cbc() { timeout $limit cbc "$1" -sec "$seconds" -threads 1 -solve -solu "$work/out" >/dev/null 2>&1; head -n 1 "$work/out" 2>/dev/null | grep -q '^Optimal - '; }

for items in 20 40; do
	awk -F, -v items="$items" '$2 ~ "_" items "_"' "$details" | awk -F, -v n="$n" '{ line[NR] = $0 } END {
		for (i = 1; i <= NR && i <= n; i++) print line[int((i - 1) * NR / (n < NR ? n : NR)) + 1] }' >"$work/some"
	tried=$(grep -c . "$work/some") || continue
	ours=$(awk -F, '$4 == int($5 + 0.999999)' "$work/some" | wc -l)
	echo "cotenant, $items items, $seconds s: proved $ours of $tried"
	for peer in glpsol cbc; do
		command -v $peer >/dev/null || { echo "$peer: not installed; skipped"; continue; }
		solved=0
		while IFS=, read -r family name _ _ _ _ _ best _; do
			rm -f "$work/out"
			model "$folder/$family/$name.vbp" "$best" >"$work/m.lp"
			! prove_$peer "$work/m.lp" || solved=$((solved + 1))
		done <"$work/some"
		echo "$peer, assignment model, $items items, $seconds s: proved $solved of $tried"
	done
done
