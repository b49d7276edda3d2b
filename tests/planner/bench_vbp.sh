#!/bin/sh
# Vector bin packing against known optima. Usage: bench_vbp.sh BUILD. DATA/vbp is a folder with known.csv (family, instance,
# lower_bound, optimum or empty, best_of_320_heuristics) and instances.tar.gz (family/instance.vbp). Environment: FULL=1 all
# instances, else every STEP-th (default 6; about 7 minutes); TIME per instance (10s); THREADS each (2) and JOBS at once (1).
# DETAILS=FILE keeps a line per instance; what stands there already is not run again. PART=I/N runs only the I-th of N disjoint
# parts, one for each process that runs at the same time, each with its DETAILS; ONLY=1 runs nothing and prints the table of
# DETAILS, which may be several joined. PEERS=N instances for the peers (default 5, 0 none).
# Every plan is judged by `verify` and again here, from the exported bins alone.
set -eu
cotenant=${1:-build}/cotenant
[ -r "${DATA:-}/vbp/known.csv" ] || { echo "bench_vbp: set DATA to the folder of public instances; skipped"; exit 0; }
data=$DATA/vbp
step=${STEP:-6} part=${PART:-1/1}
[ "${FULL:-0}" = 1 ] && step=1
case $part in
[1-9]/[1-9]) [ "${part%/*}" -le "${part#*/}" ] || { echo "bench_vbp: PART=$part: the first number may not exceed the second" >&2; exit 2; } ;;
*) echo "bench_vbp: PART=$part: must be I/N, like 1/2" >&2; exit 2 ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tar -xzf "$data/instances.tar.gz" -C "$dir"
details=${DETAILS:-$dir/details}
touch "$details"

cat >"$dir/one" <<'EOF'
#!/bin/sh
# family name lower optimum best -> one line
set -eu
w=$(mktemp -d "$DIR/w.XXXXXX")
"$COTENANT" import vbp "$DIR/$1/$2.vbp" -o "$w/i.json"
"$COTENANT" plan "$w/i.json" --time "$TIME" --threads "$THREADS" -o "$w/p.json" >/dev/null 2>&1 || true
"$COTENANT" verify "$w/i.json" "$w/p.json" >/dev/null && valid=1 || valid=0
"$COTENANT" export vbp "$w/i.json" "$w/p.json" -o "$w/bins"
awk 'FNR == NR { for (i = 1; i <= NF; i++) v[n++] = $i; next }
	FNR == 1 { bins = $1; d = v[0]; items = v[d + 1]; w = (n - d - 2) / items; next }
	{ seen++; split("", use); for (i = 1; i <= NF; i++) { had[$i]++; for (c = 0; c < d; c++) use[c] += v[d + 2 + ($i - 1) * w + c] }
	  for (c = 0; c < d; c++) if (use[c] > v[1 + c]) bad = 1 }
	END { for (i = 1; i <= items; i++) if (had[i] != (w > d ? v[d + 2 + (i - 1) * w + d] : 1)) bad = 1
	  exit bad || seen != bins }' "$DIR/$1/$2.vbp" "$w/bins" || valid=0
field() { sed -n "s/.*\"$1\": *\"\\{0,1\\}\\([0-9a-z_.]*\\).*/\\1/p" "$w/p.json" | head -n 1; }
echo "$1,$2,$valid,$(head -n 1 "$w/bins"),$(field lower_bound),$3,$4,$5,$(field solve_time_s),$(field solver),$(field bound_name)"
rm -rf "$w"
EOF
chmod +x "$dir/one"

tail -n +2 "$data/known.csv" | tr -d '\r' | awk -v step="$step" 'NR % step == 1 || step == 1' |
awk -v part="${part%/*}" -v parts="${part#*/}" 'NR % parts == part - 1' |
awk -v only="${ONLY:-0}" '!only' |
awk -F, 'FILENAME != "-" { done[$1 "," $2]; next } !(($1 "," $2) in done) { printf "%s %s %s %s %s\n", $1, $2, $3, $4 == "" ? "?" : $4, $5 }' "$details" - |
DIR=$dir COTENANT=$cotenant TIME=${TIME:-10s} THREADS=${THREADS:-2} xargs -r -P "${JOBS:-1}" -L 1 "$dir/one" >>"$details"

awk -F, '
function count(f) {
	n[f]++; invalid[f] += !$3; bound = int($5 + 0.999999); proved[f] += $4 == bound; worse[f] += $4 > $8; time[f] += $9
	if ($7 != "?") { known[f]++; hit[f] += $4 == $7; tight[f] += bound == $7; excess[f] += $4 - $7; was[f] += $8 == $7; old[f] += $6 == $7; wrong[f] += $4 < $7 || bound > $7 }
}
function line(f) {
	printf "%-18s %4d %7d %5d %5d %9d %5d %9d %4d %5d %6d %6d %7.2f\n", f, n[f], invalid[f], known[f], hit[f], was[f], tight[f], old[f], excess[f], worse[f], proved[f], wrong[f], time[f] / n[f]
}
{ sub(/\r/, "", $8); $8 += 0; class = $2; sub(/_.*/, "", class); if (!(($1 " " class) in n)) order[++m] = $1 " " class; if (!($1 in n)) families[++k] = $1
  count($1 " " class); count($1); count("all") }
END {
	print "hit: bins = known optimum; tight: rounded bound = known optimum; (pub): published best of 320 heuristics, published bound; wrong: contradicts the known optimum"
	print "class                 n invalid known   hit hit(pub) tight tight(pub) over worse proved  wrong  mean s"
	for (i = 1; i <= m; i++) line(order[i])
	for (i = 1; i <= k; i++) line(families[i])
	line("all")
}' "$details"

[ "${PEERS:-5}" = 0 ] || tests/planner/vbp_peers.sh "$dir" "$details" "${PEERS:-5}"
