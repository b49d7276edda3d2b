#!/bin/sh
# ROADEF/EURO 2012 machine reassignment: a table in Markdown, one row per instance. bench_roadef.sh BUILD
# DATA          folder with roadef2012/ (model_*, assignment_*, best_known.csv)
# FULL=1        all instances; default one of each kind, about 3.5 minutes; INSTANCES: these
# SECONDS_EACH  default 30, with FULL 300 (the challenge's rule)
# THREADS       per instance, default one per processor; JOBS: instances at once, default 1
# ROADEF_CHECK  an independent checker: MODEL ASSIGNMENT ANSWER
set -eu

plain() { case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac; }

# One instance -> one row: name, cost, reference, bound, score, who judged. Figures come from the plan, judged by verify.
one() {
	build=$1 work=$2 name=$3
	data=$DATA/roadef2012
	model=$(ls "$data/model_$name".* | head -1)
	start=$(ls "$data/assignment_$name".* | head -1)
	"$build/cotenant" import roadef2012 "$model" "$start" -o "$work/$name.json"
	"$build/cotenant" plan "$work/$name.json" --quiet --time "${SECONDS_EACH}s" --threads "${THREADS:-0}" -o "$work/$name.plan"
	judged="verify: $("$build/cotenant" verify "$work/$name.json" "$work/$name.plan" | tail -1 | cut -d';' -f1)" || judged="VIOLATED"
	if [ -n "${ROADEF_CHECK:-}" ]; then
		"$build/cotenant" export roadef2012 "$work/$name.json" "$work/$name.plan" -o "$work/$name.answer"
		plain "$model" > "$work/$name.m"
		plain "$start" > "$work/$name.s"
		judged=$("$ROADEF_CHECK" "$work/$name.m" "$work/$name.s" "$work/$name.answer" | head -1 | cut -d' ' -f1-3) || judged="REFUSED: $judged"
	fi
	row=$(tr -d "\r" < "$data/best_known.csv" | grep "^$name," || echo "$name,,,,")
	echo "$row" | awk -F, -v cost="$(jq -r .cost "$work/$name.plan")" -v bound="$(jq -r '.lower_bound // "n/a"' "$work/$name.plan")" -v judged="$judged" '{
		reference = $5 != "" ? $5 : $4
		printf "| %s | %.0f | %s | %s | %s | %s |\n", $1, cost, reference, bound,
			(reference != "" ? sprintf("%.3f", (cost - reference) / $2 * 100) : "n/a"), judged }' > "$work/$name.row"
	rm -f "$work/$name".json "$work/$name".plan "$work/$name".answer "$work/$name".[ms]
	cat "$work/$name.row"
}

if [ "$1" = --one ]; then
	shift
	one "$@"
	exit
fi
build=${1:-build}
[ -n "${DATA:-}" ] || { echo "skipped: DATA must name the folder of public instances"; exit 0; }
export DATA THREADS="${THREADS:-0}" ROADEF_CHECK="${ROADEF_CHECK:-}"
export SECONDS_EACH="${SECONDS_EACH:-$([ -n "${FULL:-}" ] && echo 300 || echo 30)}"
names='a1_1 a1_4 a2_2 a2_3 a2_5 b_1 b_5'
[ -z "${FULL:-}" ] || names=$(cut -d, -f1 "$DATA/roadef2012/best_known.csv" | tail -n +2)
names=${INSTANCES:-$names}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "# ROADEF/EURO 2012, machine reassignment"
echo
echo "$SECONDS_EACH s each, threads: $([ "$THREADS" -gt 0 ] && echo "$THREADS" || nproc) per instance, instances at once: ${JOBS:-1}, processors: $(nproc)," \
	"load at the start: $(cut -d' ' -f1 /proc/loadavg)."
echo "Score = (cost - reference) / initial cost * 100; reference: the challenge's best where known, else a solver of the winners' class."
echo
echo "| instance | cost | reference | bound | score | judged |"
echo "|---|---:|---:|---:|---:|---|"
printf '%s\n' $names | xargs -P "${JOBS:-1}" -I NAME sh "$0" --one "$build" "$work" NAME
cat "$work"/*.row | awk -F'|' '$6 !~ /n\/a/ { sum += $6; n++ } END { printf "\nSum of scores: %.3f over %d instances.\n", sum, n }'
