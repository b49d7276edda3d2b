#!/bin/bash
# The scale problem: a seeded fleet of 100,000 services on 10,000 nodes, 6 resources, 24 slots, spread and conflicts, and the same with
# slowdown limits under a model. Rows: the first plan (a budget of one step), a plan in the time given, a replan after 1 % churn with at
# most 2 % moves, all judged by verify. Then smaller fleets of other shapes, since nothing may be tuned to one. FULL=0: a tenth
# of the size and of the time; SHAPES=0: without the other shapes. Columns: nodes; what the proven bound says; what the planted packing
# needs (at least the optimum); moves; time to the first plan within the solver; wall and CPU time of the whole program, reading and
# writing included; peak memory.
set -u
build=${1:-build}
threads=${THREADS:-$(nproc)}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
services=10000 nodes=1000 rules=2000 budget=6s shape_budget=3s
[ "${FULL:-0}" = 1 ] && services=100000 nodes=10000 rules=20000 budget=60s shape_budget=20s

field() { sed -n "s/.*\"$1\":\([-0-9.e]*\).*/\1/p" "$dir/plan.json" | head -n 1; }

row() { # name, instance, planted nodes, model or "", options of plan
	local name=$1 instance=$2 planted=$3 model=$4
	shift 4
	[ -n "$model" ] && set -- "$@" -m "$model"
	rm -f "$dir/plan.json"
	/usr/bin/time -f '%U %S %M %e' -o "$dir/use" "$build/cotenant" plan "$instance" "$@" -j "$threads" -q -o "$dir/plan.json"
	[ -s "$dir/plan.json" ] || { echo "  $name: no plan"; return; }
	"$build/cotenant" verify "$instance" "$dir/plan.json" ${model:+-m "$model"} > "$dir/verdict" || echo "  $name: $(tail -n 1 "$dir/verdict")"
	tail -n 1 "$dir/use" |
		awk -v n="$name" -v u="$(field nodes_used)" -v c="$(field cost)" -v b="$(field lower_bound)" -v p="$planted" -v m="$(field moves)" -v f="$(field first_plan_s)" \
		'{ printf "  %-30s %7d nodes  %6.2f %% over bound  %6.2f %% over planted  %5d moves  first %6.2f s  wall %6.2f s  CPU %6.1f s  %5d MiB\n",
			n, u, (c / b - 1) * 100, (c / p - 1) * 100, m, f, $4, $1 + $2, $3 / 1024 }'
}

echo "$services services on $nodes nodes, 6 resources x 24 slots, up to $((2 * rules)) rules, $threads threads"
planted=$("$build/tests/planner/bench_planted" $services $nodes 24 6 12 $rules 1 "$dir/fleet.json" 1 "$dir/churn.json" "$dir/model.json" "$dir/limits.json") || exit 1
row 'first plan' "$dir/fleet.json" "$planted" '' -i 1
row "plan, $budget" "$dir/fleet.json" "$planted" '' -t $budget
row 'limits: first plan' "$dir/limits.json" "$planted" "$dir/model.json" -i 1
row "limits: plan, $budget" "$dir/limits.json" "$planted" "$dir/model.json" -t $budget
row 'replan, 1 % churn, 2 % moves' "$dir/churn.json" "$planted" '' -i 1 -M 2%
[ "${SHAPES:-1}" = 0 ] && exit 0

if [ "${FULL:-0}" = 1 ]; then
	rm -f "$dir"/*.json
	planted=$("$build/tests/planner/bench_planted" 1000000 100000 1 2 12 0 1 "$dir/million.json") || exit 1
	row 'a million services, 2 resources' "$dir/million.json" "$planted" '' -i 1
fi
echo "other shapes, $shape_budget each: services / nodes / slots / resources / services per node / kinds of nodes"
while read -r s n t r k kinds; do
	rm -f "$dir/shape.json"
	planted=$("$build/tests/planner/bench_planted" "$s" "$n" "$t" "$r" "$k" $((s / 5)) 7 "$dir/shape.json" "" "" "" "" "$kinds") || exit 1
	row "$s/$n/$t/$r/$k/$kinds" "$dir/shape.json" "$planted" '' -t $shape_budget
done << 'END'
12000 1400 1 2 10 1
12000 1400 1 6 10 1
12000 1400 1 10 10 1
12000 1400 24 3 10 1
6000 700 96 3 10 1
4500 1600 24 6 3 1
30000 900 24 6 40 1
12000 1400 24 4 10 3
END
exit 0
