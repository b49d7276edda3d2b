/*
 * The setups of a campaign, from the field `runs` of its file: every service alone, pairs, named groups, synthetic pressure
 * beside one service, and random groups drawn with the campaign's seed. See campaign.h and docs/campaign.md.
 */
#include "collector/campaign.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "collector/press.h"

#define MAX_SETUPS 10000
#define PRESS_WORKERS_MAX 64

static bool same_members(const struct campaign_setup *a, const size_t *member, size_t n)
{
	return !a->press && a->n == n && !memcmp(a->member, member, n * sizeof(*member));
}

/* Members are sorted, so that a+b and b+a are one setup. False when it was there already. */
static bool setup_add(struct campaign *c, size_t *cap, const size_t *member, size_t n, const struct campaign_setup *press)
{
	struct campaign_setup s = press ? *press : (struct campaign_setup){ 0 };

	s.n = n;
	for (size_t i = 0; i < n; i++) {
		size_t k = i;

		for (; k && s.member[k - 1] > member[i]; k--)
			s.member[k] = s.member[k - 1];
		s.member[k] = member[i];
	}
	for (size_t i = 0; !press && i < c->n_setups; i++)
		if (same_members(&c->setups[i], s.member, n))
			return false;
	for (size_t i = 0; i < n; i++) {
		char *longer = str_fmt("%s%s%s", s.name ? s.name : "", s.name ? "+" : "", c->services[s.member[i]].id);

		free(s.name);
		s.name = longer;
	}
	if (press) {
		char *longer = s.workers > 1 ? str_fmt("%s+press-%s-%ux%u", s.name, s.press, s.level, s.workers) :
					       str_fmt("%s+press-%s-%u", s.name, s.press, s.level);

		free(s.name);
		s.name = longer;
		s.cpus = press->cpus ? str_dup(press->cpus) : NULL;
	}
	c->setups = array_grow(c->setups, cap, c->n_setups + 1, sizeof(*c->setups));
	c->setups[c->n_setups++] = s;
	return true;
}

static size_t service_find(const struct campaign *c, const char *id)
{
	size_t s = 0;

	while (s < c->n_services && strcmp(c->services[s].id, id))
		s++;
	return s;
}

static int groups_read(struct campaign *c, size_t *cap, const struct json_at *list, struct err *e)
{
	size_t n, size;
	int err;

	if (!list->value)
		return 0;
	if ((err = json_check_array(list, &n, e)) < 0)
		return err;
	for (size_t g = 0; g < n; g++) {
		struct json_at group = json_item(list, g);
		size_t member[CAMPAIGN_GROUP_MAX];

		if ((err = json_check_array(&group, &size, e)) < 0)
			return err;
		if (!size || size > CAMPAIGN_GROUP_MAX)
			return json_fail(&group, e, "a group has 1 to %d services", CAMPAIGN_GROUP_MAX);
		for (size_t i = 0; i < size; i++) {
			struct json_at at = json_item(&group, i);
			const char *id;

			if ((err = json_as_str(&at, &id, e)) < 0)
				return err;
			if ((member[i] = service_find(c, id)) == c->n_services)
				return json_fail(&at, e, "there is no service \"%.40s\"", id);
			for (size_t k = 0; k < i; k++)
				if (member[k] == member[i])
					return json_fail(&at, e, "\"%.40s\" stands twice in its group", id);
		}
		setup_add(c, cap, member, size, NULL);
	}
	return 0;
}

/* `wanted` random groups of `size` distinct services, no group twice; fewer when that many do not exist. */
static void groups_draw(struct campaign *c, size_t *cap, size_t size, int64_t wanted, struct rng *r)
{
	size_t order[1024];

	if (size > c->n_services || c->n_services > 1024)
		return;
	for (int64_t made = 0, tries = 0; made < wanted && tries < wanted * 1000; tries++) {
		for (size_t i = 0; i < c->n_services; i++)
			order[i] = i;
		for (size_t i = 0; i < size; i++) {
			size_t k = i + rng_below(r, (uint32_t)(c->n_services - i)), t = order[i];

			order[i] = order[k];
			order[k] = t;
		}
		made += setup_add(c, cap, order, size, NULL);
	}
}

