#!/bin/bash
# What cannot be placed: exit status 1, a partial plan, and the smallest set that conflicts, by name, without bystanders.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
nodes='"resources":[{"name":"cpu"}],"nodes":[{"id":"n","count":3,"capacity":{"cpu":10},"labels":{"zone":"a"}},{"id":"m","capacity":{"cpu":10},"labels":{"zone":"b"}}]'

expect() { # name, what a reason must say, what no reason may say, the rest of the instance, options
	local name=$1 says=$2 never=$3 rest=$4
	shift 4
	printf '{%s,%s}' "$nodes" "$rest" > "$dir/in.json"
	rm -f "$dir/out.json"
	"$COTENANT" plan "$dir/in.json" -i 5000 -q "$@" -o "$dir/out.json" 2> "$dir/err"
	code=$?
	grep '^"' "$dir/out.json" | sed -n '/^"reasons"/,/^"move_list"/p' > "$dir/reasons"
	if [ $code != 1 ] || ! grep -qF -- "$says" "$dir/reasons" || { [ -n "$never" ] && grep 'no plan can place' "$dir/reasons" | grep -qF -- "$never"; }; then
		echo "$name: exit $code; want \"$says\", never \"$never\""
		cat "$dir/reasons" "$dir/err"
		failed=1
	fi
	"$COTENANT" verify "$dir/in.json" "$dir/out.json" > "$dir/verdict"
	[ $? = 1 ] && grep -q 'is not placed' "$dir/verdict" || { echo "$name: verify: $(cat "$dir/verdict")"; failed=1; }
}

pin='"nodes":{"only":["n-1","n-2"]}'
# Three that must keep apart on two nodes; the bystander on the same two nodes has nothing to do with it.
expect apart 'no plan can place all of: a, b, c; no arrangement fits the 2 nodes that they may use (n-1, n-2) under: at most' bystander \
	"\"services\":[{\"id\":\"a\",\"demand\":{\"cpu\":1},$pin},{\"id\":\"b\",\"demand\":{\"cpu\":1},$pin},{\"id\":\"c\",\"demand\":{\"cpu\":1},$pin},{\"id\":\"bystander\",\"demand\":{\"cpu\":1},$pin}],
	\"rules\":[{\"kind\":\"apart\",\"a\":\"a\",\"b\":\"b\"},{\"kind\":\"apart\",\"a\":\"b\",\"b\":\"c\"},{\"kind\":\"apart\",\"a\":\"a\",\"b\":\"c\"}]"
# Two that together exceed the one node they are pinned to; a small third one does not matter.
expect volume 'together they need more than the sum of the 1 nodes that they may use (n-1)' small \
	'"services":[{"id":"x","demand":{"cpu":6},"nodes":{"only":["n-1"]}},{"id":"y","demand":{"cpu":6},"nodes":{"only":["n-1"]}},{"id":"small","demand":{"cpu":1},"nodes":{"only":["n-1"]}}]'
# No single column is short, but three of 6 do not fit two nodes of 10.
expect shapes 'no arrangement fits the 2 nodes that they may use (n-1, n-2)' '' \
	"\"services\":[{\"id\":\"p\",\"replicas\":3,\"demand\":{\"cpu\":6},$pin}]"
# A dependency that cannot be met in its zone.
expect near 'web needs cache on its zone' '' \
	'"services":[{"id":"web","demand":{"cpu":1},"nodes":{"labels":{"zone":["b"]}}},{"id":"cache","demand":{"cpu":1},"nodes":{"labels":{"zone":["a"]}}}],
	"rules":[{"kind":"near","group":"web","of":"cache","label":"zone"}]'
# A move budget that does not reach to repair what runs in breach today.
expect budget 'the 0 moves allowed are used up' '' \
	'"services":[{"id":"a","demand":{"cpu":6},"current":"n-1"},{"id":"b","demand":{"cpu":6},"current":"n-1"}]' -M 0
exit $failed
