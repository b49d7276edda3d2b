#!/bin/bash
# Tianchi 2018 or any folder in its form: free moves and move budgets. bench_tianchi.sh BUILD; DATA = folder with tianchi2018/,
# SECONDS_EACH (60) or ITERATIONS (proposals instead of seconds: the same plan on any machine), FULL=1: three seeds, and free moves for
# 300 s too; SEEDS ("1"), LONG ("300") likewise, THREADS (as many as processors), BUDGETS ("1% 5% 10%"), TIANCHI_CHECK = command of an independent
# checker that takes FOLDER ANSWER (plain CSV).
set -eu
build=${1:-build} threads=${THREADS:-$(nproc)} TIMEFORMAT=%U
seeds=${SEEDS:-1${FULL:+ 2 3}} long=${LONG:-${FULL:+300}}
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
printf '%-8s %10s %4s %8s %11s %10s %10s %6s %6s  %s\n' budget search seed cpu_s proposals cost bound nodes moves judged
once() { # BUDGET SEED SEARCH-OPTION SEARCH
	local moves=() judged cpu plan=$work/p.json
	rm -f "$plan" "$work/answer.csv"
	[ "$1" = free ] || moves=(--max-moves "$1")
	{ time "$build/cotenant" plan "$work/i.json" --quiet "$3" "$4" --seed "$2" --threads "$threads" "${moves[@]}" -o "$plan" 2> "$work/plan.err"; } 2> "$work/cpu" ||
		{ cat "$work/plan.err"; exit 1; }
	cpu=$(tail -1 "$work/cpu")
	judged="verify: $("$build/cotenant" verify "$work/i.json" "$plan" | tail -1)" || judged=VIOLATED
	"$build/cotenant" export tianchi2018 "$work/i.json" "$plan" -o "$work/answer.csv"
	[ -z "${TIANCHI_CHECK:-}" ] || judged="$judged; $($TIANCHI_CHECK "$work/data" "$work/answer.csv" | tail -1 | sed 's/.*unplaced/checker: unplaced/')"
	printf '%-8s %10s %4s %8.0f %11d %10.2f %10.2f %6d %6d  %s\n' "$1" "$4" "$2" "$cpu" "$(jq .iterations "$plan")" "$(jq .cost "$plan")" "$(jq '.lower_bound // 0' "$plan")" \
		"$(jq .nodes_used "$plan")" "$(jq .moves "$plan")" "$judged"
}
search=(--time "${SECONDS_EACH:-60}s")
[ -z "${ITERATIONS:-}" ] || search=(--iterations "$ITERATIONS")
for seed in $seeds; do
	once free "$seed" "${search[@]}"
done
for seconds in $long; do
	once free "${seeds%% *}" --time "${seconds}s"
done
for budget in ${BUDGETS-1% 5% 10%}; do
	once "$budget" "${seeds%% *}" "${search[@]}"
done
