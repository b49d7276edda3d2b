#!/bin/bash
# Tianchi 2018 or any folder in its form: free moves and move budgets. bench_tianchi.sh BUILD; DATA = folder with tianchi2018/,
# SECONDS_EACH (default 60, and 300 for free moves with FULL=1) or ITERATIONS (proposals instead of seconds: the same plan on any
# machine), THREADS (default 1), BUDGETS ("1% 5% 10%"), TIANCHI_CHECK = command of an independent checker that takes FOLDER ANSWER (plain CSV).
set -eu
build=${1:-build} threads=${THREADS:-1} TIMEFORMAT=%U
[ -n "${DATA:-}" ] || { echo "skipped: DATA must name the folder of public instances"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/data"
for f in "$DATA"/tianchi2018/*; do
	case $f in *.gz) gzip -dc "$f" > "$work/data/$(basename "$f" .gz)" ;; *) cp "$f" "$work/data/" ;; esac
done
"$build/cotenant" import tianchi2018 "$work/data" -o "$work/i.json"
echo "Tianchi 2018: $(nproc) processors, $threads thread(s), load $(cut -d' ' -f1 /proc/loadavg)"
echo "budget: of running replicas that may move; cpu_s: of the whole command"
printf '%-8s %12s %8s %12s %12s %6s %8s  %s\n' budget search cpu_s cost bound nodes moves judged
once() { # BUDGET SEARCH-OPTION SEARCH
	local moves=() judged cpu plan=$work/p.json
	rm -f "$plan" "$work/answer.csv"
	[ "$1" = free ] || moves=(--max-moves "$1")
	{ time "$build/cotenant" plan "$work/i.json" --quiet "$2" "$3" --threads "$threads" "${moves[@]}" -o "$plan" 2> "$work/plan.err"; } 2> "$work/cpu" ||
		{ cat "$work/plan.err"; exit 1; }
	cpu=$(tail -1 "$work/cpu")
	judged="verify: $("$build/cotenant" verify "$work/i.json" "$plan" | tail -1)" || judged=VIOLATED
	"$build/cotenant" export tianchi2018 "$work/i.json" "$plan" -o "$work/answer.csv"
	[ -z "${TIANCHI_CHECK:-}" ] || judged="$judged; $($TIANCHI_CHECK "$work/data" "$work/answer.csv" | tail -1 | sed 's/.*unplaced/checker: unplaced/')"
	printf '%-8s %12s %8.0f %12.2f %12.2f %6d %8d  %s\n' "$1" "$3" "$cpu" "$(jq .cost "$plan")" "$(jq '.lower_bound // 0' "$plan")" \
		"$(jq .nodes_used "$plan")" "$(jq .moves "$plan")" "$judged"
}
if [ -n "${ITERATIONS:-}" ]; then
	for budget in free ${BUDGETS-1% 5% 10%}; do
		once "$budget" --iterations "$ITERATIONS"
	done
	exit
fi
for seconds in ${SECONDS_EACH:-60} ${FULL:+300}; do
	once free --time "${seconds}s"
done
for budget in ${BUDGETS-1% 5% 10%}; do
	once "$budget" --time "${SECONDS_EACH:-60}s"
done
