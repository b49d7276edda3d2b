/* Reading a campaign file, and laying out its setups: see campaign.h and docs/campaign.md. */
#include "collector/campaign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "collector/press.h"

#define FILE_MAX_BYTES (8u << 20)
#define MAX_SETUPS 10000

static int argv_read(const struct json_at *at, const char *key, bool required, char ***out, struct err *e)
{
	struct json_at list = json_key(at, key);
	size_t n;
	int err;

	if (!list.value)
		return required ? json_fail(&list, e, "is missing") : 0;
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	if (!n)
		return json_fail(&list, e, "needs at least the command's name");
	*out = mem_alloc(n + 1, sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		struct json_at word = json_item(&list, i);
		const char *text;

		if ((err = json_as_str(&word, &text, e)) < 0)
			return err;
		(*out)[i] = str_dup(text);
	}
	return 0;
}

static int truth_read(const struct json_at *at, struct campaign_service *s, struct err *e)
{
	static const char *const keys[] = { "metric", "pattern", NULL };
	struct json_at truth = json_key(at, "truth");
	const char *metric, *pattern;
	int err;

	if (!truth.value)
		return json_fail(&truth, e, "is missing");
	if ((err = json_check_object(&truth, e)) < 0 || (err = json_only(&truth, keys, e)) < 0 ||
	    (err = json_get_str(&truth, "metric", true, &metric, e)) < 0 ||
	    (err = json_get_str(&truth, "pattern", true, &pattern, e)) < 0)
		return err;
	if (strcmp(metric, "throughput") && strcmp(metric, "latency") && strcmp(metric, "time"))
		return json_fail(&truth, e, "metric must be throughput, latency or time, got \"%.40s\"", metric);
	if (regcomp(&s->truth, pattern, REG_EXTENDED | REG_NEWLINE))
		return json_fail(&truth, e, "pattern is not an extended regular expression");
	s->has_truth = true;
	if (s->truth.re_nsub != 1)
		return json_fail(&truth, e, "pattern needs exactly one group ( ) around the number, has %zu", s->truth.re_nsub);
	s->metric = str_dup(metric);
	return 0;
}

static int services_read(struct campaign *c, const struct json_at *list, struct err *e)
{
	static const char *const keys[] = { "id", "prepare", "start", "ready", "load", "truth", NULL };
	size_t n;
	int err;

	if ((err = json_check_array(list, &n, e)) < 0)
		return err;
	if (!n)
		return json_fail(list, e, "needs at least one service");
	c->services = mem_alloc(n, sizeof(*c->services));
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_item(list, i);
		struct campaign_service *s = &c->services[c->n_services++];
		const char *id;

		if ((err = json_check_object(&at, e)) < 0 || (err = json_only(&at, keys, e)) < 0 ||
		    (err = json_get_str(&at, "id", true, &id, e)) < 0)
			return err;
		if (!*id || strpbrk(id, "+,;/ \t\n\""))
			return json_fail(&at, e, "id \"%.40s\" must not be empty nor hold + , ; / quotes or blanks", id);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(c->services[k].id, id))
				return json_fail(&at, e, "id \"%.40s\" stands twice", id);
		s->id = str_dup(id);
		if ((err = argv_read(&at, "prepare", false, &s->prepare, e)) < 0 || (err = argv_read(&at, "start", false, &s->start, e)) < 0 ||
		    (err = argv_read(&at, "ready", false, &s->ready, e)) < 0 || (err = argv_read(&at, "load", true, &s->load, e)) < 0 ||
		    (err = truth_read(&at, s, e)) < 0)
			return err;
	}
	return 0;
}

static bool same_members(const struct campaign_setup *a, const size_t *member, size_t n)
{
	return !a->press && a->n == n && !memcmp(a->member, member, n * sizeof(*member));
}

/* Members are sorted, so that a+b and b+a are one setup. False when it was there already. */
static bool setup_add(struct campaign *c, size_t *cap, const size_t *member, size_t n, const char *press, unsigned level, unsigned workers)
{
	struct campaign_setup s = { .n = n, .press = press, .level = level, .workers = workers };

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
		char *longer = str_fmt("%s+press-%s-%u", s.name, press, level);

		free(s.name);
		s.name = longer;
	}
	c->setups = array_grow(c->setups, cap, c->n_setups + 1, sizeof(*c->setups));
	c->setups[c->n_setups++] = s;
	return true;
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
			for (member[i] = 0; member[i] < c->n_services && strcmp(c->services[member[i]].id, id); member[i]++)
				;
			if (member[i] == c->n_services)
				return json_fail(&at, e, "there is no service \"%.40s\"", id);
			for (size_t k = 0; k < i; k++)
				if (member[k] == member[i])
					return json_fail(&at, e, "\"%.40s\" stands twice in its group", id);
		}
		setup_add(c, cap, member, size, NULL, 0, 0);
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
		made += setup_add(c, cap, order, size, NULL, 0, 0);
	}
}

static int press_read(struct campaign *c, size_t *cap, const struct json_at *list, struct err *e)
{
	static const char *const keys[] = { "kind", "levels", "workers", NULL };
	size_t n, n_levels;
	int err;

	if (!list->value)
		return 0;
	if ((err = json_check_array(list, &n, e)) < 0)
		return err;
	for (size_t p = 0; p < n; p++) {
		struct json_at at = json_item(list, p), levels = json_key(&at, "levels");
		int64_t level, workers = 1;
		const char *kind;

		if ((err = json_check_object(&at, e)) < 0 || (err = json_only(&at, keys, e)) < 0 ||
		    (err = json_get_str(&at, "kind", true, &kind, e)) < 0 || (err = json_check_array(&levels, &n_levels, e)) < 0 ||
		    (err = json_get_i64(&at, "workers", false, 1, 64, &workers, e)) < 0)
			return err;
		if (!press_find(kind))
			return json_fail(&at, e, "kind \"%.40s\" must be one of cpu, cache, membw, disk, net", kind);
		for (size_t i = 0; i < n_levels; i++) {
			struct json_at one = json_item(&levels, i);

			if ((err = json_as_i64(&one, 1, 100, &level, e)) < 0)
				return err;
			for (size_t s = 0; s < c->n_services; s++)
				setup_add(c, cap, &s, 1, press_find(kind)->name, (unsigned)level, (unsigned)workers);
		}
	}
	return 0;
}

