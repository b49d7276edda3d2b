/*
 * Exchanges between overfull nodes and others: see squeeze.h. For each item of the node, those services are looked at that are like it
 * but for the excess (kin.h), wherever they stand; and all exchanges with a few nodes drawn at random. The one that takes away
 * most pain is carried out. A node that nothing helps may hurt others a little, the more, the longer it has waited.
 */
#include "planner/solve/fleet/squeeze.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/team.h"

#define VISITS 40        /* per overfull node and deal */
#define VISITS_MORE 400  /* per region and deal */
#define PARTNERS 2       /* nodes drawn at random per visit */
#define SIDE_MAX 16      /* items looked at per node: of more, a random part */
#define STUCK_MAX 50
#define STUCK_ALLOWANCE 0.1f  /* of the node's pain and this floor, per visit that did not help: so much may the next exchange hurt */
#define STUCK_FLOOR 1e-6f
#define GAIN_MIN 1e-13f  /* squared shares of a node: below is rounding */

#define CLONES __attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))
#define ALIGNED(p) ((const block_lanes *)__builtin_assume_aligned((p), sizeof(block_lanes)))

/* An exchange: `out` leaves the node for `partner`, `in` (or UINT32_MAX: nobody) comes from there. */
struct exchange { uint32_t out, in, partner; float gain; };

#define BELOW_ZERO(x) ((block_lanes)((block_masks)(x) & ((x) < 0)))

static inline __attribute__((always_inline)) float total(const block_lanes *v)
{
	float sum = 0;

	for (uint32_t l = 0; l < BLOCK_LANES; l++)
		sum += (*v)[l];
	return sum;
}

/* Pain of two nodes after an exchange, column by column. */
CLONES static float pair_pain(const float *room_a, const float *room_b, const float *out, const float *in, uint32_t width)
{
	const block_lanes *ra = ALIGNED(room_a), *rb = ALIGNED(room_b), *o = ALIGNED(out), *i = ALIGNED(in);
	block_lanes sum = { 0 };

	for (uint32_t l = 0; l < width / BLOCK_LANES; l++) {
		block_lanes d = o[l] - i[l], x = ra[l] + d, y = rb[l] - d;

		x = BELOW_ZERO(x);
		y = BELOW_ZERO(y);
		sum += x * x + y * y;
	}
	return total(&sum);
}

static const float *fine_of(const struct squeeze *m, uint32_t item)
{
	return fine_row(m->f, item == UINT32_MAX ? m->in->n_services : m->in->item_service[item]);
}

static float fine_gain(const struct squeeze *m, uint32_t a, uint32_t b, uint32_t out, uint32_t in)
{
	return m->pain[a] + m->pain[b] - pair_pain(m->fine + (size_t)a * m->f->width, m->fine + (size_t)b * m->f->width, fine_of(m, out), fine_of(m, in), m->f->width);
}

/* Would every slowdown limit hold on both nodes after it? */
static bool limits_allow(const struct squeeze *m, uint32_t a, uint32_t b, uint32_t out, uint32_t in)
{
	return state_fits_limits_instead(m->st, m->in->item_service[out], b, in) &&
	       (in == UINT32_MAX || state_fits_limits_instead(m->st, m->in->item_service[in], a, out));
}

/* The same block by block; sa is the one's room without `out`. */
static inline __attribute__((always_inline)) float coarse_pain(const block_lanes *sa, const block_lanes *rb, const block_lanes *out,
							       const block_lanes *in, uint32_t lanes)
{
	block_lanes sum = { 0 };

	for (uint32_t l = 0; l < lanes; l++) {
		block_lanes x = sa[l] - in[l], y = rb[l] - out[l] + in[l];

		x = BELOW_ZERO(x);
		y = BELOW_ZERO(y);
		sum += x * x + y * y;
	}
	return total(&sum);
}

