/* Exchanges between nodes and pools: see absorb.h. */
#include "planner/solve/absorb.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

#define VISITS 24            /* of each node per round */
#define GAIN_MIN 1e-6f       /* squared shares of a node */

struct exchange { uint32_t out, in_at; float gain; };  /* out: item or UINT32_MAX; in_at: index in the pool */

/* Squared distance from ideal of a node with b instead of a, or infinity when the blocks say that it does not fit. */
__attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))
static float distance(const float *restrict lack, const float *restrict spare, const float *restrict a, const float *restrict b, uint32_t n)
{
	const block_lanes *vl = __builtin_assume_aligned(lack, sizeof(block_lanes)), *vs = __builtin_assume_aligned(spare, sizeof(block_lanes));
	const block_lanes *va = __builtin_assume_aligned(a, sizeof(block_lanes)), *vb = __builtin_assume_aligned(b, sizeof(block_lanes));
	block_lanes sum = { 0 };
	block_masks over = { 0 };
	float total = 0;
	int32_t any = 0;

	for (uint32_t k = 0; k < n / BLOCK_LANES; k++) {
		block_lanes x = vl[k] - va[k] + vb[k];

		over |= x > vs[k];
		sum += x * x;
	}
	for (uint32_t k = 0; k < BLOCK_LANES; k++) {
		total += sum[k];
		any |= over[k];
	}
	return any ? BLOCKS_NEVER : total;
}

static const float *row(const struct absorb *m, uint32_t item)
{
	return m->k->share + (size_t)(item == UINT32_MAX ? m->in->n_services : m->in->item_service[item]) * m->k->stride;
}

bool absorb_frozen(const struct absorb *m, uint32_t item)
{
	return m->frozen[m->in->services[m->in->item_service[item]].group];
}

void absorb_measure(struct absorb *m, uint32_t node)
{
	const struct blocks *k = m->k;
	float *lack = m->lack + (size_t)node * k->stride, *spare = m->spare + (size_t)node * k->stride;

	blocks_capacity(k, node, spare);
	blocks_room(k, m->st, node, lack);
	for (uint32_t b = 0; b < k->n; b++) {
		spare[b] *= 1 - k->ideal[b];
		lack[b] = spare[b] - lack[b];
		spare[b] += 1e-5f;
	}
	for (uint32_t b = k->n; b < k->n + k->n_pressures; b++) {
		lack[b] = -lack[b];
		spare[b] = BLOCKS_NEVER;
	}
}

static struct exchange best_exchange(struct region *g, uint32_t node)
{
	struct absorb *m = g->m;
	const struct state_list *l = &m->st->items[node];
	const float *lack = m->lack + (size_t)node * m->k->stride, *spare = m->spare + (size_t)node * m->k->stride;
	float now = distance(lack, spare, row(m, UINT32_MAX), row(m, UINT32_MAX), m->k->stride), least = now - GAIN_MIN;
	struct exchange x = { 0 };
	uint32_t sample = g->n_pool < ABSORB_SAMPLE ? g->n_pool : ABSORB_SAMPLE;

	for (uint32_t t = 0; t < sample; t++) {
		uint32_t at = sample == g->n_pool ? t : rng_below(&g->rng, g->n_pool);
		const float *comes = row(m, g->pool[at]);

		for (uint32_t i = 0; i <= l->n; i++) {
			uint32_t out = i < l->n ? l->v[i] : UINT32_MAX;
			float v = distance(lack, spare, row(m, out), comes, m->k->stride);

			if (v < least && (out == UINT32_MAX || !absorb_frozen(m, out))) {
				least = v;
				x = (struct exchange){ out, at, now - v };
			}
		}
	}
	g->tests += (uint64_t)sample * (l->n + 1);
	return x;
}

static void carry_out(struct region *g, uint32_t node, const struct exchange *x)
{
	struct absorb *m = g->m;
	uint32_t comes = g->pool[x->in_at];

	if (x->out != UINT32_MAX)
		state_take(m->st, x->out);
	if (!state_fits(m->st, m->in->item_service[comes], node)) {
		if (x->out != UINT32_MAX)
			state_put(m->st, x->out, node);
		return;
	}
	state_put(m->st, comes, node);
	g->pool[x->in_at] = x->out != UINT32_MAX ? x->out : g->pool[--g->n_pool];
	absorb_measure(m, node);
}

static void work(struct region *g)
{
	for (uint32_t visit = 0; visit < VISITS; visit++)
		for (uint32_t k = 0; k < g->n_nodes && g->n_pool; k++) {
			struct exchange x;

			if (k % 64 == 0 && (g->tests >= g->budget || search_done(g->s, 0)))
				return;
			x = best_exchange(g, g->nodes[k]);
			if (x.gain > 0)
				carry_out(g, g->nodes[k], &x);
		}
}

static void *work_thread(void *arg)
{
	struct absorb *m = arg;
	uint32_t i;

	while ((i = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED)) < m->n_regions)
		work(&m->regions[i]);
	return NULL;
}

void absorb_work(struct absorb *m, unsigned threads)
{
	pthread_t *ids = mem_alloc(threads + 1, sizeof(*ids));
	unsigned n = threads < m->n_regions ? threads : m->n_regions, made = 0;

	m->next = 0;
	while (made + 1 < n && !pthread_create(&ids[made], NULL, work_thread, m))
		made++;
	work_thread(m);
	while (made)
		pthread_join(ids[--made], NULL);
	free(ids);
}

