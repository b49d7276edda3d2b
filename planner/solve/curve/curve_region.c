/*
 * Annealing (Kirkpatrick, Gelatt, Vecchi 1983) with the threshold drawn first: a proposal is accepted when delta <= -T ln u. So
 * the coarse rows, which cost a tenth, can reject most proposals before anything else is looked at; what passes is
 * judged by rules, by capacity and by every slot.
 */
#include "planner/solve/curve/curve_region.h"

#include <math.h>
#include <string.h>

#include "planner/solve/curve/curve_bundle.h"
#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_rules.h"

#define TAIL_BITS 10
#define LOOSE_ROUNDS 2   /* where moves cost, all but one in so many rounds are for loose items */
#define CLOSED_SHARE 64  /* one shift in so many may open an empty node */
#define PER_SWEEP 64     /* proposals for each sweep: about as long as it takes */
#define DOUBT 0.5f       /* temperatures by which the coarse rows may be wrong before a proposal is lost */

/* -ln of the middles of 2^TAIL_BITS equal parts of [0, 1] */
static float tail[1 << TAIL_BITS];
/* how far apart in size two items of a swap are, as a share of the region's items: even on a logarithmic scale */
static float apart[1 << TAIL_BITS];

__attribute__((constructor)) static void fill_tail(void)
{
	for (int i = 0; i < 1 << TAIL_BITS; i++) {
		tail[i] = (float)-log((i + 0.5) / (1 << TAIL_BITS));
		apart[i] = (float)pow(1.0 / 4096, (i + 0.5) / (1 << TAIL_BITS));
	}
}

static const float nothing[CURVE_BLOCKS * CURVE_MAX_PAID] __attribute__((aligned(64)));

/* Item a goes where b is or, b being nobody, to `to`. */
struct proposal { struct curve_slot *a, *b; const float *row_a, *row_b; uint32_t to; };

/* What curve_delta() would say, capacity left aside, from the coarse rows. */
CURVE_INLINE float guess(const struct curve *c, const struct proposal *p)
{
	uint32_t from = p->a->node, to = p->to;
	const float *rows[3] = { p->row_a, p->row_b, p->row_a };
	float delta = -c->coarse_sum[to] - c->coarse_sum[from];
	curve_floats sum = { 0 };

	if (curve_moves_cost(c))
		delta += curve_move_price(c, p->a->item, to) + (p->b ? curve_move_price(c, p->b->item, from) : 0);
	curve_coarse(c, to, rows, &sum);
	if (!p->b && !c->items[to].n)
		delta += c->node_price[to];
	if (!p->b && c->items[from].n == 1)
		return delta + curve_lanes_sum(&sum) - c->node_price[from];
	curve_coarse(c, from, rows + 1, &sum);
	return delta + curve_lanes_sum(&sum);
}

void curve_region_change(struct curve_region *r, struct curve_slot *a, struct curve_slot *b, uint32_t to, const float *sums)
{
	uint32_t from = a->node;

	r->moves_left -= curve_move_change(r->c, a->item, to) + (b ? curve_move_change(r->c, b->item, from) : 0);
	curve_change(r->c, a->item, b ? b->item : NO_ITEM, to, sums);
	a->node = to;
	if (b)
		b->node = from;
	curve_sweep_touch(r, from);
	curve_sweep_touch(r, to);
}

static void judge(struct curve_region *r, const struct proposal *p, float limit)
{
	struct curve *c = r->c;
	uint32_t a = p->a->item, b = p->b ? p->b->item : NO_ITEM;
	int change = curve_move_change(c, a, p->to) + (p->b ? curve_move_change(c, b, p->a->node) : 0);
	float sums[2];

	if (change > 0 && change > r->moves_left)
		return;
	if (curve_rules_allow(c, a, b, p->to, r->index) && curve_delta(c, a, b, p->to, sums) <= limit)
		curve_region_change(r, p->a, p->b, p->to, sums);
}

/* Larger items more often than small ones, whose swaps change little: rank 1 - u^2 of the items by size. */
CURVE_INLINE uint32_t draw_rank(uint64_t dice, uint32_t n)
{
	uint64_t u = dice >> 32;

	return n - 1 - (uint32_t)(((u * u >> 32) * n) >> 32);
}

