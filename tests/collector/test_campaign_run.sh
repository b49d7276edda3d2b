#!/bin/bash
# privileged: campaigns record sessions.
# A whole small campaign: a good service, one whose load generator dies, one that prints no figure, a service that does not
# come up; bad runs are marked with their reason and left out, nothing is left running, and a second call goes on.
set -u
cotenant=$(realpath "${COTENANT:-build/cotenant}")
[ "$(id -u)" = 0 ] || { echo "recording needs root"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
bad=0
complain() { echo "$*"; bad=1; }
truth='[{"metric": "throughput", "pattern": "n=([0-9]+)"}, {"metric": "latency_p99", "pattern": "p=([0-9.]+)"}]'
spin='n=0; end=$((SECONDS + COTENANT_SECONDS)); while [ $SECONDS -lt $end ]; do n=$((n + 1)); done; echo n=$n p=0.5'
service() { printf '{"id": "%s", "load": ["bash", "-c", "%s"], "truth": %s}' "$1" "$2" "$truth"; }
file() { # services…
	local IFS=,
	echo "{\"warmup_s\": 0, \"measure_s\": 1, \"min_repeats\": 1, \"max_repeats\": 1, \"max_external_ratio\": 1, \"services\": [$*],
		\"runs\": {\"press\": [{\"kind\": \"cpu\", \"levels\": [50], \"services\": [\"good\"]}]}}"
}
file "$(service good "$spin")" "$(service dies 'echo n=1 p=1; exit 3')" "$(service mute 'echo nothing')" > c.json

"$cotenant" campaign c.json -o out > log 2>&1 || complain "campaign failed: $(tail -n 3 log)"
[ "$(wc -l < out/runs.jsonl)" = 7 ] || complain "expected 7 runs, got $(cat out/runs.jsonl)"
grep -q '"setup":"good","repeat":0,"ok":true' out/runs.jsonl || complain "the good run is not ok: $(grep '"good"' out/runs.jsonl)"
grep '"setup":"dies"' out/runs.jsonl | grep -q '"ok":false.*load generator failed' || complain "a dead load generator is not marked"
grep '"setup":"good+mute"' out/runs.jsonl | grep -q '"ok":false.*no positive figure' || complain "a missing figure is not marked"
grep -q '^good,,this,latency_p99,0.5,0.5$' out/measured.csv || complain "p99 alone is missing: $(cat out/measured.csv)"
grep -q '^good,press-cpu-50,this,throughput' out/measured.csv || complain "the run under pressure is missing: $(cat out/measured.csv)"
! grep -qE '^(dies|mute)|[,;](dies|mute)' out/measured.csv || complain "runs that failed stand in measured.csv"
[ -s "out/sessions/good+press-cpu-50.0.db" ] || complain "no session of the run under pressure"
before=$(wc -l < out/runs.jsonl)
"$cotenant" campaign c.json -o out > log 2>&1 || complain "going on failed"
[ "$(wc -l < out/runs.jsonl)" = "$before" ] || complain "a finished campaign ran again"

echo '{"services": [{"id": "down", "start": ["false"], "ready": ["false"], "load": ["true"], "truth": {"metric": "time", "pattern": "(x)"}}]}' > d.json
"$cotenant" campaign d.json -o down > log 2>&1
code=$?
[ $code = 2 ] || complain "a service that does not start gives exit $code"
grep -q '"down" did not become ready' log || complain "a service that does not start is not named: $(cat log)"
exit $bad
