/* See team.h. */
#include "planner/team.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct team { void (*job)(void *context, uint32_t i); void *context; uint32_t n, next; };

static void *work(void *arg)
{
	struct team *t = arg;
	uint32_t i;

	while ((i = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED)) < t->n)
		t->job(t->context, i);
	return NULL;
}

void team_run(unsigned threads, uint32_t n, void (*job)(void *context, uint32_t i), void *context)
{
	struct team t = { job, context, n, 0 };
	unsigned made = 0;
	pthread_t *ids;

	threads = threads < n ? threads : n;
	ids = mem_alloc(threads, sizeof(*ids));
	while (made + 1 < threads && !pthread_create(&ids[made], NULL, work, &t))
		made++;
	work(&t);
	while (made)
		pthread_join(ids[--made], NULL);
	free(ids);
}
