/*
 * Fills one node: see slack.h. It begins with a large item and random ones, so that the pool keeps its mix, overfull or not; then
 * one item (or nobody) at a time is exchanged for the best of those in the pool that are like what is wanted in its place. The goal is the same
 * room in every column, in proportion to how scarce it is among what still waits: what one node leaves over of a scarce resource, the last ones
 * would lack. An exchange that makes it worse is taken with the chance of annealing; the temperature belongs to the slack that the node may
 * leave unused, and both rise when it is not reached.
 *
 * Rules and slowdown limits hold all the time, only capacity waits.
 */
#include "planner/solve/fleet/slack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define GRANTED_FIRST 0.03f
#define GRANTED_LEAST 1e-4f
#define GRANTED_MOST 0.5f   /* from here on items are taken off until the node holds the rest */
#define GRANT_MORE 1.25f    /* when a node has taken PATIENCE times the steps it should */
#define PATIENCE 8
#define GRANT_SLOPE 0.05f   /* for the next node: more or less, as this one has taken longer or not */
#define HEAT 0.4f           /* temperature, in squares of the slack granted; 0.2 .. 0.8 differed by 0.4 % of the nodes */
#define LEFT_WEIGHT 0.5f    /* of what is left over beyond the goal, against what is missing; 0.3 and 0.5 differed by 0.1 % */
#define FIRST_SAMPLE 8      /* the first item is the largest of so many: with 64 the pool's mean item shrank, with 1 it grew */
#define DRAWS 32            /* random items that rules or limits forbid, in a row, before the node is begun with what it has */
#define COARSE_EXCESS 1.5f  /* the coarse view overestimates: up to so much worse, the fine one is asked */

#define CLONES __attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))

void slack_init(struct slack *x, const struct fine *f, struct state *st, struct pool *pool, uint64_t steps)
{
	const struct blocks *k = f->k;

	*x = (struct slack){ .f = f, .st = st, .pool = pool, .steps = steps, .granted = GRANTED_FIRST };
	x->waits = mem_alloc(k->stride, sizeof(*x->waits));
	for (uint32_t i = 0; i < pool->n; i++)
		for (uint32_t b = 0; b < k->stride; b++)
			x->waits[b] += (double)k->share[(size_t)k->in->item_service[pool->waiting[i]] * k->stride + b];
	x->room = mem_aligned(4, f->width * sizeof(float), sizeof(block_lanes));
	x->goal = x->room + f->width;
	x->edge = x->goal + f->width;
	x->useful = x->edge + f->width;
	x->least = blocks_rows(k, 4);
	x->least_goal = x->least + k->stride;
	x->least_edge = x->least_goal + k->stride;
	x->want = x->least_edge + k->stride;
}

void slack_fini(struct slack *x)
{
	free(x->waits);
	free(x->room);
	free(x->least);
}

/* How far a room is from the goal: squares of what differs, more where it is beyond the edge. */
static inline __attribute__((always_inline)) float distance(const float *room, const float *out, const float *in, const float *goal,
							    const float *edge, uint32_t n)
{
	float sum = 0;

	for (uint32_t c = 0; c < n; c++) {
		float left = room[c] + out[c] - in[c], off = left - goal[c], over = left - edge[c];

		over = over < 0 ? over : 0;
		sum += LEFT_WEIGHT * off * off + (1 - LEFT_WEIGHT) * over * over;
	}
	return sum;
}

CLONES static float fine_distance(const struct slack *x, const float *out, const float *in)
{
	return distance(x->room, out, in, x->goal, x->edge, x->f->width);
}

CLONES static float coarse_distance(const struct slack *x, const float *out, const float *in)
{
	return distance(x->least, out, in, x->least_goal, x->least_edge, x->f->k->stride);
}

static const float *nobody(const struct slack *x)
{
	return fine_row(x->f, x->f->k->in->n_services);
}

/* The room follows an exchange, of rows of nobody too. */
CLONES static void follow(struct slack *x, const float *leaves, const float *comes)
{
	for (uint32_t c = 0; c < x->f->width; c++)
		x->room[c] += leaves[c] - comes[c];
}

