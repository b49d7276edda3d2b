/*
 * Fewer nodes by force: the worst filled nodes are dissolved and their items put onto the others, overfull or not; exchanges
 * between overfull nodes and others then press the excess out again (least squares, so that it spreads before it goes). What cannot be
 * pressed out is taken off and packed onto nodes of its own by fill.c. When that takes fewer than were dissolved, the round has
 * paid; else it is taken back, and the next one dissolves fewer. Every step concerns two nodes, so it costs a few
 * microseconds in a fleet of any size. All rules and slowdown limits hold all the time; only capacity waits.
 *
 * Regions of nodes are worked on side by side. Groups with rules over more than a node move only in the region that holds all of
 * them in this deal; regions are dealt anew again and again. Their number depends on the instance alone, so under an iteration
 * budget the result does not depend on threads.
 */
#include "planner/solve/fleet/squeeze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/ties.h"
#include "planner/term.h"

#define STEP_FIRST 0.1       /* of what lies between cost and proven bound is dissolved in a round; and at most */
#define STEP_GROWTH 1.2      /* after a round that went well */
#define STEP_SHRINK 0.5      /* after one that did not */
#define MARGIN_SHARE 0.3f    /* of the room that the scarcest column will have; on one planted fleet 0.1 .. 0.7 differed by 0.3 % of the nodes */
#define TESTS_LEAST 128      /* per item: with less, nothing is worth beginning */
#define REGION_NODES 128     /* at least so many nodes in a region */
#define REGIONS_FREE 8       /* most regions without rules across nodes */
#define REGIONS_RULED 2      /* and with them: more would freeze most groups */
#define STALL_RATIO 0.97     /* a deal must bring pain below this share of what it was */
#define STALLS_MAX 6          /* deals in a row that did not */
#define RELIEF_STEPS 100     /* per node of those that hold what is taken off: there are few */
#define FAILURES_MAX 24      /* rounds of a single node in a row that were taken back */