static int setups_read(struct campaign *c, const struct json_at *runs, struct err *e)
{
	static const char *const keys[] = { "pairs", "groups", "random_triples", "random_quads", "press", NULL };
	struct json_at groups = json_key(runs, "groups"), press = json_key(runs, "press");
	int64_t triples = 0, quads = 0;
	bool pairs = true;
	size_t cap = 0;
	struct rng r;
	int err;

	for (size_t s = 0; s < c->n_services; s++)
		setup_add(c, &cap, &s, 1, NULL, 0, 0);
	if (runs->value && ((err = json_check_object(runs, e)) < 0 || (err = json_only(runs, keys, e)) < 0 ||
			    (err = json_get_bool(runs, "pairs", false, &pairs, e)) < 0 ||
			    (err = json_get_i64(runs, "random_triples", false, 0, 1000, &triples, e)) < 0 ||
			    (err = json_get_i64(runs, "random_quads", false, 0, 1000, &quads, e)) < 0))
		return err;
	for (size_t a = 0; pairs && a < c->n_services; a++)
		for (size_t b = a + 1; b < c->n_services; b++)
			setup_add(c, &cap, (const size_t[]){ a, b }, 2, NULL, 0, 0);
	rng_seed(&r, c->seed);
	if ((err = groups_read(c, &cap, &groups, e)) < 0 || (err = press_read(c, &cap, &press, e)) < 0)
		return err;
	groups_draw(c, &cap, 3, triples, &r);
	groups_draw(c, &cap, 4, quads, &r);
	if (c->n_setups > MAX_SETUPS)
		return json_fail(runs, e, "asks for %zu setups, at most %d are run", c->n_setups, MAX_SETUPS);
	return 0;
}

struct campaign *campaign_read(const char *path, struct err *e)
{
	static const char *const keys[] = { "name", "node_type", "seed", "warmup_s", "measure_s", "min_repeats", "max_repeats", "budget_s",
					    "precision_ratio", "max_external_ratio", "services", "runs", NULL };
	struct campaign *c = mem_alloc(1, sizeof(*c));
	struct json_at at = { .file = path }, services, runs;
	int64_t seed = 1, min = 3, max = 5, budget_s = 3600;
	const char *name = "campaign", *type = "this";
	int err;

	*c = (struct campaign){ .path = str_dup(path), .warmup_s = 2, .measure_s = 8, .precision_ratio = 0.05, .max_external_ratio = 0.05 };
	if ((err = json_read(path, FILE_MAX_BYTES, &at.value, e)) < 0)
		goto out;
	services = json_key(&at, "services");
	runs = json_key(&at, "runs");
	if ((err = json_check_object(&at, e)) < 0 || (err = json_only(&at, keys, e)) < 0 ||
	    (err = json_get_str(&at, "name", false, &name, e)) < 0 || (err = json_get_str(&at, "node_type", false, &type, e)) < 0 ||
	    (err = json_get_i64(&at, "seed", false, 0, INT64_MAX, &seed, e)) < 0 ||
	    (err = json_get_f64(&at, "warmup_s", false, 0, 3600, &c->warmup_s, e)) < 0 ||
	    (err = json_get_f64(&at, "measure_s", false, 1, 86400, &c->measure_s, e)) < 0 ||
	    (err = json_get_i64(&at, "min_repeats", false, 1, 1000, &min, e)) < 0 ||
	    (err = json_get_i64(&at, "max_repeats", false, min, 1000, &max, e)) < 0 ||
	    (err = json_get_i64(&at, "budget_s", false, 1, 8640000, &budget_s, e)) < 0 ||
	    (err = json_get_f64(&at, "precision_ratio", false, 0, 1, &c->precision_ratio, e)) < 0 ||
	    (err = json_get_f64(&at, "max_external_ratio", false, 0, 1, &c->max_external_ratio, e)) < 0)
		goto out;
	c->seed = (uint64_t)seed;
	c->min_repeats = (uint64_t)min;
	c->max_repeats = (uint64_t)(max < min ? min : max);
	c->budget_ns = (uint64_t)budget_s * 1000000000ull;
	c->name = str_dup(name);
	c->node_type = str_dup(type);
	if ((err = services_read(c, &services, e)) < 0)
		goto out;
	err = setups_read(c, &runs, e);
out:
	json_decref(at.value);
	if (!err)
		return c;
	campaign_free(c);
	return NULL;
}

static void argv_free(char **argv)
{
	for (char **p = argv; p && *p; p++)
		free(*p);
	free(argv);
}

void campaign_free(struct campaign *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_services; i++) {
		struct campaign_service *s = &c->services[i];

		argv_free(s->start);
		argv_free(s->ready);
		argv_free(s->load);
		argv_free(s->prepare);
		if (s->has_truth)
			regfree(&s->truth);
		free(s->id);
		free(s->metric);
	}
	for (size_t i = 0; i < c->n_setups; i++)
		free(c->setups[i].name);
	free(c->services);
	free(c->setups);
	free(c->path);
	free(c->name);
	free(c->node_type);
	free(c);
}
