#!/bin/bash
# The scale problem: a seeded fleet of 100,000 services on 10,000 nodes, 6 resources, 24 slots, spread and conflicts. Prints the first plan
# (a budget of one step), a plan at 60 s, and a replan after 1 % churn with at most 2 % moves. Without FULL=1 a tenth of the
# size. Interference limits are not part of this table yet: they need a fitted model for the generated services.
set -u
build=${1:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
services=10000 nodes=1000 rules=2000 budget=20s
[ "${FULL:-0}" = 1 ] && services=100000 nodes=10000 rules=20000 budget=60s
"$build/tests/planner/bench_planted" $services $nodes 24 6 12 $rules 1 "$dir/fleet.json" 1 "$dir/churn.json" || exit 1

row() { # name, instance, options of plan
	local name=$1 instance=$2
	shift 2
	rm -f "$dir/plan.json"
	/usr/bin/time -f '%M' -o "$dir/rss" "$build/cotenant" plan "$instance" "$@" -q -o "$dir/plan.json" || { echo "$name: no plan"; return; }
	"$build/cotenant" verify "$instance" "$dir/plan.json" > "$dir/verdict" || { echo "$name: $(tail -n 1 "$dir/verdict")"; return; }
	sed -n 's/.*"nodes_used":\([0-9]*\).*/\1/p; s/^"lower_bound":\([0-9.]*\),"gap_ratio":\([0-9.e-]*\).*/\1 \2/p; s/.*"solve_time_s":\([0-9.]*\).*/\1/p; s/.*"moves":\([0-9]*\),"detours.*/\1/p' "$dir/plan.json" |
		head -n 4 | paste -sd' ' | while read -r used bound gap moves seconds; do
		awk -v n="$name" -v u="$used" -v b="$bound" -v g="$gap" -v s="$seconds" -v m="$moves" -v r="$(tail -n 1 "$dir/rss")" \
			'BEGIN { printf "  %-24s %6d nodes  bound %6d  gap %6.2f %%  %6d moves  solve %7.2f s  %5d MiB\n", n, u, b, g * 100, m, s, r / 1024 }'
	done
}

echo "$services services on $nodes nodes, 6 resources x 24 slots, up to $((2 * rules)) rules"
row 'first plan' "$dir/fleet.json" -i 1
row "plan, $budget" "$dir/fleet.json" -t $budget
row 'replan, 1 % churn' "$dir/churn.json" -i 1 -M 2%
exit 0
