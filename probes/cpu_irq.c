/* Interrupt time on kernels that keep no clock of it (no CONFIG_IRQ_TIME_ACCOUNTING): watched in windows; between them each
 * occupant's latest rate stands in (irq_estimate in cpu_slice.bpf.h). See cpu.h. */
#include "probes/cpu.h"

#include "base/clock.h"

#define WATCHED_LEAST_NS 1000000 /* run time to take a rate from */

/* How much of each occupant's time interrupts take, from the window that has ended. */
static void rates_set(struct cpu_probe *c)
{
	for (int i = 0; i < c->n_cpus * SLOTS; i++) {
		struct cpu_victim *v = &c->states[i / SLOTS].victims[i % SLOTS];
		uint64_t watched = v->irq_watched_ns - c->irq_last[i].watched_ns, measured = v->irq_measured_ns - c->irq_last[i].measured_ns;

		if (watched < WATCHED_LEAST_NS)
			continue; /* keeps what it had, and goes on collecting */
		v->irq_rate = (measured << SHARE_SHIFT) / watched;
		c->irq_last[i].watched_ns += watched;
		c->irq_last[i].measured_ns += measured;
	}
}

void cpu_irq_edge(void *context, enum window_edge edge)
{
	struct cpu_probe *c = context;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (int cpu = 0; cpu < c->n_cpus; cpu++) {
		struct cpu_state *cs = &c->states[cpu];

		if (edge == WINDOW_ATTACH) {
			cs->irq_depth = 0; /* its exit was not seen */
			cs->irq_since = now;
			cs->irq_until = UINT64_MAX;
		} else if (edge == WINDOW_DETACHED) {
			cs->irq_until = now;
		}
	}
	if (edge == WINDOW_DETACHED)
		rates_set(c);
}
