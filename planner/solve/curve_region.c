/*
 * Annealing (Kirkpatrick, Gelatt, Vecchi 1983) with the threshold drawn first: a proposal is accepted when delta <= -T ln u. So
 * the coarse rows, which cost a tenth, can reject most proposals before anything else is looked at; what passes is
 * judged by rules, by capacity and by every slot.
 */
#include "planner/solve/curve_region.h"

#include <math.h>

#include "planner/solve/curve_cost.h"
#include "planner/solve/curve_rules.h"

#define TAIL_BITS 10
#define CLOSED_SHARE 64  /* one shift in so many may open an empty node */
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

CURVE_INLINE const float *coarse_of(const struct curve *c, uint32_t item)
{
	return item == NO_ITEM ? nothing : c->coarse_need + (size_t)c->in->item_service[item] * c->coarse_width;
}

/* What curve_delta() would say, capacity left aside, from the coarse rows. */
CURVE_INLINE float guess(const struct curve *c, uint32_t a, uint32_t b, uint32_t to)
{
	uint32_t from = (uint32_t)c->item_node[a];
	const float *rows[3] = { coarse_of(c, a), coarse_of(c, b), coarse_of(c, a) };
	float delta = curve_move_price(c, a, to) - c->coarse_sum[to] - c->coarse_sum[from];
	curve_floats sum = { 0 };

	curve_coarse(c, to, rows, &sum);
	if (b != NO_ITEM)
		delta += curve_move_price(c, b, from);
	else if (!c->items[to].n)
		delta += c->node_price[to];
	if (b == NO_ITEM && c->items[from].n == 1)
		return delta + curve_lanes_sum(&sum) - c->node_price[from];
	curve_coarse(c, from, rows + 1, &sum);
	return delta + curve_lanes_sum(&sum);
}

static void judge(struct curve_region *r, uint32_t a, uint32_t b, uint32_t to, float limit)
{
	struct curve *c = r->c;
	uint32_t from = (uint32_t)c->item_node[a];
	int change = curve_move_change(c, a, to) + (b == NO_ITEM ? 0 : curve_move_change(c, b, from));

	r->n_exact++;
	if (change > 0 && change > r->moves_left)
		return;
	if (!curve_rules_allow(c, a, b, to, r->index) || !(curve_delta(c, a, b, to) <= limit))
		return;
	curve_change(c, a, b, to);
	r->moves_left -= change;
	r->n_made++;
}

/* Larger items more often than small ones, whose swaps change little: rank 1 - u^2 of the items by size. */
CURVE_INLINE uint32_t draw_rank(uint64_t dice, uint32_t n)
{
	uint64_t u = dice >> 32;

	return n - 1 - (uint32_t)(((u * u >> 32) * n) >> 32);
}

/* Kinds of proposals take turns, so that the processor can foresee which is next. */
enum kind { SHIFT, SWAP_ANY, SWAP_ALIKE };
static const uint8_t turns[] = { SWAP_ALIKE, SHIFT, SWAP_ALIKE, SWAP_ANY, SWAP_ALIKE, SHIFT, SWAP_ALIKE, SWAP_ANY };

/* The other item of a swap: any, or one alike in size, on every scale; n when there is none at that distance. */
CURVE_INLINE uint32_t draw_other(uint32_t dice, uint32_t rank, const struct curve_region *r, bool alike)
{
	uint32_t n = r->n_items, distance, sign;

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

CURVE_CLONES void curve_region_run(struct curve_region *r)
{
	struct curve *c = r->c;
	const uint32_t *service = c->in->item_service;

	for (uint64_t i = 0; r->n_items > 1 && r->n_nodes > 1 && i < r->proposals; i++) {
		uint64_t dice = rng_u64(&r->rng), more = rng_u64(&r->rng);
		uint32_t rank = draw_rank(dice, r->n_items), a = r->items[rank], b = NO_ITEM, to;
		float limit = r->temperature * tail[more & ((1 << TAIL_BITS) - 1)];
		enum kind kind = turns[i % sizeof(turns)];

		if (kind == SHIFT) {
			to = draw_node(r, (uint32_t)dice, more);
		} else {
			rank = draw_other((uint32_t)dice, rank, r, kind == SWAP_ALIKE);
			if (rank == r->n_items || service[b = r->items[rank]] == service[a])
				continue;
			to = (uint32_t)c->item_node[b];
		}
		if (c->item_node[a] != (int32_t)to && guess(c, a, b, to) <= limit + DOUBT * r->temperature)
			judge(r, a, b, to, limit);
	}
}