/* What the exchanges of one item with a side's would leave: coarsely first. */
CLONES static void try_side(struct squeeze_region *g, uint32_t a, uint32_t b, uint32_t out, const float *leaves, struct exchange *best)
{
	const struct squeeze *m = g->m;
	uint32_t stride = m->k->stride, lanes = stride / BLOCK_LANES;
	const block_lanes *sa = ALIGNED(g->scratch), *rb = ALIGNED(m->room + (size_t)b * stride), *o = ALIGNED(leaves);
	float before = m->pain[a] + m->pain[b];

	for (uint32_t j = 0; j <= g->b.n; j++) {
		const block_lanes *comes = ALIGNED(g->b.rows + (size_t)j * stride);

		if (before - coarse_pain(sa, rb, o, comes, lanes) > best->gain) {
			uint32_t in = j < g->b.n ? g->b.item[j] : UINT32_MAX;
			float gain = fine_gain(m, a, b, out, in);

			if (gain > best->gain && limits_allow(m, a, b, out, in))
				*best = (struct exchange){ out, in, b, gain };
		}
	}
	g->tests += g->b.n + 1;
}

CLONES static void try_kin(struct squeeze_region *g, uint32_t a, uint32_t out, const float *leaves, struct exchange *best)
{
	const struct squeeze *m = g->m;
	const struct instance *in = m->in;
	uint32_t stride = m->k->stride, lanes = stride / BLOCK_LANES, first, n;
	const block_lanes *ra = ALIGNED(m->room + (size_t)a * stride), *sa = ALIGNED(g->scratch), *o = ALIGNED(leaves);
	block_lanes *want = __builtin_assume_aligned(g->scratch + stride, sizeof(block_lanes));

	for (uint32_t l = 0; l < lanes; l++)
		want[l] = o[l] + BELOW_ZERO(ra[l]);
	n = kin_near(m->kin, g->scratch + stride, &g->rng, &first);
	for (uint32_t t = 0; t < n; t++) {
		const struct service *s = &in->services[m->kin->service[first + t]];
		uint32_t item = s->first_item + (s->replicas > 1 ? rng_below(&g->rng, s->replicas) : 0), b;
		const block_lanes *comes = ALIGNED(m->kin->rows + (size_t)(first + t) * stride), *rb;

		if (m->item_region[item] != g->index || (b = (uint32_t)m->st->item_node[item]) == a)
			continue;
		rb = ALIGNED(m->room + (size_t)b * stride);
		if (m->pain[a] + m->pain[b] - coarse_pain(sa, rb, o, comes, lanes) > best->gain) {
			float gain = fine_gain(m, a, b, out, item);

			if (gain > best->gain && limits_allow(m, a, b, out, item))
				*best = (struct exchange){ out, item, b, gain };
		}
	}
	g->tests += n;
}

void squeeze_measure(struct squeeze *m, uint32_t node)
{
	float *fine = m->fine + (size_t)node * m->f->width;

	m->over[node] = fine_room(m->f, m->st, node, m->margin, fine);
	fine_least(m->f, fine, m->room + (size_t)node * m->k->stride);
	m->pain[node] = fine_pain(m->f, fine, m->in->n_services);
}

/* Items of a node that may move in this deal, their rows side by side; behind them a row of zeros: nobody. */
static void side_load(struct squeeze_region *g, struct squeeze_side *d, uint32_t node)
{
	const struct squeeze *m = g->m;
	const struct state_list *l = &m->st->items[node];
	uint32_t stride = m->k->stride, from = l->n > SIDE_MAX ? rng_below(&g->rng, l->n) : 0;

	d->n = 0;
	for (uint32_t i = 0; i < l->n && d->n < SIDE_MAX; i++) {
		uint32_t item = l->v[from + i < l->n ? from + i : from + i - l->n];

		if (m->item_region[item] != g->index)
			continue;
		memcpy(d->rows + (size_t)d->n * stride, m->k->share + (size_t)m->in->item_service[item] * stride, stride * sizeof(float));
		d->item[d->n++] = item;
	}
	memset(d->rows + (size_t)d->n * stride, 0, stride * sizeof(float));
}

static bool may_stand(const struct squeeze *m, uint32_t item, uint32_t node)
{
	return state_fits_rules(m->st, m->in->item_service[item], node);
}

