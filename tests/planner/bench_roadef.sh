#!/bin/sh
# ROADEF/EURO 2012: one line per instance. bench_roadef.sh BUILD; DATA = folder with roadef2012/ (model_*, assignment_*, best_known.csv),
# SECONDS_EACH (default 30), FULL=1 for all instances (default: one of each kind), ROADEF_CHECK = independent checker, THREADS.
set -eu
build=${1:-build}
[ -n "${DATA:-}" ] || { echo "skipped: DATA must name the folder of public instances"; exit 0; }
data=$DATA/roadef2012
seconds=${SECONDS_EACH:-30}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names='a1_1 a1_4 a2_2 a2_5 b_1'
[ -z "${FULL:-}" ] || names=$(cut -d, -f1 "$data/best_known.csv" | tail -n +2)
plain() { case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac; }
echo "ROADEF 2012, $seconds s each, $(nproc) processors; score = (cost - reference) / initial * 100; reference: best_known.csv"
printf '%-6s %16s %16s %16s %9s  %s\n' instance cost reference bound score judged
for name in $names; do
	model=$(ls "$data/model_$name".* | head -1)
	start=$(ls "$data/assignment_$name".* | head -1)
	"$build/cotenant" import roadef2012 "$model" "$start" -o "$work/$name.json"
	"$build/cotenant" plan "$work/$name.json" --quiet --time "${seconds}s" --threads "${THREADS:-0}" -o "$work/$name.plan"
	judged="verify: $("$build/cotenant" verify "$work/$name.json" "$work/$name.plan" | tail -1)" || judged="VIOLATED"
	"$build/cotenant" export roadef2012 "$work/$name.json" "$work/$name.plan" -o "$work/$name.answer"
	if [ -n "${ROADEF_CHECK:-}" ]; then
		plain "$model" > "$work/model"
		plain "$start" > "$work/start"
		judged=$("$ROADEF_CHECK" "$work/model" "$work/start" "$work/$name.answer" | cut -d' ' -f1-3) || judged="REFUSED: $judged"
	fi
	cost=$(jq -r .cost "$work/$name.plan")
	bound=$(jq -r '.lower_bound // "n/a"' "$work/$name.plan")
	row=$(grep "^$name," "$data/best_known.csv" || echo "$name,,,,")
	echo "$row" | awk -F, -v cost="$cost" -v bound="$bound" -v judged="$judged" '{
		reference = $5 != "" ? $5 : $4
		printf "%-6s %16.0f %16s %16s %9s  %s\n", $1, cost, reference, bound, (reference != "" ? sprintf("%.3f", (cost - reference) / $2 * 100) : "n/a"), judged }'
	rm -f "$work/$name".*
done | tee "$work/table"
awk '$5 != "n/a" { sum += $5 } END { printf "sum of scores %.3f over %d instances\n", sum, NR }' "$work/table"
