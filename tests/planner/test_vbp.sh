#!/bin/sh
# Vector bin packing from file to file: import (both forms, gzip), plan, verify, export; and files that must be refused.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
here=$(dirname "$0")/../..

fail() { echo "$*" >&2; exit 1; }

# An independent judge of the exported answer: every item exactly as often as asked, no bin over its capacity.
judge() {
	awk 'FNR == NR { for (i = 1; i <= NF; i++) v[n++] = $i; next }
	FNR == 1 { bins = $1; d = v[0]; items = v[d + 1]; w = (n - d - 2) / items; next }
	{ seen++; split("", use); for (i = 1; i <= NF; i++) { had[$i]++; for (c = 0; c < d; c++) use[c] += v[d + 2 + ($i - 1) * w + c] }
	  for (c = 0; c < d; c++) if (use[c] > v[1 + c]) { print "bin " seen " is over its capacity"; bad = 1 } }
	END { for (i = 1; i <= items; i++) { want = w > d ? v[d + 2 + (i - 1) * w + d] : 1; if (had[i] != want) { print "item " i; bad = 1 } }
	  if (seen != bins) { print "bins"; bad = 1 } exit bad }' "$1" "$2"
}

run() { # file, bins
	rm -f "$dir"/i.json "$dir"/p.json "$dir"/answer
	"$COTENANT" import vbp "$1" -o "$dir/i.json"
	"$COTENANT" plan "$dir/i.json" --iterations "$3" --threads 1 -o "$dir/p.json" >/dev/null 2>&1
	"$COTENANT" verify "$dir/i.json" "$dir/p.json" >/dev/null || fail "$1: verify"
	"$COTENANT" export vbp "$dir/i.json" "$dir/p.json" -o "$dir/answer"
	[ "$(head -n 1 "$dir/answer")" = "$2" ] || fail "$1: $(head -n 1 "$dir/answer") bins instead of $2"
}

run "$here/datasets/vbp/triplet_classF_60_10_1.vbp" 20 200000
judge "$here/datasets/vbp/triplet_classF_60_10_1.vbp" "$dir/answer"
run "$here/datasets/vbp/new_class1_60_3_2.vbp" 23 200000
judge "$here/datasets/vbp/new_class1_60_3_2.vbp" "$dir/answer"

# Under an iteration budget neither threads nor the clock show: the same answer, byte for byte.
"$COTENANT" import vbp "$here/datasets/vbp/new_class1_60_3_2.vbp" -o "$dir/same.json"
for threads in 1 4; do
	"$COTENANT" plan "$dir/same.json" --iterations 20000 --threads $threads -o "$dir/same$threads" 2>/dev/null
	"$COTENANT" export vbp "$dir/same.json" "$dir/same$threads" -o "$dir/bins$threads"
done
cmp "$dir/bins1" "$dir/bins4" || fail "the answer depends on the number of threads"

printf '2\n10 10\n3\n5 5\n5 5\n6 1\n' >"$dir/plain.vbp"
run "$dir/plain.vbp" 2 10000
judge "$dir/plain.vbp" "$dir/answer"
printf '2\r\n10 10\r\n2\r\n5 5 3\r\n6 1 1\r\n' | gzip >"$dir/counted.vbp.gz"
run "$dir/counted.vbp.gz" 3 10000

refuse() { # what the message must say, file contents
	printf "$2" >"$dir/bad.vbp"
	rm -f "$dir/bad.json"
	! "$COTENANT" import vbp "$dir/bad.vbp" -o "$dir/bad.json" 2>"$dir/message" || fail "accepted: $2"
	grep -q "$1" "$dir/message" || fail "message for $2: $(cat "$dir/message")"
	[ ! -e "$dir/bad.json" ] || fail "left a file behind: $2"
}

refuse 'ends before' '2\n10 10\n3\n5 5\n'
refuse 'from 0 to 10' '2\n10 10\n1\n11 5\n'
refuse 'from 0 to 10' '2\n10 10\n1\n-1 5\n'
refuse 'a capacity' '1\n99999999999999999999\n1\n1\n'
refuse 'text after' '1\n10\n1\n5\n5\n'
refuse 'number of resources' 'x\n'
refuse 'number of items' '1\n10\n0\n'