/* Kinds of proposals take turns, so that the processor can foresee which is next. */
enum kind { SHIFT, HOME, SWAP_ANY, SWAP_ALIKE, BUNDLE }; /* HOME: a shift that leads loose items home */
static const uint8_t turns[] = { SWAP_ALIKE, SHIFT, SWAP_ALIKE, BUNDLE, SWAP_ALIKE, HOME, SWAP_ALIKE, SWAP_ANY };

/* The rank of the other item of a swap: any, or one alike in size, on every scale; n when there is none at that distance. */
CURVE_INLINE uint32_t draw_other(uint32_t dice, uint32_t rank, uint32_t n, bool alike)
{
	uint32_t distance, sign;

	if (!alike)
		return (uint32_t)(((uint64_t)dice * n) >> 32);
	distance = 1 + (uint32_t)(apart[dice & ((1 << TAIL_BITS) - 1)] * (float)n);
	sign = 0 - (dice >> 31);
	rank += (distance ^ sign) - sign;
	return rank < n ? rank : n;
}

/* Where a shift goes: a node in use, now and then one that is not. */
CURVE_INLINE uint32_t draw_node(const struct curve_region *r, uint32_t dice, uint64_t more)
{
	bool any = (more >> TAIL_BITS) % CLOSED_SHARE == 0 || !r->n_open;

	return r->nodes[((uint64_t)dice * (any ? r->n_nodes : r->n_open)) >> 32];
}

/* Where it stands today, if that is elsewhere and in the region: else what moved early would hardly ever give its move back. */
CURVE_INLINE uint32_t draw_home(const struct curve_region *r, const struct curve_slot *s, uint32_t to)
{
	int32_t home = r->c->in->item_node[s->item];

	return home != NO_NODE && r->region_of[home] == r->index ? (uint32_t)home : to;
}

void curve_region_fill(struct curve_region *r)
{
	const struct curve *c = r->c;
	bool priced = curve_moves_cost(c);

	r->n_loose = 0;
	for (uint32_t i = 0; i < r->n_items; i++) {
		uint32_t item = r->items[i], service = c->in->item_service[item];

		r->slots[i] = (struct curve_slot){ item, service, (uint32_t)c->item_node[item], (float)r->sizes[service] };
		r->slot_of[item] = i;
		if (priced && c->item_node[item] != c->in->item_node[item])
			r->loose[r->n_loose++] = i;
		memcpy(r->rows + (size_t)i * c->coarse_width, c->coarse_need + (size_t)service * c->coarse_width, c->coarse_width * sizeof(float));
	}
}

CURVE_CLONES void curve_region_run(struct curve_region *r)
{
	const struct curve *c = r->c;
	bool bundles = curve_bundle_applies(c) && r->n_open > 1, sweeps;

	curve_region_fill(r);
	sweeps = curve_sweep_begin(r);
	for (uint64_t i = 0; r->n_items > 1 && r->n_nodes > 1 && i < r->proposals; i++) {
		uint64_t dice = rng_u64(&r->rng), more = rng_u64(&r->rng);
		bool loose = r->n_loose > 1 && i / sizeof(turns) % LOOSE_ROUNDS;
		uint32_t n = loose ? r->n_loose : r->n_items, rank = draw_rank(dice, n), slot = loose ? r->loose[rank] : rank;
		float limit = r->temperature * tail[more & ((1 << TAIL_BITS) - 1)];
		struct proposal p = { .a = r->slots + slot, .row_a = r->rows + (size_t)slot * c->coarse_width, .row_b = nothing };
		enum kind kind = turns[i % sizeof(turns)];

		if (sweeps && i % PER_SWEEP == 0) {
			curve_sweep_try(r, slot);
			continue;
		}
		if (kind == BUNDLE && bundles) {
			curve_bundle_try(r, slot, limit, DOUBT * r->temperature);
			continue;
		}
		if (kind == SHIFT || kind == HOME || kind == BUNDLE) {
			p.to = draw_node(r, (uint32_t)dice, more);
			if (kind == HOME && loose)
				p.to = draw_home(r, p.a, p.to);
		} else {
			rank = draw_other((uint32_t)dice, rank, n, kind == SWAP_ALIKE);
			if (rank == n)
				continue;
			slot = loose ? r->loose[rank] : rank;
			p.b = r->slots + slot;
			if (p.b->service == p.a->service)
				continue;
			p.row_b = r->rows + (size_t)slot * c->coarse_width;
			p.to = p.b->node;
		}
		if (p.a->node != p.to && (c->extra || guess(c, &p) <= limit + DOUBT * r->temperature))
			judge(r, &p, limit);
	}
}
