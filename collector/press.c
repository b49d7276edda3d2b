/*
 * The pacing engine of synthetic pressure: see press.h.
 *
 * Each worker works in slots of SLOT_NS: it steps until the slot's share of units is done, then sleeps to the next slot's
 * absolute start. Work missed because a neighbour held the resource is not made up later: pressure must not come in bursts
 * that the level does not promise.
 */
#include "collector/press.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define SLOT_NS 2000000ull              /* 2 ms: shorter than a CFS/EEVDF slice, so a neighbour feels a level, not bursts */
#define CALIBRATION_NS 300000000ull
#define SAMPLE_NS 100000000ull          /* rates are compared over tenths of a second */

struct crew {
	const struct press_kind *kind;
	const struct press_config *config;
	const volatile bool *stop;
	double per_slot;
	uint64_t start_ns;
	int failed;                     /* first -errno */
	size_t n_samples;
	_Atomic int64_t *samples;       /* [tenth of a second] units by all workers */
};

struct hand {
	struct crew *crew;
	struct press_worker worker;
	pthread_t thread;
};

static void *hand_run(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	uint64_t slot = c->start_ns, now = clock_ns(CLOCK_MONOTONIC), end = c->start_ns + c->config->duration_ns;
	double owed = 0;

	while (now < end && !*c->stop && !c->failed) {
		owed = fmin(owed, 0) + c->per_slot; /* a step may do more than a slot's share; the excess is taken off the next */
		while (owed > 0 && now < slot + SLOT_NS) {
			int64_t did = c->kind->step(&h->worker);
			size_t sample;

			if (did < 0) {
				c->failed = (int)did;
				return NULL;
			}
			now = clock_ns(CLOCK_MONOTONIC);
			sample = (now - c->start_ns) / SAMPLE_NS;
			if (sample < c->n_samples)
				atomic_fetch_add_explicit(&c->samples[sample], did, memory_order_relaxed);
			owed -= (double)did;
		}
		slot += SLOT_NS;
		now = clock_ns(CLOCK_MONOTONIC);
		if (now < slot)
			clock_sleep_until(slot);
		else
			slot = now - (now - c->start_ns) % SLOT_NS;
		now = clock_ns(CLOCK_MONOTONIC);
	}
	return NULL;
}

static int calibrate(const struct press_kind *kind, struct press_worker *w, double *full, struct err *e)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), now = start;
	int64_t units = 0;

	while (now - start < CALIBRATION_NS) {
		int64_t did = kind->step(w);

		if (did < 0)
			return err_set(e, (int)did, "press %s: %s", kind->name, strerror((int)-did));
		units += did;
		now = clock_ns(CLOCK_MONOTONIC);
	}
	*full = (double)units * 1e9 / (double)(now - start);
	return *full > 0 ? 0 : err_set(e, -EIO, "press %s: did nothing at full speed; cannot calibrate", kind->name);
}

static void judge(const struct crew *c, uint64_t took_ns, struct press_result *out)
{
	size_t whole = took_ns / SAMPLE_NS < c->n_samples ? took_ns / SAMPLE_NS : c->n_samples;
	double sum = 0, squares = 0, mean;

	for (size_t i = 0; i < whole; i++)
		sum += (double)c->samples[i];
	mean = whole ? sum / (double)whole : 0;
	for (size_t i = 0; i < whole; i++)
		squares += ((double)c->samples[i] - mean) * ((double)c->samples[i] - mean);
	out->reached_per_s = mean * 1e9 / (double)SAMPLE_NS;
	out->variation_ratio = whole > 1 && mean > 0 ? sqrt(squares / (double)(whole - 1)) / mean : 0;
}

int press_run(const struct press_kind *kind, const struct press_config *config, const volatile bool *stop,
	      struct press_result *out, struct err *e)
{
	struct crew crew = { .kind = kind, .config = config, .stop = stop, .n_samples = config->duration_ns / SAMPLE_NS + 1 };
	struct hand *hands = mem_alloc(config->workers, sizeof(*hands));
	unsigned opened = 0, running = 0;
	int err = 0;

	crew.samples = mem_alloc(crew.n_samples, sizeof(*crew.samples));
	*out = (struct press_result){ .full_per_s = kind->full_per_s > 0 ? kind->full_per_s : config->full_per_s };
	for (; opened < config->workers; opened++) {
		struct press_worker *w = &hands[opened].worker;

		*w = (struct press_worker){ .config = config, .index = opened, .fd = -1, .peer = -1, .random = opened + 1,
					    .bytes = config->bytes ? config->bytes : kind->default_bytes };
		hands[opened].crew = &crew;
		if ((err = kind->open(w, e)) < 0) {
			kind->close(w);
			goto out;
		}
	}
	if (out->full_per_s <= 0 && (err = calibrate(kind, &hands[0].worker, &out->full_per_s, e)) < 0)
		goto out;
	out->wanted_per_s = out->full_per_s * config->level / 100 * config->workers;
	crew.per_slot = out->full_per_s * config->level / 100 * (double)SLOT_NS / 1e9;
	crew.start_ns = clock_ns(CLOCK_MONOTONIC);
	for (; running < config->workers; running++)
		if ((err = -pthread_create(&hands[running].thread, NULL, hand_run, &hands[running])) < 0) {
			crew.failed = err;
			break;
		}
	for (unsigned i = 0; i < running; i++)
		pthread_join(hands[i].thread, NULL);
	if (crew.failed)
		err = err_set(e, crew.failed, "press %s: %s", kind->name, strerror(-crew.failed));
	judge(&crew, clock_ns(CLOCK_MONOTONIC) - crew.start_ns, out);
out:
	while (opened--)
		kind->close(&hands[opened].worker);
	free(hands);
	free(crew.samples);
	return err;
}

const struct press_kind *press_find(const char *name)
{
	for (const struct press_kind *k = press_kinds; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

int press_cpus_parse(const char *text, cpu_set_t *set)
{
	cpu_set_t found;

	CPU_ZERO(&found);
	for (const char *p = text;; p++) {
		char *end;
		unsigned long first, last;

		if (*p < '0' || *p > '9')
			return -EINVAL;
		first = last = strtoul(p, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= CPU_SETSIZE)
			return -EINVAL;
		for (; first <= last; first++)
			CPU_SET(first, &found);
		p = end;
		if (!*p)
			break;
		if (*p != ',')
			return -EINVAL;
	}
	if (set)
		*set = found;
	return 0;
}