/* Goal and edge of a node for the slack granted. A block that is half as scarce as the scarcest is to be half full. */
static void aim(struct slack *x, uint32_t node, float granted)
{
	const struct blocks *k = x->f->k;
	const struct instance *in = k->in;
	double most = 1e-30;

	for (uint32_t b = 0; b < k->n; b++)
		most = fmax(most, x->waits[b]);
	x->size = x->scarce = 0;
	for (uint32_t b = 0; b < k->n; b++) {
		float root = sqrtf((float)(k->first[b + 1] - k->first[b])), ideal = (float)fmax(0, x->waits[b] / most), capacity = 0;

		x->least_goal[b] = x->least_edge[b] = BLOCKS_NEVER;
		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++) {
			float all = (float)in->capacity[(size_t)node * in->n_columns + c] * x->f->scale[c];

			x->goal[c] = all * (1 - ideal * (1 - granted));
			x->edge[c] = all * granted;
			x->useful[c] = ideal / root;
			x->least_goal[b] = fminf(x->least_goal[b], x->goal[c] * root);
			x->least_edge[b] = fminf(x->least_edge[b], x->edge[c] * root);
			capacity += all / root;
		}
		x->size += ideal * capacity;
		x->scarce += ideal;
	}
	for (uint32_t p = 0; p < k->n_pressures; p++) {
		float most_even = k->ideal[k->n + p] * FINE_PRESSURE_EVEN, even = (float)(x->waits[k->n + p] / most);

		x->goal[in->n_columns + p] = x->least_goal[k->n + p] = most_even - even * (1 - granted);
		x->edge[in->n_columns + p] = x->least_edge[k->n + p] = 0;
	}
	x->hurt = fine_distance(x, nobody(x), nobody(x));
}

CLONES static float useful_of(const struct slack *x, const float *row)
{
	float sum = 0;

	for (uint32_t c = 0; c < x->f->width; c++)
		sum += row[c] * x->useful[c];
	return sum;
}

/* Useful room that is left over beyond the goal: 0 when all columns stand at it. */
CLONES static float unused(const struct slack *x)
{
	float sum = 0;

	for (uint32_t c = 0; c < x->f->k->in->n_columns; c++)
		sum += (x->room[c] - x->goal[c]) * x->useful[c];
	return sum;
}

static bool is_over(const struct slack *x, uint32_t node)
{
	const struct instance *in = x->f->k->in;
	const int64_t *load = x->st->load + (size_t)node * in->n_columns, *capacity = in->capacity + (size_t)node * in->n_columns;
	bool over = false;

	for (uint32_t c = 0; c < in->n_columns; c++)
		over |= load[c] > capacity[c];
	return over;
}

static void count_waiting(struct slack *x, uint32_t service, double sign)
{
	const struct blocks *k = x->f->k;

	for (uint32_t b = 0; b < k->n + k->n_pressures; b++)
		x->waits[b] += sign * (double)k->share[(size_t)service * k->stride + b];
}

/* Rows of rooms follow; `hurt` does not. Limits are the caller's. */
static bool put(struct slack *x, uint32_t service, uint32_t node)
{
	if (!state_fits_rules(x->st, service, node))
		return false;
	state_put(x->st, pool_take(x->pool, service), node);
	count_waiting(x, service, -1);
	return true;
}

/* An item that has been taken off waits again. */
static void give_back(struct slack *x, uint32_t item)
{
	pool_give(x->pool, item);
	count_waiting(x, x->f->k->in->item_service[item], 1);
}

static uint32_t draw_first(struct slack *x)
{
	uint32_t best = pool_draw(x->pool, &x->rng);

	for (uint32_t t = 1; t < FIRST_SAMPLE; t++) {
		uint32_t service = pool_draw(x->pool, &x->rng);

		best = x->f->k->size[service] > x->f->k->size[best] ? service : best;
	}
	return best;
}

/* Random items until another one would be too much by half of it. */
static void begin(struct slack *x, uint32_t node)
{
	uint32_t tries = 0;

	fine_room(x->f, x->st, node, 0, x->room);
	while (x->pool->n && tries < DRAWS) {
		uint32_t service = x->st->items[node].n ? pool_draw(x->pool, &x->rng) : draw_first(x);
		const float *row = fine_row(x->f, service);

		if (x->st->items[node].n && unused(x) < useful_of(x, row) / 2)
			break;
		tries++;
		if ((!x->st->items[node].n && !state_fits_columns(x->st, service, node)) || !state_fits_limits(x->st, service, node) || !put(x, service, node))
			continue;
		follow(x, nobody(x), row);
		tries = 0;
	}
}

