#!/bin/bash
# report on files: formats of a plan with model, same bytes twice, size of a large fleet, and every bad input.
set -eu
here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$here"
report() { "$COTENANT" report "$@"; }
fail() { echo "FAIL: $*"; exit 1; }
refuse() { # status, text that the message must have, arguments…
	local want=$1 text=$2 code=0
	shift 2
	report "$@" > "$dir/out" 2> "$dir/err" || code=$?
	[ $code = "$want" ] || { cat "$dir/err"; fail "exit $code instead of $want: report $*"; }
	grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "message lacks \"$text\": report $*"; }
	[ "$(wc -l < "$dir/err")" = 1 ] || { cat "$dir/err"; fail "not one message: report $*"; }
}

python3 generate.py "$dir" 24 10 24
all=("$dir/plan.json" "$dir/model.json" --instance "$dir/instance.json")
for format in text html json csv; do
	report "${all[@]}" --format $format -o "$dir/a.$format"
	report "${all[@]}" --format $format > "$dir/b.$format"
	cmp "$dir/a.$format" "$dir/b.$format"
done
python3 html_check.py "$dir/a.html"
python3 - "$dir" <<'PY'
import csv, json, math, sys
d = sys.argv[1]
report = json.load(open(f"{d}/a.json"))
tables = {t["id"]: t for s in report["sections"] for t in s["tables"]}
for name in "plan utilisation nodes packing slowdown moves loss loss_labels growth growth_curve reasons pairs curve_cpu held_out".split():
    assert name in tables, name
    assert all(len(r) == len(tables[name]["columns"]) for r in tables[name]["rows"]), name
rows = list(csv.reader(open(f"{d}/a.csv", newline="")))
assert all(len(r) == 6 for r in rows)
assert len(rows) - 1 == sum(len(t["rows"]) * len(t["columns"]) for t in tables.values())
# Twin: node utilisation recomputed from the files.
instance, plan = json.load(open(f"{d}/instance.json")), json.load(open(f"{d}/plan.json"))
demand = {s["id"]: s["demand"] for s in instance["services"]}
load = {}
for p in plan["placements"]:
    for r in ("cpu_mcpu", "mem_bytes", "disk_io_per_s"):
        v = demand[p["service"]][r]
        v = v if isinstance(v, list) else [v] * 24
        load.setdefault((p["node"], r), [0] * 24)
        load[p["node"], r] = [a + b for a, b in zip(load[p["node"], r], v)]
got = {(r[0], r[2]): r[3] for r in tables["nodes"]["rows"] if r[1] == "planned"}
cap = instance["nodes"][0]["capacity"]
for (node, r), v in load.items():
    assert abs(got[node, r] - max(v) / cap[r]) < 1e-9, (node, r)
# Two forms' parts of one resource are one curve, which answers by their sum.
model = json.load(open(f"{d}/model.json"))
parts = [k for k, name in enumerate(model["pressures"]) if name.startswith("cpu")]
answer = {s["name"]: sum(s["responses"][0]["sensitivity"][k] for k in parts) for s in model["services"]}
assert len(parts) == 2 and [t for t in tables if t.startswith("curve_cpu")] == ["curve_cpu"]
for pressure, service, level, slowdown, *_ in tables["curve_cpu"]["rows"]:
    assert pressure == "cpu" and abs(slowdown - math.exp(level * answer[service])) < 1e-9, (service, level)
# Growth: 1.08^m · fill must fit, 1.08^(m+1) must not.
for r in tables["growth"]["rows"]:
    assert r[1] * 1.08 ** r[4] <= 1 + 1e-9 < r[1] * 1.08 ** (r[4] + 1) + 1e-9, r
PY
report "${all[@]}" --table moves --format csv | head -1 | grep -q '^step,service,replica,from,to,detour' || fail "one table"
awk '{ gsub(/\302\240|→|·|×|…/, "x"); if (length($0) > 90) exit 1 }' "$dir/a.text" || fail "text is too wide"
if NO_COLOR=1 report "${all[@]}" | grep -q $'\033'; then fail "colour without a terminal"; fi

refuse 2 "cannot open" "$dir/none.db"
head -c 100000000 /dev/zero | tr '\0' 'x' > "$dir/garbage"
refuse 2 "neither a session" "$dir/garbage"
: > "$dir/empty"
refuse 2 "is empty" "$dir/empty"
head -c 5000 "$dir/plan.json" > "$dir/cut.json"
refuse 2 "cut.json" "$dir/cut.json" --instance "$dir/instance.json"
echo '{"a": 1}' > "$dir/other.json"
refuse 2 "no plan, instance or model" "$dir/other.json"
refuse 2 "--instance" "$dir/plan.json"
refuse 2 "format" "${all[@]}" --format pdf
refuse 2 "not in this report" "${all[@]}" --table nonsense
refuse 2 "second model" "${all[@]}" "$dir/model.json"
printf 'SQLite format 3\0garbage behind the magic' > "$dir/cut.db"
refuse 2 "cut.db" "$dir/cut.db"
"$COTENANT" report "${all[@]}" -o "$dir/none/x.html" 2> "$dir/err" && fail "wrote into a missing folder"
[ ! -e "$dir/none" ] || fail "left something behind"

mkdir "$dir/big"
python3 generate.py "$dir/big" 1000 10000 4
report "$dir/big/plan.json" --instance "$dir/big/instance.json" --format html -o "$dir/big/r.html"
size=$(stat -c %s "$dir/big/r.html")
[ "$size" -le 10000000 ] || fail "1,000 nodes × 10,000 services: $size bytes"
python3 html_check.py "$dir/big/r.html"
echo "figure: report of 1,000 nodes × 10,000 services: $size bytes"
