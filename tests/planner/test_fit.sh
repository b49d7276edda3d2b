#!/bin/bash
# fit, predict and import colocation from the outside: one good run, and every bad input with its message and exit status.
set -u
cotenant=${COTENANT:-build/cotenant}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
head=victim,neighbours,node_type,metric,alone,shared
bad=0

rows() { { echo $head; printf '%s\n' "$@"; } > "$tmp/in.csv"; }
refuses() { # pattern, command…
	local pattern=$1 out code
	shift
	out=$("$@" 2>&1)
	code=$?
	[ $code = 2 ] && grep -q "$pattern" <<< "$out" && return
	echo "expected exit 2 and /$pattern/ from: $*; got $code: $out"
	bad=1
}
import() { "$cotenant" import colocation "$tmp/in.csv" -o "$tmp/out.json"; }

rows 'a,b,n,time,1,nan'; refuses 'line 2.*shared must be a finite' import
rows 'a,b,n,time,inf,2'; refuses 'line 2.*alone must be a finite' import
rows 'a,b,n,time,1,1.2' 'b,a,n,time,-1,2'; refuses 'line 3.*above 0' import
rows 'a,b,n,latency,0,2'; refuses 'line 2.*above 0' import
rows 'a,b,n,time,1'; refuses 'line 2.*columns' import
rows 'a,b;;c,n,time,1,2'; refuses 'line 2.*neighbour 2 has no name' import
rows ',b,n,time,1,2'; refuses 'line 2.*victim has no name' import
rows 'a,b,n,time,1,1e9'; refuses 'line 2.*one unit' import
echo 'some,other,header' > "$tmp/in.csv"; refuses 'line 1.*header' import
head -c 100000 /dev/urandom > "$tmp/in.csv"; refuses 'in.csv' import
: > "$tmp/in.csv"; refuses 'in.csv' import
rows 'a,b,n,time,1,1.2' 'b,a,n,time,1,1.2'; refuses 'too few' "$cotenant" fit "$tmp/in.csv" -o "$tmp/m.json"
rows 'a,b,n,time,1,1.2' 'b,a,n,time,1,1.2' 'a,a,n,time,1,1.2' 'b,b,n,time,1,1.2'; refuses 'same slowdown' "$cotenant" fit "$tmp/in.csv" -o "$tmp/m.json"
refuses 'metric "p99"' "$cotenant" fit "$tmp/in.csv" --metric p99 -o "$tmp/m.json"

rows 'a,b,n,time,1,1.2' 'b,a,n,throughput,100,80' 'a,a,n,time,1,1.5' 'b,b,m,throughput,100,60' 'a,b;b,n,time,1,1.4' 'b,a;b,m,throughput,100,50' \
	'a,b,n,time,1,1.9' 'c,,n,time,1,1.01' 'a,c,n,time,1,1.1' 'c,a,n,time,1,1.3'
import || bad=1
out=$("$cotenant" fit "$tmp/out.json" -o "$tmp/m.json") || bad=1
for want in 'contradict' 'next: run' 'held-out error' 'noise'; do
	grep -q "$want" <<< "$out" || { echo "fit does not say \"$want\": $out"; bad=1; }
done
refuses 'm.json' "$cotenant" fit "$tmp/out.json" -o "$tmp/m.json"
"$cotenant" predict "$tmp/m.json" --group a,b,b --node-type n | grep -q 'held-out error' || { echo 'predict prints no held-out error'; bad=1; }
"$cotenant" predict "$tmp/m.json" --group a,a,a,a,a,a,a | grep -q extrapolated || { echo 'seven of one are not flagged'; bad=1; }
"$cotenant" predict "$tmp/m.json" --format json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)["predictions"]) == 9' || bad=1
"$cotenant" predict "$tmp/m.json" --count a --limit 1.6 | grep -q 'of a fit on one node' || bad=1
# several metrics: each gets a model, plans go by the first, groups are shown in all
{ echo $head
  for a in a b c; do for b in a b c; do
	echo "$a,$b,n,throughput,100,$((100 - 10 * (${#b} + $(printf %d "'$b") - 96)))"
	echo "$a,$b,n,latency_p99,1,1.$(($(printf %d "'$a") - 90))"
	echo "$a,,n,throughput,100,10$(($(printf %d "'$b") - 96))"
  done; done; } > "$tmp/in.csv"
