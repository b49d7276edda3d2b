#!/bin/sh
# ROADEF/EURO 2012 machine reassignment: a table in Markdown, one row per instance. bench_roadef.sh BUILD
# DATA          folder with roadef2012/ (model_*, assignment_*, best_known.csv)
# FULL=1        all instances; default one of each kind, about 3.5 minutes; INSTANCES: these
# SECONDS_EACH  default 30, with FULL 300 (the challenge's rule)
# THREADS       per instance, default one per processor; JOBS: instances at once, default 1; SEED
# DETAILS       file to which each instance's row is appended as soon as it is there (tab-separated), so that several runs can
#               share out the instances; `bench_roadef.sh --table FILE...` prints the table of such files
# ROADEF_CHECK  an independent checker: MODEL ASSIGNMENT ANSWER
set -eu

plain() { case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac; }

# Rows of details -> the table and the sum of scores.
table() {
	echo "| instance | cost | reference | bound | score | seconds | threads | judged |"
	echo "|---|---:|---:|---:|---:|---:|---:|---|"
	cat "$@" | awk -F'\t' '{ printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5, $6, $7, $8 }
		$5 != "n/a" { sum += $5; n++ }
		END { printf "\nSum of scores: %.3f over %d instances.\n", sum, n }'
}

# One instance -> one row of details: name, cost, reference, bound, score, seconds, threads, who judged. Costs are the plan's, judged by verify or the checker.
one() {
	build=$1 work=$2 name=$3
	data=$DATA/roadef2012
	model=$(ls "$data/model_$name".* | head -1)
	start=$(ls "$data/assignment_$name".* | head -1)
	"$build/cotenant" import roadef2012 "$model" "$start" -o "$work/$name.json"
	"$build/cotenant" plan "$work/$name.json" --quiet --time "${SECONDS_EACH}s" --threads "$THREADS" --seed "$SEED" -o "$work/$name.plan"
	judged="verify: $("$build/cotenant" verify "$work/$name.json" "$work/$name.plan" | tail -1 | cut -d';' -f1)" || judged="VIOLATED"
	if [ -n "${ROADEF_CHECK:-}" ]; then
		"$build/cotenant" export roadef2012 "$work/$name.json" "$work/$name.plan" -o "$work/$name.answer"
		plain "$model" > "$work/$name.m"
		plain "$start" > "$work/$name.s"
		judged=$("$ROADEF_CHECK" "$work/$name.m" "$work/$name.s" "$work/$name.answer" | head -1 | cut -d' ' -f1-3) || judged="REFUSED: $judged"
	fi
	row=$(tr -d "\r" < "$data/best_known.csv" | grep "^$name," || echo "$name,,,,")
	echo "$row" | awk -F, -v cost="$(jq -r .cost "$work/$name.plan")" -v bound="$(jq -r '.lower_bound // "n/a"' "$work/$name.plan")" \
		-v time="$(jq -r .solve_time_s "$work/$name.plan")" -v threads="$THREADS" -v judged="$judged" '{
		reference = $5 != "" ? $5 : $4
		printf "%s\t%.0f\t%s\t%s\t%s\t%.0f\t%s\t%s\n", $1, cost, (reference != "" ? reference : "n/a"), bound,
			(reference != "" ? sprintf("%.3f", (cost - reference) / $2 * 100) : "n/a"), time, threads, judged }' > "$work/$name.row"
	rm -f "$work/$name".json "$work/$name".plan "$work/$name".answer "$work/$name".[ms]
	[ -z "${DETAILS:-}" ] || cat "$work/$name.row" >> "$DETAILS"
	cat "$work/$name.row" >&2
}

case $1 in
--one)
	shift
	one "$@"
	exit 0 ;;
--table)
	shift
	table "$@"
	exit 0 ;;
esac
build=$1
[ -n "${DATA:-}" ] || { echo "skipped: DATA must name the folder of public instances"; exit 0; }
[ -d "$DATA/roadef2012" ] || { echo "bench_roadef.sh: no folder $DATA/roadef2012" >&2; exit 2; }
THREADS="${THREADS:-0}"
[ "$THREADS" -gt 0 ] || THREADS=$(nproc)
export DATA THREADS SEED="${SEED:-1}" ROADEF_CHECK="${ROADEF_CHECK:-}" DETAILS="${DETAILS:-}"
export SECONDS_EACH="${SECONDS_EACH:-$([ -n "${FULL:-}" ] && echo 300 || echo 30)}"
names='a1_1 a1_4 a2_2 a2_3 a2_5 b_1 b_5'
[ -z "${FULL:-}" ] || names=$(cut -d, -f1 "$DATA/roadef2012/best_known.csv" | tail -n +2)
names=${INSTANCES:-$names}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "# ROADEF/EURO 2012, machine reassignment"
echo
echo "$SECONDS_EACH s each, threads: $THREADS per instance, instances at once: ${JOBS:-1}, processors: $(nproc), seed $SEED," \
	"load at the start: $(cut -d' ' -f1 /proc/loadavg)."
echo "Score = (cost - reference) / initial cost * 100; reference: the challenge's best where known, else a solver of the winners' class."
echo
printf '%s\n' $names | xargs -P "${JOBS:-1}" -I NAME sh "$0" --one "$build" "$work" NAME
table "$work"/*.row
