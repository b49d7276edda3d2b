#!/bin/bash
# report on the recorded session of datasets/: the text as it was agreed on, true sums, damaged copies refused.
# After a wanted change: GOLDEN=write bash tests/reports/test_session_report.sh
set -eu
cd "$(dirname "$0")/../.."
COTENANT=${COTENANT:-$PWD/build/cotenant}
session=datasets/sessions/redis-writer-batch.db golden=tests/reports/redis-writer-batch.txt
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

"$COTENANT" report $session > "$dir/text"
[ "${GOLDEN:-}" != write ] || cp "$dir/text" $golden
diff -u $golden "$dir/text" || fail "the text differs from $golden"
"$COTENANT" report $session --format html -o "$dir/r.html"
python3 tests/reports/html_check.py "$dir/r.html"
"$COTENANT" report $session --format json -o "$dir/r.json"
"$COTENANT" report $session --format csv --table samples -o "$dir/samples.csv"
python3 - "$dir" $session <<'PY'
import csv, json, sqlite3, sys
d, path = sys.argv[1:]
db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
tables = {t["id"]: t for s in json.load(open(f"{d}/r.json"))["sections"] for t in s["tables"]}
# Twin by SQL: the matrix, and conservation per victim.
want = {(v, c): n for v, c, n in db.execute("SELECT v.name, c.name, SUM(delay_ns) FROM blame JOIN service v ON v.id = victim "
                                            "JOIN service c ON c.id = culprit WHERE resource = 'cpu' GROUP BY 1, 2")}
got = {(r[0], r[1]): r[3] for r in tables["blame_cpu"]["rows"]}
assert {k: v for k, v in got.items() if v} == {k: v for k, v in want.items() if v}
assert tables["conservation_cpu"]["rows"] and all(r[3] == 0 for r in tables["conservation_cpu"]["rows"]), tables["conservation_cpu"]["rows"]
rows = list(csv.DictReader(open(f"{d}/samples.csv", newline="")))
for column in ("cpu_on_ns", "disk_write_bytes", "net_tx_bytes"):
    total, absent = db.execute(f"SELECT TOTAL({column}), SUM({column} IS NULL) FROM sample").fetchone()
    assert sum(int(r[column]) for r in rows if r[column]) == int(total), column
PY
refuse() { # file
	local code=0
	"$COTENANT" report "$1" > "$dir/out" 2> "$dir/err" || code=$?
	[ $code = 2 ] && grep -q "$1" "$dir/err" && [ "$(wc -l < "$dir/err")" = 1 ] || { cat "$dir/err"; fail "exit $code: $1"; }
}
head -c 9000 $session > "$dir/cut.db"
refuse "$dir/cut.db"
python3 -c "
import sqlite3, shutil, sys
shutil.copy('$session', '$dir/newer.db')
db = sqlite3.connect('$dir/newer.db'); db.execute('PRAGMA user_version = 99'); db.execute('PRAGMA journal_mode = DELETE'); db.commit()"
refuse "$dir/newer.db"
