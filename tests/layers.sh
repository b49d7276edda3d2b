#!/bin/sh
# Data flows probes -> collector -> planner -> reports. A folder includes its own headers, base/, and the contracts to its
# left: probes/probe.h with events.h, metrics.h and hist.h, collector/profile.h (and collector/metric.h, the table of names), planner/plan.h.
set -eu
bad=0
allow() { # folder, pattern of allowed includes
	for f in $(git ls-files "$1/*.[ch]" "$1/*/*.[ch]"); do
		grep -nE '^#include "' "$f" | while IFS= read -r line; do
			path=$(printf '%s\n' "$line" | sed 's/.*"\(.*\)".*/\1/')
			printf '%s\n' "$path" | grep -qE "^($2)" || echo "$f:$line: not allowed in $1/"
		done
	done
}
report=$(
	allow base 'base/'
	allow probes 'base/|probes/'
	allow collector 'base/|collector/|probes/(events|hist|metrics|probe)\.h'
	allow planner 'base/|planner/|collector/(profile|metric)\.h|probes/hist\.h'
	allow reports 'base/|reports/|planner/(plan|predict)\.h|collector/(profile|metric)\.h|probes/(events|hist)\.h'
)
[ -z "$report" ] || { echo "$report"; bad=1; }
[ $bad = 0 ] && echo "layers: every include points left"
exit $bad
