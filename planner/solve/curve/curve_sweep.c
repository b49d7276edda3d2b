/* See curve_sweep.h. Of nodes that have changed, the rows of all that stand there are written anew before the next sweep. */
#include "planner/solve/curve/curve_sweep.h"

#include <string.h>

#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_region.h"
#include "planner/solve/curve/curve_rules.h"

#define DOUBT 0.5f /* temperatures by which an estimate may be wrong before a candidate is lost */
#define WINDOW 128 /* items looked at on either side, in order of size: what differs more in size hardly ever changes places */

/* The least so far of cost - temperature * noise: a slot, the item's own for staying. */
struct pick { uint32_t b; float value, sums[2]; };

struct sweep {
	struct curve_region *r;
	uint32_t a;         /* slot */
	const float *noise; /* [slot] */
	struct pick pick;
};

static const float *row_of(const struct curve_region *r, uint32_t slot)
{
	return r->rows + (size_t)slot * r->c->coarse_width;
}

/* Lane of the slot in rows of so many lanes. */
static float *lane_of(float *rows, uint32_t width, uint32_t slot)
{
	return rows + (size_t)(slot / CURVE_LANES) * width * CURVE_LANES + slot % CURVE_LANES;
}

static void write_without(struct curve_region *r, uint32_t slot, uint32_t node)
{
	const struct curve *c = r->c;
	const float *over = c->coarse_over + (size_t)node * c->coarse_width, *row = row_of(r, slot);
	float *without = lane_of(r->sweep.without, c->coarse_width, slot), *scale = lane_of(r->sweep.scale, c->n_paid, slot);

	for (uint32_t p = 0; p < c->n_paid; p++) {
		scale[p * CURVE_LANES] = c->scale[(size_t)node * c->n_paid + p];
		for (uint32_t k = c->paid[p].coarse; k < c->paid[p].coarse + c->paid[p].coarse_width; k++)
			without[k * CURVE_LANES] = over[k] - row[k] * scale[p * CURVE_LANES];
	}
	r->sweep.paid[slot] = c->coarse_sum[node];
}

static void refresh_all(struct curve_region *r)
{
	struct curve_sweep *w = &r->sweep;

	while (w->n_stale) {
		uint32_t index = w->stale[--w->n_stale];
		const struct curve_list *l = &r->c->items[r->nodes[index]];

		for (uint32_t i = 0; i < l->n; i++)
			write_without(r, r->slot_of[l->v[i]], r->nodes[index]);
		w->is_stale[index] = false;
	}
}

void curve_sweep_touch(struct curve_region *r, uint32_t node)
{
	struct curve_sweep *w = &r->sweep;
	uint32_t index = r->index_of[node];

	if (w->is_stale[index])
		return;
	w->is_stale[index] = true;
	w->stale[w->n_stale++] = index;
}

bool curve_sweep_begin(struct curve_region *r)
{
	uint32_t width = r->c->coarse_width;

	memset(r->sweep.is_stale, 0, r->n_nodes * sizeof(bool));
	r->sweep.n_stale = 0;
	if (!r->c->n_paid || r->c->extra || curve_moves_cost(r->c) || r->n_open < 2 || r->n_items < 2)
		return false;
	for (uint32_t i = 0; i < r->n_items; i++)
		for (uint32_t k = 0; k < width; k++)
			lane_of(r->sweep.rows, width, i)[k * CURVE_LANES] = row_of(r, i)[k];
	for (uint32_t i = 0; i < r->n_open; i++)
		curve_sweep_touch(r, r->nodes[i]);
	return true;
}

/* By every slot and rule. */
static void judge(struct sweep *s, uint32_t b, float noise)
{
	struct curve_region *r = s->r;
	const struct curve_slot *a = r->slots + s->a, *other = r->slots + b;
	float sums[2], value;

	if (other->node == a->node || other->service == a->service)
		return;
	value = curve_delta(r->c, a->item, other->item, other->node, sums) - noise;
	if (value < s->pick.value && curve_rules_allow(r->c, a->item, other->item, other->node, r->index))
		s->pick = (struct pick){ b, value, { sums[0], sums[1] } };
}

CURVE_INLINE bool any(const curve_ints *mask)
{
	typedef uint64_t words __attribute__((vector_size(sizeof(curve_ints))));
	words w = (words)*mask;

	return w[0] | w[1] | w[2] | w[3];
}

/* What both nodes' coarse rows cost with the eight items, of which this is the first, in place of a and a in place of them. */
CURVE_INLINE curve_floats swapped(const struct sweep *s, uint32_t first)
{
	const struct curve *c = s->r->c;
	const struct curve_sweep *w = &s->r->sweep;
	const curve_floats *row = (const curve_floats *)(w->rows + (size_t)first * c->coarse_width);
	const curve_floats *without = (const curve_floats *)(w->without + (size_t)first * c->coarse_width);
	const curve_floats *scale = (const curve_floats *)(w->scale + (size_t)first * c->n_paid);
	const float *a = row_of(s->r, s->a), *stays = lane_of(w->without, c->coarse_width, s->a), *own = c->scale + (size_t)s->r->slots[s->a].node * c->n_paid;
	curve_floats sum = { 0 };

	for (uint32_t p = 0; p < c->n_paid; p++)
		for (uint32_t k = c->paid[p].coarse; k < c->paid[p].coarse + c->paid[p].coarse_width; k++) {
			curve_floats here = stays[k * CURVE_LANES] + row[k] * own[p], there = without[k] + a[k] * scale[p];

			curve_spend(&here, c->paid[p].exponential);
			curve_spend(&there, c->paid[p].exponential);
			sum += c->coarse_price[k] * (here + there);
		}
	return sum;
}

CURVE_CLONES static void sweep_items(struct sweep *s)
{
	struct curve_region *r = s->r;
	const struct curve_sweep *w = &r->sweep;
	float temperature = r->temperature, pays = w->paid[s->a];
	uint32_t first = s->a > WINDOW ? (s->a - WINDOW) / CURVE_LANES * CURVE_LANES : 0;
	uint32_t end = s->a + WINDOW < r->n_items ? s->a + WINDOW : r->n_items;

	for (uint32_t i = first; i < end; i += CURVE_LANES) {
		curve_floats value = swapped(s, i) - *(const curve_floats *)(w->paid + i) - pays, noise;
		curve_ints less;

		memcpy(&noise, s->noise + i, sizeof(noise));
		noise *= temperature;
		less = value - noise < s->pick.value + DOUBT * temperature;
		if (!any(&less))
			continue;
		for (uint32_t l = 0; l < CURVE_LANES && i + l < end; l++)
			if (less[l])
				judge(s, i + l, noise[l]);
	}
}

void curve_sweep_try(struct curve_region *r, uint32_t slot)
{
	struct sweep s = { .r = r, .a = slot, .noise = gumbel_run(r->gumbel, &r->rng) };

	s.pick = (struct pick){ slot, -r->temperature * *gumbel_run(r->gumbel, &r->rng), { 0 } };
	refresh_all(r);
	sweep_items(&s);
	if (s.pick.b != slot)
		curve_region_change(r, r->slots + slot, r->slots + s.pick.b, r->slots[s.pick.b].node, s.pick.sums);
}