/* Which services feel this pressure: the listed ones, or all. felt[] is per service. */
static int felt_read(const struct campaign *c, const struct json_at *at, bool *felt, struct err *e)
{
	struct json_at list = json_key(at, "services");
	size_t n = 0;
	int err;

	for (size_t s = 0; s < c->n_services; s++)
		felt[s] = !list.value;
	if (!list.value)
		return 0;
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct json_at one = json_item(&list, i);
		const char *id;
		size_t s;

		if ((err = json_as_str(&one, &id, e)) < 0)
			return err;
		if ((s = service_find(c, id)) == c->n_services)
			return json_fail(&one, e, "there is no service \"%.40s\"", id);
		felt[s] = true;
	}
	return 0;
}

static int press_row_read(struct campaign *c, size_t *cap, const struct json_at *at, bool *felt, struct err *e)
{
	static const char *const keys[] = { "kind", "levels", "workers", "cpus", "services", NULL };
	struct json_at levels = json_key(at, "levels");
	struct campaign_setup press = { 0 };
	const char *kind, *cpus = NULL;
	int64_t level, workers = 1;
	size_t n;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "kind", true, &kind, e)) < 0 || (err = json_check_array(&levels, &n, e)) < 0 ||
	    (err = json_get_str(at, "cpus", false, &cpus, e)) < 0 ||
	    (err = json_get_i64(at, "workers", false, 1, PRESS_WORKERS_MAX, &workers, e)) < 0 || (err = felt_read(c, at, felt, e)) < 0)
		return err;
	if (!press_find(kind))
		return json_fail(at, e, "kind \"%.40s\" must be one of cpu, cache, membw, disk, net", kind);
	if (cpus && press_cpus_parse(cpus, NULL) < 0)
		return json_fail(at, e, "cpus \"%.40s\" must be numbers and ranges like 0,2-3", cpus);
	press = (struct campaign_setup){ .press = press_find(kind)->name, .workers = (unsigned)workers, .cpus = (char *)(uintptr_t)cpus };
	for (size_t i = 0; i < n; i++) {
		struct json_at one = json_item(&levels, i);

		if ((err = json_as_i64(&one, 1, 100, &level, e)) < 0)
			return err;
		press.level = (unsigned)level;
		for (size_t s = 0; s < c->n_services; s++)
			if (felt[s])
				setup_add(c, cap, &s, 1, &press);
	}
	return 0;
}

static int press_read(struct campaign *c, size_t *cap, const struct json_at *list, struct err *e)
{
	bool *felt = mem_alloc(c->n_services + 1, sizeof(*felt));
	size_t n = 0;
	int err = list->value ? json_check_array(list, &n, e) : 0;

	for (size_t p = 0; p < n && !err; p++) {
		struct json_at at = json_item(list, p);

		err = press_row_read(c, cap, &at, felt, e);
	}
	free(felt);
	return err;
}

int campaign_lay_out(struct campaign *c, const struct json_at *runs, struct err *e)
{
	static const char *const keys[] = { "pairs", "groups", "random_triples", "random_quads", "press", NULL };
	struct json_at groups = json_key(runs, "groups"), press = json_key(runs, "press");
	int64_t triples = 0, quads = 0;
	bool pairs = true;
	size_t cap = 0;
	struct rng r;
	int err;

	for (size_t s = 0; s < c->n_services; s++)
		setup_add(c, &cap, &s, 1, NULL);
	if (runs->value && ((err = json_check_object(runs, e)) < 0 || (err = json_only(runs, keys, e)) < 0 ||
			    (err = json_get_bool(runs, "pairs", false, &pairs, e)) < 0 ||
			    (err = json_get_i64(runs, "random_triples", false, 0, 1000, &triples, e)) < 0 ||
			    (err = json_get_i64(runs, "random_quads", false, 0, 1000, &quads, e)) < 0))
		return err;
	for (size_t a = 0; pairs && a < c->n_services; a++)
		for (size_t b = a + 1; b < c->n_services; b++)
			setup_add(c, &cap, (const size_t[]){ a, b }, 2, NULL);
	rng_seed(&r, c->seed);
	if ((err = groups_read(c, &cap, &groups, e)) < 0 || (err = press_read(c, &cap, &press, e)) < 0)
		return err;
	groups_draw(c, &cap, 3, triples, &r);
	groups_draw(c, &cap, 4, quads, &r);
	if (c->n_setups > MAX_SETUPS)
		return json_fail(runs, e, "asks for %zu setups, at most %d are run", c->n_setups, MAX_SETUPS);
	return 0;
}
