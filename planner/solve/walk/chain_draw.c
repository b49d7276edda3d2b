/*
 * Kinds of chains. Beside shifts and swaps (ROADEF/EURO 2012, all of the finalists) "make room": a enters where b is, and b goes
 * home or to a third node. Where transient resources are short, an item that goes home gives back room that nothing else
 * can, so chains that send one home are drawn more often than chance would.
 */
#include "planner/solve/walk/chain_draw.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define URN_PER_ITEM 16
#define SIZE_POWER 0.8 /* 0: all items alike; 1: by size. With 0.5 large items come to rest in bad places, with 1.1 small ones are neglected */

/* Chances in 1/256 */
#define SHIFT_HOME 38
#define ROOM_HOME 180

uint32_t chain_draw_item(struct chain_draw *d)
{
	return d->urn[rng_below(d->rng, d->n_urn)];
}

static bool chance(struct chain_draw *d, uint32_t of_256)
{
	return rng_u64(d->rng) >> 56 < of_256;
}

/* Home with that chance if it has one, else any node. */
static uint32_t draw_node(struct chain_draw *d, uint32_t item, uint32_t home_of_256)
{
	const struct instance *in = d->p->sc->in;
	int32_t home = in->item_node[item];

	if (home != NO_NODE && home != d->p->item_node[item] && chance(d, home_of_256))
		return (uint32_t)home;
	return rng_below(d->rng, in->n_nodes);
}

static bool shift(struct chain_draw *d, struct chain *c)
{
	c->n = 1;
	c->item[0] = chain_draw_item(d);
	c->to[0] = draw_node(d, c->item[0], SHIFT_HOME);
	return d->p->item_node[c->item[0]] != (int32_t)c->to[0];
}

/* Two items on different nodes; the first goes where the second is. */
static bool pair(struct chain_draw *d, struct chain *c)
{
	c->n = 2;
	c->item[0] = chain_draw_item(d);
	c->item[1] = chain_draw_item(d);
	c->to[0] = (uint32_t)d->p->item_node[c->item[1]];
	return d->p->item_node[c->item[0]] != (int32_t)c->to[0];
}

static bool swap(struct chain_draw *d, struct chain *c)
{
	if (!pair(d, c))
		return false;
	c->to[1] = (uint32_t)d->p->item_node[c->item[0]];
	return true;
}

static bool make_room(struct chain_draw *d, struct chain *c)
{
	if (!pair(d, c))
		return false;
	c->to[1] = draw_node(d, c->item[1], ROOM_HOME);
	return c->to[1] != c->to[0];
}

static const struct kind_of_chain {
	uint32_t until; /* of 256: chances add up */
	bool (*draw)(struct chain_draw *d, struct chain *c);
} kinds[] = {
	{ 90, shift }, { 167, swap }, { 256, make_room },
};

bool chain_draw(struct chain_draw *d, struct chain *c)
{
	uint32_t r = (uint32_t)(rng_u64(d->rng) >> 56);
	const struct kind_of_chain *k = kinds;

	while (r >= k->until)
		k++;
	return k->draw(d, c);
}

void chain_draw_init(struct chain_draw *d, const struct place *p, struct rng *rng)
{
	const struct instance *in = p->sc->in;
	double sum = 0;

	*d = (struct chain_draw){ .p = p, .rng = rng };
	for (uint32_t i = 0; i < in->n_items; i++)
		sum += pow(p->sc->size[in->item_service[i]], SIZE_POWER);
	d->urn = mem_alloc((size_t)in->n_items * (URN_PER_ITEM + 1), sizeof(*d->urn));
	for (uint32_t i = 0; i < in->n_items; i++) {
		double share = sum > 0 ? pow(p->sc->size[in->item_service[i]], SIZE_POWER) / sum : 0;
		uint32_t n = 1 + (uint32_t)(share * URN_PER_ITEM * in->n_items); /* at least one: everything can move */

		while (n-- && d->n_urn < (URN_PER_ITEM + 1) * in->n_items)
			d->urn[d->n_urn++] = i;
	}
}

void chain_draw_fini(struct chain_draw *d)
{
	free(d->urn);
}