/* A group across nodes moves only where all of it stands in one region. */
static void freeze(struct squeeze *m)
{
	const struct instance *in = m->in;
	uint32_t *seen = mem_alloc(in->n_groups, sizeof(*seen)); /* region + 1 */
	bool *frozen = mem_alloc(in->n_groups, sizeof(*frozen));

	for (uint32_t i = 0; i < in->n_items; i++) {
		uint32_t g = in->services[in->item_service[i]].group, region = m->region_of[m->st->item_node[i]];

		frozen[g] |= m->fill.ties[g] == TIES_WHOLE || (m->fill.ties[g] == TIES_ACROSS && seen[g] && seen[g] != region + 1);
		seen[g] = region + 1;
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		m->item_region[i] = frozen[in->services[in->item_service[i]].group] ? SQUEEZE_FROZEN : m->region_of[m->st->item_node[i]];
	free(seen);
	free(frozen);
}

static void deal(struct squeeze *m, struct search *s, uint64_t spent)
{
	for (uint32_t r = 0; r < m->n_regions; r++) {
		struct squeeze_region *g = &m->regions[r];

		g->n_nodes = g->n_over = 0;
		g->budget = s->max_iterations == UINT64_MAX ? UINT64_MAX : (s->max_iterations - spent) / m->n_regions;
		g->tests = 0;
	}
	for (uint32_t k = 0; k < m->in->n_nodes; k++) {
		struct squeeze_region *g;

		m->listed[k] = m->over[k];
		if (!m->st->items[k].n)
			continue;
		m->region_of[k] = (uint16_t)rng_below(&m->rng, m->n_regions);
		g = &m->regions[m->region_of[k]];
		g->nodes[g->n_nodes++] = k;
		if (m->over[k])
			g->over[g->n_over++] = k;
	}
	freeze(m);
}

static double pain_of(const struct squeeze *m, uint32_t *over)
{
	double sum = 0;

	*over = 0;
	for (uint32_t k = 0; k < m->in->n_nodes; k++)
		if (m->over[k]) {
			sum += (double)m->pain[k] + 1e-30;
			++*over;
		}
	return sum;
}

/* Pain begins at a part of the room that the scarcest column will have: so the others stay even while the worst are mended. */
static void set_margin(struct squeeze *m)
{
	const struct instance *in = m->in;
	double *load = mem_alloc(in->n_columns, sizeof(*load)), *capacity = mem_alloc(in->n_columns, sizeof(*capacity)), least = 1;

	for (size_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; m->st->items[n].n && c < in->n_columns; c++) {
			load[c] += (double)m->st->load[n * in->n_columns + c];
			capacity[c] += (double)in->capacity[n * in->n_columns + c];
		}
	for (uint32_t c = 0; c < in->n_columns; c++)
		least = fmin(least, capacity[c] > 0 ? 1 - load[c] / capacity[c] : 1);
	m->margin = (float)fmax(0, least) * MARGIN_SHARE;
	for (uint32_t n = 0; n < in->n_nodes; n++)
		squeeze_measure(m, n);
	free(load);
	free(capacity);
}

/* Deals until nothing is over or progress ends. */
static void press(struct squeeze *m, struct search *s, uint64_t *spent)
{
	uint32_t over, stalls = 0;
	double pain, now;

	set_margin(m);
	pain = pain_of(m, &over);
	while (over && stalls < STALLS_MAX && !search_done(s, *spent)) {
		deal(m, s, *spent);
		squeeze_work(m, s->threads ? s->threads : 1);
		for (uint32_t r = 0; r < m->n_regions; r++)
			*spent += m->regions[r].tests + 1;
		now = pain_of(m, &over);
		stalls = now < pain * STALL_RATIO ? 0 : stalls + 1;
		pain = fmin(now, pain);
	}
}

static void restore(struct squeeze *m, const int32_t *start)
{
	state_load(m->st, start);
	set_margin(m);
}

/* How many nodes to dissolve: a part of what may be saved at most. */
static uint32_t step_nodes(const struct squeeze *m, const struct search *s, double step)
{
	double cost = INFINITY;

	search_best(s, NULL, &cost);
	return (uint32_t)ceil(step * (double)m->st->n_used * fmax(0, 1 - fmax(0, s->lower_bound) / cost));
}

static void improve(struct squeeze *m, struct search *s, int32_t *start)
{
	double step = STEP_FIRST;
	unsigned failures = 0;
	uint64_t spent = 0;

	while (failures < FAILURES_MAX && m->st->n_used > 1 && !search_done(s, spent)) {
		uint32_t n = step_nodes(m, s, step);
		double cost = INFINITY;
		bool whole = squeeze_dissolve(m, n);

		spent += m->in->n_nodes;
		if (whole) {
			press(m, s, &spent);
			whole = squeeze_relieve(m);
		}
		if (whole)
			cost = objective_value(m->in, s->model, m->st->item_node);
		if (whole && search_offer(s, m->st->item_node, cost, "squeeze")) {
			memcpy(start, m->st->item_node, m->in->n_items * sizeof(*start));
			failures = 0;
			step = fmin(STEP_FIRST, step * STEP_GROWTH);
			continue;
		}
		restore(m, start);
		failures += n == 1;
		step *= STEP_SHRINK;
	}
	search_spend(s, spent);
}

static void regions_open(struct squeeze *m, struct search *s)
{
	uint32_t most = REGIONS_FREE;

	for (uint32_t g = 0; g < m->in->n_groups; g++)
		if (m->fill.ties[g] == TIES_ACROSS)
			most = REGIONS_RULED;
	m->n_regions = (uint32_t)m->st->n_used / REGION_NODES;
	m->n_regions = m->n_regions < 1 ? 1 : m->n_regions > most ? most : m->n_regions;
	m->regions = mem_alloc(m->n_regions, sizeof(*m->regions));
	for (uint32_t r = 0; r < m->n_regions; r++)
		squeeze_region_init(&m->regions[r], m, s, (uint16_t)r);
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct squeeze m = { .in = in, .st = state_new(in, s->model), .k = blocks_new(in, s->model) };
	int32_t *start = mem_alloc(in->n_items, sizeof(*start));
	uint32_t *services = mem_alloc(in->n_services, sizeof(*services));

	for (uint32_t k = 0; k < in->n_services; k++)
		services[k] = k;
	rng_seed_stream(&m.rng, s->seed, 999);
	m.room = blocks_rows(m.k, in->n_nodes);
	m.pain = mem_alloc(in->n_nodes, sizeof(*m.pain));
	m.over = mem_alloc(in->n_nodes, sizeof(*m.over));
	m.listed = mem_alloc(in->n_nodes, sizeof(*m.listed));
	m.stuck = mem_alloc(in->n_nodes, 1);
	m.region_of = mem_alloc(in->n_nodes, sizeof(*m.region_of));
	m.item_region = mem_alloc(in->n_items, sizeof(*m.item_region));
	m.kin = kin_new(m.k, services, in->n_services);
	m.f = fine_new(m.k);
	m.fine = mem_aligned(in->n_nodes, m.f->width * sizeof(float), sizeof(block_lanes));
	fill_init(&m.fill, m.f, s->threads, RELIEF_STEPS);
	if (search_best(s, start, NULL)) {
		restore(&m, start);
		regions_open(&m, s);
		improve(&m, s, start);
	}
	for (uint32_t r = 0; r < m.n_regions; r++)
		squeeze_region_fini(&m.regions[r]);
	free(m.regions);
	fill_fini(&m.fill);
	free(m.item_region);
	kin_free(m.kin);
	free(m.region_of);
	fine_free(m.f);
	free(m.fine);
	free(m.room);
	free(m.pain);
	free(m.over);
	free(m.listed);
	free(m.stuck);
	free(start);
	free(services);
	blocks_free(m.k);
	state_free(m.st);
}

static bool applies(const struct search *s)
{
	return s->max_iterations >= (uint64_t)s->in->n_items * TESTS_LEAST && search_complete(s) && fill_may_repack(s->in);
}

extern const struct packer packer_squeeze;
const struct packer packer_squeeze = { .name = "squeeze", .help = "dissolves nodes onto the others, presses the excess out by exchanges",
	.applies = applies, .run = run, .share = 0.9 };