/* False, and all as before, when rules forbid it; limits have been asked. */
static bool carry_out(struct squeeze *m, uint32_t a, const struct exchange *x)
{
	bool comes = x->in != UINT32_MAX, ok;

	state_take(m->st, x->out);
	if (comes)
		state_take(m->st, x->in);
	ok = may_stand(m, x->out, x->partner);
	if (ok)
		state_put(m->st, x->out, x->partner);
	if (ok && comes && !may_stand(m, x->in, a)) {
		state_take(m->st, x->out);
		ok = false;
	}
	if (!ok)
		state_put(m->st, x->out, a);
	if (comes)
		state_put(m->st, x->in, ok ? a : x->partner);
	if (ok) {
		squeeze_measure(m, a);
		squeeze_measure(m, x->partner);
	}
	return ok;
}

static struct exchange best_exchange(struct squeeze_region *g, uint32_t a, float allowance)
{
	const struct squeeze *m = g->m;
	struct exchange best = { UINT32_MAX, UINT32_MAX, UINT32_MAX, GAIN_MIN - allowance };
	uint32_t stride = m->k->stride;

	side_load(g, &g->a, a);
	for (uint32_t t = 0; t <= PARTNERS; t++) {
		uint32_t b = g->nodes[rng_below(&g->rng, g->n_nodes)];

		if (b == a)
			continue;
		if (t < PARTNERS)
			side_load(g, &g->b, b);
		for (uint32_t i = 0; i < g->a.n; i++) {
			const float *leaves = g->a.rows + (size_t)i * stride, *room = m->room + (size_t)a * stride;

			for (uint32_t l = 0; l < stride; l++)
				g->scratch[l] = room[l] + leaves[l];
			if (t < PARTNERS)
				try_side(g, a, b, g->a.item[i], leaves, &best);
			else
				try_kin(g, a, g->a.item[i], leaves, &best);
		}
	}
	return best;
}

static void visit(struct squeeze_region *g, uint32_t a)
{
	struct squeeze *m = g->m;
	struct exchange x = best_exchange(g, a, STUCK_ALLOWANCE * (float)m->stuck[a] * (m->pain[a] + STUCK_FLOOR));

	m->stuck[a] += m->stuck[a] < STUCK_MAX;
	if (x.partner == UINT32_MAX || !carry_out(m, a, &x))
		return;
	m->stuck[a] = 0;
	if (m->over[x.partner] && !m->listed[x.partner]) {
		m->listed[x.partner] = true;
		g->over[g->n_over++] = x.partner;
	}
}

static void work(void *squeeze, uint32_t index)
{
	struct squeeze_region *g = &((struct squeeze *)squeeze)->regions[index];
	uint64_t visits = (uint64_t)g->n_over * VISITS + VISITS_MORE;

	for (uint64_t v = 0; v < visits && g->n_over; v++) {
		uint32_t at = rng_below(&g->rng, g->n_over);

		if (v % 64 == 0 && (g->tests >= g->budget || search_done(g->s, 0)))
			return;
		if (g->m->over[g->over[at]]) {
			visit(g, g->over[at]);
			continue;
		}
		g->m->listed[g->over[at]] = false;
		g->over[at] = g->over[--g->n_over];
	}
}

void squeeze_work(struct squeeze *m, unsigned threads)
{
	team_run(threads, m->n_regions, work, m);
}

void squeeze_region_init(struct squeeze_region *g, struct squeeze *m, struct search *s, uint16_t index)
{
	*g = (struct squeeze_region){ .m = m, .s = s, .index = index, .scratch = blocks_rows(m->k, 2) };
	rng_seed_stream(&g->rng, s->seed, 1000u + index);
	g->nodes = mem_alloc(m->in->n_nodes, sizeof(uint32_t));
	g->over = mem_alloc(m->in->n_nodes, sizeof(uint32_t));
	for (struct squeeze_side *d = &g->a; d; d = d == &g->a ? &g->b : NULL) {
		d->item = mem_alloc(SIDE_MAX, sizeof(uint32_t));
		d->rows = blocks_rows(m->k, SIDE_MAX + 1);
	}
}

void squeeze_region_fini(struct squeeze_region *g)
{
	free(g->nodes);
	free(g->over);
	free(g->scratch);
	free(g->a.item);
	free(g->a.rows);
	free(g->b.item);
	free(g->b.rows);
}