struct replacement { uint32_t service; float hurt; }; /* service n_services: nobody; UINT32_MAX: no replacement is good enough */

/* The best in `out`'s place (item, its service), of those in the pool that are like what is wanted there; or nobody. Limits hold with it. */
static struct replacement best_replacement(struct slack *x, uint32_t node, uint32_t item, uint32_t out, float limit)
{
	const struct blocks *k = x->f->k;
	const struct kin *kin = x->pool->kin;
	const float *coarse = k->share + (size_t)out * k->stride, *row = fine_row(x->f, out);
	struct replacement best = { UINT32_MAX, limit };
	uint32_t likely[KIN_LEAF + 1], n_likely = 0, first, n;

	for (uint32_t b = 0; b < k->stride; b++)
		x->want[b] = x->least[b] + coarse[b] - x->least_goal[b];
	n = kin_near(kin, x->want, &x->rng, &first);
	for (uint32_t i = 0; i < n; i++) {
		if (coarse_distance(x, coarse, kin->rows + (size_t)(first + i) * k->stride) >= limit * COARSE_EXCESS || kin->service[first + i] == out)
			continue;
		likely[n_likely++] = kin->service[first + i];
		__builtin_prefetch(fine_row(x->f, likely[n_likely - 1]));
	}
	if (out < k->in->n_services)
		likely[n_likely++] = k->in->n_services;
	for (uint32_t i = 0; i < n_likely; i++) {
		float hurt = fine_distance(x, row, fine_row(x->f, likely[i]));

		if (hurt < best.hurt && (likely[i] == k->in->n_services || state_fits_limits_instead(x->st, likely[i], node, item)))
			best = (struct replacement){ likely[i], hurt };
	}
	x->tests += n + 1;
	return best;
}

/* True when the node has changed. */
static bool step(struct slack *x, uint32_t node, float temperature)
{
	const struct state_list *l = &x->st->items[node];
	const struct instance *in = x->f->k->in;
	uint32_t at = rng_below(&x->rng, l->n + 1), item = at < l->n ? l->v[at] : UINT32_MAX;
	uint32_t out = item != UINT32_MAX ? in->item_service[item] : in->n_services;
	float limit = x->hurt - temperature * logf((float)rng_unit(&x->rng) + 1e-9f);
	struct replacement r = best_replacement(x, node, item, out, limit);

	if (r.service == UINT32_MAX)
		return false;
	if (item != UINT32_MAX)
		state_take(x->st, item);
	if (r.service < in->n_services && !put(x, r.service, node)) {
		if (item != UINT32_MAX)
			state_put(x->st, item, node);
		return false;
	}
	if (item != UINT32_MAX)
		give_back(x, item);
	follow(x, fine_row(x->f, out), fine_row(x->f, r.service));
	fine_least(x->f, x->room, x->least);
	x->hurt = r.hurt;
	return true;
}

/* Exchanges until the node leaves no more than is granted; more is granted when that takes too long. May end with the node over. */
static void anneal(struct slack *x, uint32_t node)
{
	float granted = x->granted;

	fine_least(x->f, x->room, x->least);
	for (; granted < GRANTED_MOST; granted *= GRANT_MORE) {
		uint64_t taken = 0;
		float temperature;

		aim(x, node, granted);
		temperature = HEAT * granted * granted * x->size * x->size / x->scarce;
		for (bool changed = true;; changed = step(x, node, temperature)) {
			bool full = changed && (unused(x) <= granted * x->size || !x->pool->n);

			if (full && !is_over(x, node)) {
				x->granted = fmaxf(granted * (taken < x->steps ? 1 - GRANT_SLOPE : 1 + GRANT_SLOPE), GRANTED_LEAST);
				return;
			}
			if (taken++ == x->steps * PATIENCE || !x->pool->n)
				break;
		}
	}
	x->granted = GRANTED_MOST / GRANT_MORE;
}

void slack_fill(struct slack *x, uint32_t node)
{
	if (!x->pool->n)
		return;
	aim(x, node, x->granted);
	begin(x, node);
	if (x->st->items[node].n)
		anneal(x, node);
	while (is_over(x, node)) {
		uint32_t item;

		fine_room(x->f, x->st, node, 0, x->room);
		item = fine_least_missed(x->f, x->st, node, x->room);
		state_take(x->st, item);
		give_back(x, item);
	}
}
