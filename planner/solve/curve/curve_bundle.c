/* See curve_bundle.h. Cost is judged first, all at once; then the items move one by one, each by the rules as they then are. */
#include "planner/solve/curve/curve_bundle.h"

#include <string.h>

#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_rules.h"

#define MOST 4        /* items that come back */
#define DRAWS 8       /* looked at for them */
#define EXCESS 1.1f   /* of the size that leaves */

struct bundle {
	struct curve_slot *a, *back[MOST];
	uint32_t n, to;
	int moves; /* change of how many replicas stand away from home */
	float size, price; /* price: of these moves */
	float row[CURVE_BLOCKS * CURVE_MAX_PAID] __attribute__((aligned(64))); /* coarse, of all that come back */
};

bool curve_bundle_applies(const struct curve *c)
{
	return !c->extra;
}

static bool holds(const struct bundle *b, const struct curve_slot *s)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->back[i] == s)
			return true;
	return false;
}

static void enter(const struct curve *c, struct bundle *b, const struct curve_slot *s, uint32_t to)
{
	b->moves += curve_move_change(c, s->item, to);
	b->price += curve_move_price(c, s->item, to);
}

/* Where moves cost, only what is not at home comes back. */
static void gather(struct curve_region *r, struct bundle *b)
{
	const struct curve_list *l = &r->c->items[b->to];
	uint32_t width = r->c->coarse_width;

	for (int k = 0; k < DRAWS && b->n < MOST && l->n; k++) {
		struct curve_slot *s = r->slots + r->slot_of[l->v[rng_below(&r->rng, l->n)]];
		const float *row = r->rows + (size_t)(s - r->slots) * width;

		if (b->size + s->size > b->a->size * EXCESS || holds(b, s) ||
		    (curve_moves_cost(r->c) && curve_move_change(r->c, s->item, b->a->node) > 0))
			continue;
		for (uint32_t i = 0; i < width; i++)
			b->row[i] += row[i];
		b->size += s->size;
		b->back[b->n++] = s;
		enter(r->c, b, s, b->a->node);
	}
}

CURVE_CLONES static float guess(const struct curve_region *r, const struct bundle *b)
{
	const struct curve *c = r->c;
	const float *a = r->rows + (size_t)(b->a - r->slots) * c->coarse_width, *rows[3] = { a, b->row, a };
	curve_floats sum = { 0 };

	curve_coarse(c, b->to, rows, &sum);
	curve_coarse(c, b->a->node, rows + 1, &sum);
	return curve_lanes_sum(&sum) - c->coarse_sum[b->to] - c->coarse_sum[b->a->node];
}

static float delta(const struct curve_region *r, const struct bundle *b)
{
	const struct curve *c = r->c;

	memcpy(r->bundle, c->need + (size_t)b->back[0]->service * c->width, c->width * sizeof(int32_t));
	for (uint32_t i = 1; i < b->n; i++) {
		const int32_t *need = c->need + (size_t)b->back[i]->service * c->width;

		for (uint32_t k = 0; k < c->width; k++)
			r->bundle[k] += need[k];
	}
	return curve_trade_delta(c, b->a->item, r->bundle, b->to);
}

static bool shift(struct curve_region *r, struct curve_slot *s, uint32_t to)
{
	if (!curve_rules_allow(r->c, s->item, NO_ITEM, to, r->index))
		return false;
	curve_change(r->c, s->item, NO_ITEM, to, NULL);
	return true;
}

static void carry_out(struct curve_region *r, struct bundle *b)
{
	uint32_t from = b->a->node, n = 0;

	while (n < b->n && shift(r, b->back[n], from))
		n++;
	if (n < b->n || !shift(r, b->a, b->to)) {
		while (n-- > 0)
			curve_change(r->c, b->back[n]->item, NO_ITEM, b->to, NULL);
		return;
	}
	curve_sweep_touch(r, from);
	curve_sweep_touch(r, b->to);
	r->moves_left -= b->moves;
	b->a->node = b->to;
	while (n-- > 0)
		b->back[n]->node = from;
}

void curve_bundle_try(struct curve_region *r, uint32_t rank, float limit, float doubt)
{
	struct bundle b = { .a = r->slots + rank, .to = r->nodes[rng_below(&r->rng, r->n_open)] };

	if (b.to == b.a->node)
		return;
	enter(r->c, &b, b.a, b.to);
	gather(r, &b);
	if (!b.n || (b.moves > 0 && b.moves > r->moves_left))
		return;
	limit -= b.price;
	if (guess(r, &b) <= limit + doubt && curve_rules_allow(r->c, b.a->item, NO_ITEM, b.to, r->index) && delta(r, &b) <= limit)
		carry_out(r, &b);
}