out=$("$cotenant" fit "$tmp/in.csv" -f -o "$tmp/m2.json") || bad=1
[ "$(grep -c 'held-out error' <<< "$out")" = 2 ] || { echo "two metrics do not give two models: $out"; bad=1; }
grep -q 'noise.* [0-9.]* %' <<< "$out" || { echo "repeats alone give no noise floor: $out"; bad=1; }
"$cotenant" predict "$tmp/m2.json" --group a,b,c | grep -q 'latency_p99' || { echo 'a group is not shown in the tail'; bad=1; }
"$cotenant" predict "$tmp/m2.json" --metric latency_p99 --matrix | grep -q '^latency_p99' || { echo '--metric chooses nothing'; bad=1; }
refuses 'metric mean' "$cotenant" predict "$tmp/m2.json" --metric mean
"$cotenant" predict "$tmp/m2.json" --held-out --format json | python3 -c 'import json, sys
rows = json.load(sys.stdin)["predictions"]
assert len(rows) == 9 and all(r["measured_ratio"] > 0 and r["low_ratio"] <= r["predicted_ratio"] <= r["high_ratio"] for r in rows)' || bad=1
sed 's/"victim": "a"/"victim": "zz"/' "$tmp/m2.json" > "$tmp/broken.json"; refuses 'held_out_runs.*zz' "$cotenant" predict "$tmp/broken.json"
refuses 'does not know the service "x"' "$cotenant" predict "$tmp/m.json" --group a,x
refuses 'does not know it' "$cotenant" predict "$tmp/m.json" --node-type x
refuses 'at least two' "$cotenant" predict "$tmp/m.json" --group a
for change in 's/"cotenant_model": 1/"cotenant_model": 9/' 's/"link": [-0-9.]*/"link": "cubic"/' 's/"scores"/"skores"/' 's/"pressure": \[/"pressure": [-1,/'; do
	sed "$change" "$tmp/m.json" > "$tmp/broken.json"
	refuses 'broken.json' "$cotenant" predict "$tmp/broken.json"
done
# what is particular to a pair may be negative, but a neighbour never makes a service faster
for i in $(seq 6); do for v in a b c; do
	echo "$v,a,n,time,1,1.$((20 + i % 2))"; echo "$v,b,n,time,1,1.$([ $v = a ] && echo $((90 + i % 2)) || echo $((10 + i % 2)))"; echo "$v,c,n,time,1,1.$([ $v = c ] && echo $((80 + i % 2)) || echo $((30 + i % 2)))"
done; done | { echo $head; cat; } > "$tmp/in.csv"
"$cotenant" fit "$tmp/in.csv" -f -o "$tmp/pairs.json" > "$tmp/out" || { echo "no model of pairs: $(cat "$tmp/out")"; bad=1; }
python3 - "$tmp/pairs.json" "$tmp/broken.json" << 'PY' || { echo 'the model of pairs has no pressure of a pair'; bad=1; }
import json, sys
m = json.load(open(sys.argv[1]))
k = next(i for i, name in enumerate(m["pressures"]) if name.startswith("beside "))
assert any(s["responses"][0]["sensitivity"][k] for s in m["services"])
m["services"][0]["responses"][0]["sensitivity"][k] = -50
json.dump(m, open(sys.argv[2], "w"))
PY
refuses 'would become faster' "$cotenant" predict "$tmp/broken.json"
head -c 300 "$tmp/m.json" > "$tmp/broken.json"; refuses 'broken.json' "$cotenant" predict "$tmp/broken.json"
exit $bad
