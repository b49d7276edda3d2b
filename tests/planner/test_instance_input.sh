#!/bin/bash
# Bad instances: each is refused with exit status 2 and one message that names the place and the trouble.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
head='"resources":[{"name":"cpu"}],"nodes":[{"id":"n","count":2,"capacity":{"cpu":10},"labels":{"zone":"a"}}]'

refuse() { # what the message must contain, JSON
	printf '%s' "$2" > "$dir/in.json"
	message=$("$COTENANT" plan "$dir/in.json" -t 1s -o "$dir/out.json" 2>&1)
	code=$?
	if [ $code != 2 ] || ! grep -qF -- "$1" <<< "$message" || [ -e "$dir/out.json" ]; then
		echo "want exit 2 and \"$1\", got $code: $message"
		failed=1
	fi
	rm -f "$dir/out.json"
}

service() { # expected message, fields of one service
	refuse "$1" "{$head,\"services\":[{\"id\":\"s\",$2}]}"
}

rule() {
	refuse "$1" "{$head,\"services\":[{\"id\":\"a\",\"replicas\":2},{\"id\":\"b\"}],\"rules\":[$2]}"
}

refuse 'the file is empty' ''
refuse 'ends too early' '{"resources":[{"name":"cpu"'
refuse 'ends too early' "{$head,\"services\":[{\"id\":\"s\""
refuse 'must be a JSON object' '[1,2]'
refuse 'duplicate object key' '{"name":"a","name":"b"}'
refuse 'did you mean "services"' "{$head,\"service\":[]}"
refuse 'services: is missing' "{$head}"
refuse 'at least one resource, one node and one service' '{"resources":[{"name":"cpu"}],"nodes":[],"services":[{"id":"s","demand":{}}]}'
refuse 'nodes[0].capacity.cpu: must be an integer from 0' '{"resources":[{"name":"cpu"}],"nodes":[{"id":"n","capacity":{"cpu":-1}}],"services":[{"id":"s"}]}'
refuse 'too big integer' '{"resources":[{"name":"cpu"}],"nodes":[{"id":"n","capacity":{"cpu":99999999999999999999}}],"services":[{"id":"s"}]}'
refuse 'node id "n" is used twice' '{"resources":[{"name":"cpu"}],"nodes":[{"id":"n","capacity":{}},{"id":"n","capacity":{}}],"services":[{"id":"s"}]}'
refuse 'resource "cpu" stands twice' '{"resources":[{"name":"cpu"},{"name":"cpu"}],"nodes":[],"services":[]}'
refuse 'unknown resource "gpu"' '{"resources":[{"name":"cpu"}],"nodes":[{"id":"n","capacity":{"gpu":1}}],"services":[{"id":"s"}]}'
refuse 'service id "s" is used twice' "{$head,\"services\":[{\"id\":\"s\",\"demand\":{}},{\"id\":\"s\",\"demand\":{}}]}"
service 'services[0].demand.cpu: must be an integer from 0' '"demand":{"cpu":-3}'
service 'services[0].demand.cpu: must be an integer' '"demand":{"cpu":1.5}'
service 'services[0].replicas: must be an integer from 1' '"replicas":0,"demand":{}'
service 'beyond 2^62' '"replicas":1000,"demand":{"cpu":4000000000000000000}'
service 'must have 1 values' '"demand":{"cpu":[1,2]}'
service 'object of percentiles' '"demand":{"cpu":{"p50":1}}'
service 'unknown field "demmand"; did you mean "demand"?' '"demmand":{}'
service 'unknown node "x"' '"demand":{},"nodes":{"only":["x"]}'
service 'leaves no node at all' '"demand":{},"nodes":{"only":[]}'
service 'no node has zone "b"' '"demand":{},"nodes":{"labels":{"zone":["b"]}}'
service 'unknown label "rack"' '"demand":{},"nodes":{"labels":{"rack":["b"]}}'
service 'unknown node "x"' '"demand":{},"current":["x"]'
service 'must be a list of at most 1' '"demand":{},"current":["n-1","n-2"]'
service 'limit: must be a number from 1' '"demand":{},"limit":0.5'
service '1 replicas cannot stand on 2 values of "zone"' '"demand":{},"spread":[{"label":"zone","min_distinct":2}]'
service '3 replicas at 1 per value of "zone"' '"replicas":3,"demand":{},"spread":[{"label":"zone","max_per_value":1}]'
demand_less='"demand":{}'
head_services="\"services\":[{\"id\":\"a\",\"replicas\":2,$demand_less},{\"id\":\"b\",$demand_less}]"
refuse 'unknown group "zz"' "{$head,$head_services,\"rules\":[{\"kind\":\"apart\",\"a\":\"a\",\"b\":\"zz\"}]}"
refuse 'unknown rule "far"' "{$head,$head_services,\"rules\":[{\"kind\":\"far\"}]}"
refuse 'must share a node and must not' "{$head,$head_services,\"rules\":[{\"kind\":\"apart\",\"a\":\"a\",\"b\":\"b\"},{\"kind\":\"near\",\"group\":\"a\",\"of\":\"b\"}]}"
refuse 'leaves it no place' "{$head,$head_services,\"rules\":[{\"kind\":\"cap\",\"where\":\"a\",\"of\":\"a\",\"at_most\":0}]}"
refuse 'unknown term "joy"' "{$head,$head_services,\"objective\":[{\"term\":\"joy\"}]}"
refuse 'max_moves: must be a count' "{$head,$head_services,\"max_moves\":\"many\"}"

