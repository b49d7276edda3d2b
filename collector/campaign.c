/* Reading a campaign file: see campaign.h and docs/campaign.md. Its setups are laid out in campaign_layout.c. */
#include "collector/campaign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define FILE_MAX_BYTES (8u << 20)

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

static bool metric_known(const char *metric)
{
	return !strcmp(metric, "throughput") || !strcmp(metric, "latency") || !strcmp(metric, "time") ||
	       !strncmp(metric, "latency_", 8) || !strncmp(metric, "time_", 5);
}

static int truth_read(const struct json_at *at, struct campaign_service *s, struct err *e)
{
	static const char *const keys[] = { "metric", "pattern", NULL };
	struct campaign_truth *t = &s->truths[s->n_truths];
	const char *metric, *pattern;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "metric", true, &metric, e)) < 0 || (err = json_get_str(at, "pattern", true, &pattern, e)) < 0)
		return err;
	if (!metric_known(metric) || strpbrk(metric, ",\"\n"))
		return json_fail(at, e, "metric must be throughput, latency or time, or begin with latency_ or time_; got \"%.40s\"", metric);
	for (size_t i = 0; i < s->n_truths; i++)
		if (!strcmp(s->truths[i].metric, metric))
			return json_fail(at, e, "metric \"%.40s\" stands twice", metric);
	if (regcomp(&t->pattern, pattern, REG_EXTENDED | REG_NEWLINE))
		return json_fail(at, e, "pattern is not an extended regular expression");
	t->compiled = true;
	t->metric = str_dup(metric);
	s->n_truths++;
	if (t->pattern.re_nsub != 1)
		return json_fail(at, e, "pattern needs exactly one group ( ) around the number, has %zu", t->pattern.re_nsub);
	return 0;
}

/* One figure, or a list of them. */
static int truths_read(const struct json_at *at, struct campaign_service *s, struct err *e)
{
	struct json_at list = json_key(at, "truth");
	size_t n;
	int err;

	if (!list.value)
		return json_fail(&list, e, "is missing");
	if (!json_is_array(list.value))
		return truth_read(&list, s, e);
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	if (!n || n > CAMPAIGN_TRUTH_MAX)
		return json_fail(&list, e, "has %zu figures, must be 1 to %d", n, CAMPAIGN_TRUTH_MAX);
	for (size_t i = 0; i < n && !err; i++) {
		struct json_at one = json_item(&list, i);

		err = truth_read(&one, s, e);
	}
	return err;
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
		    (err = truths_read(&at, s, e)) < 0)
			return err;
	}
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
	err = campaign_lay_out(c, &runs, e);
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
		for (size_t k = 0; k < CAMPAIGN_TRUTH_MAX; k++) {
			if (s->truths[k].compiled)
				regfree(&s->truths[k].pattern);
			free(s->truths[k].metric);
		}
		free(s->id);
	}
	for (size_t i = 0; i < c->n_setups; i++) {
		free(c->setups[i].name);
		free(c->setups[i].cpus);
	}
	free(c->services);
	free(c->setups);
	free(c->path);
	free(c->name);
	free(c->node_type);
	free(c);
}
