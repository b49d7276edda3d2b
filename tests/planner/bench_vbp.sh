#!/bin/sh
# Vector bin packing against known optima. Usage: bench_vbp.sh BUILD. DATA/vbp is a folder with known.csv (family, instance, lower_bound,
# optimum or empty, best_of_320_heuristics) and instances.tar.gz (family/instance.vbp). Environment: FULL=1 all
# instances, else every STEP-th (default 60); TIME per instance (10s), THREADS (2). Peer: glpsol on the smallest, where installed.
set -eu
cotenant=${1:-build}/cotenant
[ -r "${DATA:-}/vbp/known.csv" ] || { echo "bench_vbp: set DATA to the folder of public instances; skipped"; exit 0; }
data=$DATA/vbp
step=${STEP:-60}
[ "${FULL:-0}" = 1 ] && step=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tar -xzf "$data/instances.tar.gz" -C "$dir"

tail -n +2 "$data/known.csv" | awk -v step="$step" 'NR % step == 1 || step == 1' | while IFS=, read -r family name lower optimum best; do
	rm -f "$dir/i.json" "$dir/p.json"
	"$cotenant" import vbp "$dir/$family/$name.vbp" -o "$dir/i.json"
	"$cotenant" plan "$dir/i.json" --time "${TIME:-10s}" --threads "${THREADS:-2}" -o "$dir/p.json" >/dev/null 2>&1 || true
	"$cotenant" verify "$dir/i.json" "$dir/p.json" >/dev/null && valid=1 || valid=0
	bins=$("$cotenant" export vbp "$dir/i.json" "$dir/p.json" | head -n 1)
	bound=$(sed -n 's/.*"lower_bound": *\([0-9.]*\).*/\1/p' "$dir/p.json" | head -n 1)
	echo "$family,$name,$valid,${bins:-0},${bound:-0},$lower,$optimum,$best"
done >"$dir/result"

awk -F, '
function count(f) {
	n[f]++; invalid[f] += !$3; bound = int($5 + 0.999999); proved[f] += $4 == bound; worse[f] += $4 > $8
	if ($7 != "") { known[f]++; hit[f] += $4 == $7; tight[f] += bound == $7; excess[f] += $4 - $7; was[f] += $8 == $7; old[f] += $6 == $7 }
}
{ count($1); count("all") }
END {
	print "family      n  invalid  known  optimum hit  published hit  bound=optimum  published bound  bins over  worse than published  proved"
	for (f in n)
		printf "%-9s %3d %8d %6d %12d %14d %14d %16d %10d %21d %7d\n", f, n[f], invalid[f], known[f], hit[f], was[f], tight[f], old[f], excess[f], worse[f], proved[f]
}' "$dir/result"
[ -z "${DETAILS:-}" ] || cp "$dir/result" "$DETAILS"

# A peer where installed: the assignment model (bin used, item in bin), on instances of 20 items.
command -v glpsol >/dev/null || exit 0
model() {
	awk '{ for (i = 1; i <= NF; i++) v[n++] = $i } END { d = v[0]; k = v[d + 1]; w = (n - d - 2) / k; m = int(k / 2) + 1
	print "Minimize\n bins:"; for (b = 0; b < m; b++) printf " + y%d\n", b; print "Subject To"
	for (i = 0; i < k; i++) { for (b = 0; b < m; b++) printf " + x%d_%d\n", i, b; print " = 1" }
	for (b = 0; b < m; b++) for (c = 0; c < d; c++) { for (i = 0; i < k; i++) printf " + %d x%d_%d\n", v[d + 2 + i * w + c], i, b; printf " - %d y%d <= 0\n", v[1 + c], b }
	print "Binary"; for (b = 0; b < m; b++) { printf " y%d\n", b; for (i = 0; i < k; i++) printf " x%d_%d\n", i, b } print "End" }' "$1"
}
solved=0 tried=0
for name in $(grep '_20_' "$dir/result" | head -n 5 | cut -d, -f1,2 | tr , /); do
	model "$dir/$name.vbp" >"$dir/m.lp"
	glpsol --lp "$dir/m.lp" --tmlim 10 -o "$dir/m.out" >/dev/null 2>&1 || true
	tried=$((tried + 1))
	grep -q 'INTEGER OPTIMAL' "$dir/m.out" && solved=$((solved + 1))
done
echo "glpsol, assignment model, 20 items, 10 s: proved $solved of $tried"
