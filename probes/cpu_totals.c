/*
 * Reading the CPU probe: the per-CPU states are mapped into memory, so that it needs no system call. See cpu.h.
 *
 * Open waits and the slice under way are counted up to the moment of reading, or to the end of the watch: each victim's row is
 * copied under its CPU's sequence lock together with the time, and the two sums of events.h (wait, blame) are taken at
 * that very time. So the invariant wait = sum of blame holds to the ns in every interval, also for waits that go on.
 *
 * What is added for the slice under way goes to its occupant. If interrupts or steal take a part of it when it ends, the
 * occupant's total falls by that part; since figures never go backwards, the part is taken from what grew (row_settle).
 *
 * An interval that was watched for a part of the time is scaled up by that part: each culprit's delay by itself, and the wait by what
 * the row's sum grew through that; so the difference between the two stays what it was, zero. Windows count when they have ended:
 * only then is known who waited all through them.
 */
#include "probes/cpu.h"

#include <string.h>

#include "base/clock.h"
#include "probes/table.h"

#define RETRIES 1000         /* a victim's row is copied within 1 us; a CPU that switches faster for so long does not exist */

/* The inbox as inbox_take() (cpu_state.bpf.h) does it: n * at - sum of arrival times, of which the upper bits were lost in packing. */
void cpu_waits_close(struct cpu_victim *v, uint64_t inbox, const struct cpu_slice_open *s)
{
	uint64_t fresh = inbox - v->inbox_seen, n = fresh & ((1u << INBOX_COUNT_BITS) - 1), length = s->at_ns - s->start_ns;
	uint64_t late = (uint64_t)((int64_t)((n * s->at_ns << INBOX_COUNT_BITS) - (fresh - n)) >> INBOX_COUNT_BITS);

	v->wait_done += v->n * s->at_ns - v->start_sum + late;
	v->blame[v->throttled ? SLOT_THROTTLE : s->occupant < SLOTS ? s->occupant : SLOT_UNKNOWN] += v->n * length - (uint64_t)v->missed + late;
}

/* One victim on one CPU, and the slice under way there, at one moment. */
static void victim_copy(struct cpu_probe *c, const struct cpu_state *cs, unsigned slot, struct cpu_slice_open *slice, uint64_t *inbox)
{
	uint64_t seq, now;

	for (int i = 0;; i++) {
		seq = __atomic_load_n(&cs->seq, __ATOMIC_ACQUIRE);
		now = clock_ns(CLOCK_MONOTONIC);
		c->copy = cs->victims[slot];
		slice->occupant = cs->occupant;
		slice->start_ns = cs->slice_start;
		*inbox = __atomic_load_n(&cs->inbox[slot], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		slice->at_ns = now < c->until_ns ? now : c->until_ns;
		if (!(seq & 1) && __atomic_load_n(&cs->seq, __ATOMIC_RELAXED) == seq)
			return;
		if (i == RETRIES) {
			c->torn++;
			return;
		}
	}
}

/* Add one CPU's part of a victim to c->now, the slice under way included. */
static void victim_add(struct cpu_probe *c, const struct cpu_state *cs, unsigned slot)
{
	struct cpu_victim *v = &c->copy;
	struct cpu_totals *t = &c->now;
	struct cpu_slice_open slice;
	uint64_t inbox;

	victim_copy(c, cs, slot, &slice, &inbox);
	cpu_waits_close(v, inbox, &slice);
	t->wait_ns += v->wait_done;
	for (unsigned i = 0; i < SLOTS; i++)
		t->blame[i] += v->blame[i];
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		t->hist[i] += v->wait_hist[i];
	t->run_ns += v->run_ns + (slice.occupant == slot && slice.at_ns > slice.start_ns ? slice.at_ns - slice.start_ns : 0);
	t->irq_ns += v->irq_ns;
	t->steal_ns += v->steal_ns;
	t->waits += v->waits;
	t->switches += v->switches;
	t->preemptions += v->preemptions;
	t->migrations += v->migrations;
}

/* Differences of a blame row; a culprit whose total fell keeps its old total, and the row's largest growth pays for it, so
 * that the row's sum is exact and no entry negative. The totals reported so far become the new `last`. */
static void row_settle(const uint64_t *now, uint64_t *last, uint64_t *out)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t grown = (int64_t)(now[i] - last[i]);

		out[i] = grown > 0 ? (uint64_t)grown : 0;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t owed = (int64_t)(last[i] - now[i]);

		while (owed > 0) {
			unsigned most = 0;
			uint64_t pay;

			for (unsigned k = 1; k < SLOTS; k++)
				if (out[k] > out[most])
					most = k;
			pay = out[most] < (uint64_t)owed ? out[most] : (uint64_t)owed;
			if (!pay)
				break;
			out[most] -= pay;
			owed -= (int64_t)pay;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++)
		last[i] += out[i];
}

