/*
 * Whose fault a request's time was: of the segments in the answering thread's log (probes/waits.h) those parts that fall between
 * arrival and response. Segments are disjoint, so the parts and the rest, which is the service's own, add up to the latency.
 * Method: docs/requests.md.
 */
#ifndef PROBES_REQUEST_BLAME_BPF_H
#define PROBES_REQUEST_BLAME_BPF_H

#include "probes/waits.bpf.h"
#include "probes/request.h"

enum conversation_kind { CONVERSATION_UNKNOWN, CONVERSATION_CLIENT, CONVERSATION_SERVER };

struct conversation {
	__u64 arrival_ns;        /* of the request under way; 0 = none */
	__u64 later_ns;          /* latest arrival of bytes after that; 0 = none */
	__u64 answered_ns;       /* latest response; 0 = none yet */
	__u64 sent_ns;           /* Unix: since then the server has sent, and seemed not to have read; 0 = not */
	__u64 overtaken_ns;      /* Unix: the sent_ns at which it had read after all; 0 = none */
	__u32 read;              /* how far it had read at the latest response: TCP copied_seq, Unix messages */
	__u32 announced;         /* Unix: messages that came; one that is queued is announced a moment later */
	__u16 client;            /* slot of the client where it is a service on this node, else SLOT_UNKNOWN */
	__u16 slot;              /* who answered last */
	__u8 kind, local, paced; /* paced: the client asks at its own pace, not when it has its answer */
	__u8 pad;
};

static __always_inline bool is_foreign(__u32 culprit, __u32 slot)
{
	return culprit != slot && (culprit == SLOT_OTHER || culprit >= SLOT_FIRST);
}

/* What neighbours caused of the current task's time from `from` to `to`, without disk. */
__noinline __u64 foreign_ns(struct wait_log *log, __u64 from, __u64 to, __u32 slot, __u32 but)
{
	__u64 sum = 0;

	if (!log)
		return 0;
	for (int i = 1; i <= WAIT_SEGMENTS; i++) {
		struct wait_segment *s = &log->segments[(log->n - i) & (WAIT_SEGMENTS - 1)];
		__u64 start = s->start_ns > from ? s->start_ns : from, end = s->end_ns < to ? s->end_ns : to;

		if (s->end_ns <= from)
			break;
		if (start < end && s->kind == WAIT_CPU && is_foreign(s->culprit, slot) && s->culprit != but)
			sum += (end - start) - ((end - start) * s->steal_share >> SHARE_SHIFT);
	}
	return sum;
}

struct share { __u64 blamed, foreign, from, to; __u32 last, slot, client; };

/* Charge one segment's part of a request. A global function, so that the verifier looks at it once and not in each turn of the loop. */
__noinline int segment_charge(struct request_slot *totals, const struct wait_segment *s, struct share *sum)
{
	__u64 start, end, ns, irq, steal, culprit;

	if (!totals || !s || !sum)
		return 0;
	start = s->start_ns > sum->from ? s->start_ns : sum->from;
	end = s->end_ns < sum->to ? s->end_ns : sum->to;
	if (start >= end)
		return 0;
	ns = end - start;
	sum->blamed += ns;
	if (s->kind == WAIT_DISK) {
		totals->disk_ns += ns;
		return 0;
	}
	irq = ns * s->irq_share >> SHARE_SHIFT;
	steal = ns * s->steal_share >> SHARE_SHIFT;
	totals->blame[SLOT_IRQ] += irq;
	totals->blame[SLOT_STEAL] += steal;
	ns -= irq + steal;
	culprit = s->culprit;
	hide(culprit);
	if (culprit >= SLOTS)
		return 0;
	totals->blame[culprit] += ns;
	if (!is_foreign(culprit, sum->slot))
		return 0;
	sum->foreign += ns + irq;
	if (!sum->last)
		sum->last = culprit + 1;
	if (culprit == sum->client)
		totals->partner_ns += ns;
	return 0;
}

/* The same queue without neighbours: requests come when they came, each takes what it took but for them. Returns by how much the
 * response would have come earlier than that, beyond what was `foreign` in the request itself. */
static __always_inline __u64 backlog_of(struct wait_log *log, __u64 arrival, __u64 now, __u32 slot, __u64 foreign)
{
	__u64 begun = arrival > log->answered_ns ? arrival : log->answered_ns;
	__u64 own = now - begun - foreign_ns(log, begun, now, slot, SLOTS);

	log->undisturbed_ns = (arrival > log->undisturbed_ns ? arrival : log->undisturbed_ns) + own;
	log->answered_ns = now;
	return now > log->undisturbed_ns + foreign ? now - log->undisturbed_ns - foreign : 0;
}

/* A queue that outlives the delay is the doing of whoever delayed last. Returns what was charged. */
static __always_inline __u64 backlog_charge(struct request_slot *totals, struct wait_log *log, struct conversation *c, __u32 slot,
					    struct share *sum, __u64 ns)
{
	__u64 culprit = sum->last ? sum->last - 1 : log->segments[(log->n - 1) & (WAIT_SEGMENTS - 1)].culprit;

	hide(culprit);
	if (culprit >= SLOTS || !is_foreign(culprit, slot) || !log->n)
		return 0;
	totals->blame[culprit] += ns;
	totals->backlog_ns += ns;
	if (culprit == c->client)
		totals->partner_ns += ns;
	return ns;
}

/* Charge a request of [arrival, now] to who held up its thread meanwhile; what nobody did is the service's own. */
__noinline int request_charge(struct request_slot *totals, struct wait_log *log, struct conversation *c, __u64 now, __u32 slot)
{
	__u64 arrival, oldest = 0, backlog, index = slot;
	struct share sum = { .to = now, .slot = slot };

	if (!totals || !log || !c)
		return 0;
	sum.from = arrival = c->arrival_ns;
	sum.client = c->client;
	for (int i = 1; i <= WAIT_SEGMENTS; i++) {
		struct wait_segment *s = &log->segments[(log->n - i) & (WAIT_SEGMENTS - 1)];

		oldest = s->start_ns;
		if (s->end_ns <= arrival)
			break;
		segment_charge(totals, s, &sum);
	}
	if (log->n > WAIT_SEGMENTS && oldest > arrival) { /* the log does not reach back so far */
		totals->blame[SLOT_UNKNOWN] += oldest - arrival;
		sum.blamed += oldest - arrival;
	}
	backlog = backlog_of(log, arrival, now, slot, sum.foreign);
	if (backlog > now - arrival - sum.blamed)
		backlog = now - arrival - sum.blamed;
	if (c->paced && backlog)
		sum.blamed += backlog_charge(totals, log, c, slot, &sum, backlog);
	hide(index);
	if (index < SLOTS)
		totals->blame[index] += now - arrival - sum.blamed;
	return 0;
}

#endif
