#!/bin/bash
# The lab: a campaign on this node, then the model's held-out error on it, predicted against measured.
# usage: tests/lab/run.sh BUILD CAMPAIGN.json      OUT=folder (default build/lab; one that exists is gone on with)   BUDGET=time (e.g. 25m)
# Keep the machine quiet meanwhile: runs disturbed by others are left out, and the table says how many.
set -euo pipefail
build=$1 campaign=$2
out=${OUT:-build/lab}
[ "$(id -u)" = 0 ] || { echo "lab: recording needs root" >&2; exit 3; }
trap 'rm -rf /var/tmp/cotenant-lab' EXIT
"$build/cotenant" campaign "$campaign" -o "$out" ${BUDGET:+--budget "$BUDGET"}
"$build/cotenant" import colocation "$out/measured.csv" -o "$out/measured.json"
"$build/cotenant" fit "$out/measured.json" -f -o "$out/model.json"
"$build/cotenant" predict "$out/model.json" --matrix
"$build/cotenant" predict "$out/model.json" --held-out
