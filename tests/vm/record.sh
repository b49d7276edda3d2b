#!/bin/bash
# In a guest: every probe loads (hardware counters apart, which qemu does not emulate), and a recording with its report comes of it.
set -u
fail() { echo "FAIL: $*"; exit 1; }
cotenant doctor
cotenant record --duration 3s -o /tmp/record.db || fail "record: exit status $?"
sqlite3 -readonly /tmp/record.db "SELECT 'figure: probe ' || name || ': ' || state || ' ' || note FROM probe"
[ "$(sqlite3 -readonly /tmp/record.db "SELECT count(*) FROM probe WHERE state = 'unavailable' AND name != 'hardware'")" = 0 ] || fail "a probe does not load"
cotenant report /tmp/record.db --format text > /tmp/record.txt || fail "report: exit status $?"
cat /tmp/record.txt
grep -q other /tmp/record.txt || fail "the report has no row of what is not selected"