static int64_t grow(uint64_t now, uint64_t *last)
{
	int64_t grown = (int64_t)(now - *last);

	if (grown <= 0)
		return 0;
	*last = now;
	return grown;
}

static int64_t scaled(int64_t value, double scale)
{
	return scale != 1 ? (int64_t)((double)value * scale + 0.5) : value;
}

/* The row scaled; returns by how much its sum grew. */
static int64_t row_scale(uint64_t *row, double scale)
{
	int64_t more = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t stands_for = scaled((int64_t)row[i], scale);

		more += stands_for - (int64_t)row[i];
		row[i] = (uint64_t)stands_for;
	}
	return more;
}

static void victim_report(struct cpu_probe *c, unsigned slot, double scale, struct probe_sample *s)
{
	struct cpu_totals *t = &c->now, *last = &c->last[slot];
	uint64_t *row = s->blame[PROBE_BLAME_CPU][slot];
	const struct { enum probe_counter counter; uint64_t now, *last; } rows[] = {
		{ PROBE_COUNTER_CPU_RUN, t->run_ns, &last->run_ns }, { PROBE_COUNTER_CPU_IRQ, t->irq_ns, &last->irq_ns },
		{ PROBE_COUNTER_CPU_STEAL, t->steal_ns, &last->steal_ns },
		{ PROBE_COUNTER_CPU_WAITS, t->waits, &last->waits }, { PROBE_COUNTER_CPU_SWITCHES, t->switches, &last->switches },
		{ PROBE_COUNTER_CPU_PREEMPTIONS, t->preemptions, &last->preemptions },
		{ PROBE_COUNTER_CPU_MIGRATIONS, t->migrations, &last->migrations },
	};

	row_settle(t->blame, last->blame, row);
	s->counters[PROBE_COUNTER_CPU_WAIT][slot] = grow(t->wait_ns, &last->wait_ns) + row_scale(row, scale);
	s->counters[PROBE_COUNTER_CPU_THROTTLED][slot] = (int64_t)row[SLOT_THROTTLE];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].counter][slot] = scaled(grow(rows[i].now, rows[i].last), scale);
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		s->hists[PROBE_HIST_CPU_WAIT][slot][i] = (uint64_t)scaled((uint32_t)(t->hist[i] - last->hist[i]), scale);
	memcpy(last->hist, t->hist, sizeof(last->hist));
}

static bool slot_runs(unsigned slot)
{
	return slot <= SLOT_KERNEL || slot >= SLOT_FIRST;
}

static void slot_add(struct cpu_probe *c, unsigned slot)
{
	memset(&c->now, 0, sizeof(c->now));
	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		victim_add(c, &c->states[cpu], slot);
}

void cpu_totals_end(struct cpu_probe *c)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (slot_runs(slot)) {
			slot_add(c, slot);
			c->ended[slot] = c->now;
		}
}

/* By how much this interval's figures are to be scaled up; 0 = none of it was watched. Of windows those count that have ended. */
static double scale_of(struct cpu_probe *c, bool windows)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), open = !windows && c->watching && now > c->since_ns ? now - c->since_ns : 0;
	uint64_t length = now - c->read_ns, watched = c->watched_ns + open, part = watched - c->read_watched_ns;
	bool all = open && c->since_ns <= c->read_ns;

	c->read_ns = now;
	c->read_watched_ns = watched;
	if (open)
		c->read_since_ns = c->since_ns;
	return all ? 1 : part ? (double)length / (double)part : 0;
}

void cpu_totals_read(struct cpu_probe *c, struct probe_sample *s)
{
	bool windows = s->core_sampled;
	double scale;

	pthread_mutex_lock(&c->lock);
	scale = scale_of(c, windows);
	if (scale > 0) {
		PROBE_FOR_SLOTS(slot, s) {
			if (windows)
				c->now = c->ended[slot];
			else
				slot_add(c, slot);
			victim_report(c, slot, scale, s);
		}
		smt_read(&c->smt, windows ? NULL : c->states, c->read_ns, scale, s);
	}
	s->hist_present[PROBE_HIST_CPU_WAIT] = s->blame_present[PROBE_BLAME_CPU] = scale > 0;
	pthread_mutex_unlock(&c->lock);
}