# What fits on no node: exit status 1, a partial plan, and the reason with numbers.
printf '{%s,"services":[{"id":"big","demand":{"cpu":11}},{"id":"ok","demand":{"cpu":5}}]}' "$head" > "$dir/in.json"
message=$("$COTENANT" plan "$dir/in.json" -t 1s -o "$dir/out.json" 2>&1)
code=$?
if [ $code != 1 ] || ! grep -qF 'service big fits on no node: it needs 11' <<< "$message" || ! grep -q '"unplaced":1' "$dir/out.json"; then
	echo "no place: exit $code: $message"
	failed=1
fi
rm -f "$dir/out.json"

# Nodes without any capacity: services without demand may stand there, others not; two services share one message each at most.
printf '{"resources":[{"name":"cpu"}],"nodes":[{"id":"z","capacity":{"cpu":0}}],"services":[{"id":"idle","demand":{}},{"id":"busy","demand":{"cpu":1}}]}' > "$dir/in.json"
message=$("$COTENANT" plan "$dir/in.json" -i 100 -o "$dir/out.json" 2>&1)
code=$?
if [ $code != 1 ] || ! grep -qF 'service busy fits on no node: it needs 1' <<< "$message" || ! grep -q '"unplaced":1' "$dir/out.json"; then
	echo "zero capacity: exit $code: $message"
	failed=1
fi
rm -f "$dir/out.json"

# A current placement that breaks a capacity is repaired, and the plan says so.
printf '{%s,"services":[{"id":"a","demand":{"cpu":6},"current":"n-1"},{"id":"b","demand":{"cpu":6},"current":"n-1"}]}' "$head" > "$dir/in.json"
if ! "$COTENANT" plan "$dir/in.json" -t 1s -q -o "$dir/out.json" || ! grep -q 'breaks capacities in 1 places (first: node n-1: cpu at slot 0: load 12 exceeds capacity 10)' "$dir/out.json" ||
	! grep -q '"moves":1,' "$dir/out.json" || ! "$COTENANT" verify "$dir/in.json" "$dir/out.json" > /dev/null; then
	echo "repair of a broken placement failed"
	failed=1
fi
# The move budget, as a count, as a share, and as nonsense.
printf '{%s,"services":[{"id":"a","demand":{"cpu":6},"current":"n-1"},{"id":"b","demand":{"cpu":4},"current":"n-2"}]}' "$head" > "$dir/in.json"
for budget in 0 0%; do
	rm -f "$dir/out.json"
	"$COTENANT" plan "$dir/in.json" -M $budget -i 2000 -q -o "$dir/out.json" && grep -q '"moves":0,' "$dir/out.json" &&
		grep -q '"nodes_used":2,' "$dir/out.json" || { echo "--max-moves $budget was not held"; failed=1; }
done
rm -f "$dir/out.json"
"$COTENANT" plan "$dir/in.json" --max-moves 50% -i 2000 -q -o "$dir/out.json" && grep -q '"nodes_used":1,' "$dir/out.json" ||
	{ echo "--max-moves 50% did not save a node"; failed=1; }
rm -f "$dir/out.json"
"$COTENANT" plan "$dir/in.json" -M -3 -i 10 -q -o "$dir/out.json" 2> /dev/null
[ $? = 2 ] || { echo "--max-moves -3 was taken"; failed=1; }
exit $failed
