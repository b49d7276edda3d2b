#!/bin/sh
# Tianchi 2018: free moves and move budgets. bench_tianchi.sh BUILD; DATA = folder with tianchi2018/, SECONDS_EACH (default 60, and 300
# with FULL=1), TIANCHI_CHECK = command of an independent checker that takes FOLDER ANSWER (plain CSV), THREADS.
set -eu
build=${1:-build}
[ -n "${DATA:-}" ] || { echo "skipped: DATA must name the folder of public instances"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/data"
for f in "$DATA"/tianchi2018/*; do
	case $f in *.gz) gzip -dc "$f" > "$work/data/$(basename "$f" .gz)" ;; *) cp "$f" "$work/data/" ;; esac
done
"$build/cotenant" import tianchi2018 "$work/data" -o "$work/i.json"
echo "Tianchi 2018, $(nproc) processors"
printf '%-8s %7s %12s %12s %8s  %s\n' budget seconds cost bound moves judged
once() { # BUDGET SECONDS
	rm -f "$work/p.json" "$work/answer.csv"
	moves=
	[ "$1" = free ] || moves="--max-moves $1"
	"$build/cotenant" plan "$work/i.json" --quiet --time "$2s" --threads "${THREADS:-0}" $moves -o "$work/p.json"
	judged="verify: $("$build/cotenant" verify "$work/i.json" "$work/p.json" | tail -1)" || judged=VIOLATED
	"$build/cotenant" export tianchi2018 "$work/i.json" "$work/p.json" -o "$work/answer.csv"
	[ -z "${TIANCHI_CHECK:-}" ] || judged=$($TIANCHI_CHECK "$work/data" "$work/answer.csv" | tail -1 | sed 's/.*unplaced/unplaced/')
	printf '%-8s %7s %12.2f %12.2f %8d  %s\n' "$1" "$2" "$(jq .cost "$work/p.json")" "$(jq '.lower_bound // 0' "$work/p.json")" \
		"$(jq '.moves | length' "$work/p.json")" "$judged"
}
for seconds in ${SECONDS_EACH:-60} ${FULL:+300}; do
	once free "$seconds"
done
for budget in 1% 5% 10%; do
	once "$budget" "${SECONDS_EACH:-60}"
done
