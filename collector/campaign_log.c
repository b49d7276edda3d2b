/*
 * The log of finished runs, what is known from it, and what to run next: see campaign.h.
 * One JSON object per line, written whole and synced before the next run starts; a last line cut short by a crash is
 * dropped on reopening. Repetitions are bounded below, above, and by the relative half-width of the mean (Student's t).
 */
#include <errno.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "collector/campaign.h"

#define LOG_MAX_BYTES (256u << 20)

static size_t setup_find(const struct campaign *c, const char *name)
{
	size_t i = 0;

	while (i < c->n_setups && strcmp(c->setups[i].name, name))
		i++;
	return i;
}

static void result_keep(struct campaign_log *log, const struct campaign_result *r)
{
	log->results = array_grow(log->results, &log->cap, log->n + 1, sizeof(*log->results));
	log->results[log->n++] = *r;
}

static int line_read(struct campaign_log *log, const struct campaign *c, const struct json_at *at, struct err *e)
{
	struct json_at truth = json_key(at, "truth");
	struct campaign_result r = { .external_ratio = NAN };
	const char *setup, *why = "";
	int64_t repeat;
	size_t n;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_get_str(at, "setup", true, &setup, e)) < 0 ||
	    (err = json_get_i64(at, "repeat", true, 0, 1000000, &repeat, e)) < 0 || (err = json_get_bool(at, "ok", true, &r.ok, e)) < 0 ||
	    (err = json_get_f64(at, "external_ratio", false, 0, 1e6, &r.external_ratio, e)) < 0 ||
	    (err = json_get_str(at, "why", false, &why, e)) < 0 || (err = json_check_array(&truth, &n, e)) < 0)
		return err;
	r.setup = setup_find(c, setup);
	if (r.setup == c->n_setups)
		return 0; /* the file was changed since; such runs no longer count */
	r.repeat = (unsigned)repeat;
	snprintf(r.why, sizeof(r.why), "%s", why);
	for (size_t i = 0; i < CAMPAIGN_GROUP_MAX; i++) {
		json_t *list = i < n ? json_array_get(truth.value, i) : NULL;

		for (size_t k = 0; k < CAMPAIGN_TRUTH_MAX; k++) {
			json_t *v = json_is_array(list) ? json_array_get(list, k) : k ? NULL : list; /* one figure may stand without a list */

			r.truth[i][k] = json_is_number(v) ? json_number_value(v) : NAN;
		}
	}
	result_keep(log, &r);
	return 0;
}

static int log_replay(struct campaign_log *log, const struct campaign *c, const char *path, struct err *e)
{
	size_t size, whole, line = 1;
	char *text, *p;
	int err = 0;

	if ((err = file_read(path, LOG_MAX_BYTES, &text, &size, e)) < 0)
		return err;
	for (whole = size; whole && text[whole - 1] != '\n'; whole--)
		;
	if (whole < size && truncate(path, (off_t)whole))
		err = err_set(e, -errno, "%s: cannot drop its unfinished last line: %s", path, strerror(errno));
	for (p = text; !err && p < text + whole; line++) {
		char *end = memchr(p, '\n', (size_t)(text + whole - p));
		struct json_at at = { .file = path };

		err = json_parse(path, p, (size_t)(end - p), &at.value, e);
		if (!err)
			err = line_read(log, c, &at, e);
		json_decref(at.value);
		p = end + 1;
		if (err)
			err_prefix(e, "line %zu", line);
	}
	free(text);
	return err;
}

int campaign_log_open(struct campaign_log *log, const struct campaign *c, const char *folder, struct err *e)
{
	char *path = str_fmt("%s/runs.jsonl", folder);
	int err = 0;

	*log = (struct campaign_log){ 0 };
	if (!access(path, F_OK))
		err = log_replay(log, c, path, e);
	if (!err && !(log->stream = fopen(path, "ae")))
		err = err_set(e, -errno, "%s: cannot write: %s", path, strerror(errno));
	free(path);
	return err;
}

int campaign_log_add(struct campaign_log *log, const struct campaign *c, const struct campaign_result *r, struct err *e)
{
	const struct campaign_setup *s = &c->setups[r->setup];
	json_t *truth = json_array(), *line = json_object();
	int err = 0;

	for (size_t i = 0; i < s->n; i++) {
		json_t *list = json_array();

		for (size_t k = 0; k < c->services[s->member[i]].n_truths; k++)
			json_array_append_new(list, isfinite(r->truth[i][k]) ? json_real(r->truth[i][k]) : json_null());
		json_array_append_new(truth, list);
	}
	json_object_set_new(line, "setup", json_string(s->name));
	json_object_set_new(line, "repeat", json_integer(r->repeat));
	json_object_set_new(line, "ok", json_boolean(r->ok));
	json_object_set_new(line, "external_ratio", isfinite(r->external_ratio) ? json_real(r->external_ratio) : json_null());
	json_object_set_new(line, "truth", truth);
	if (r->why[0])
		json_object_set_new(line, "why", json_string(r->why));
	if (json_dumpf(line, log->stream, JSON_COMPACT) || fputc('\n', log->stream) == EOF || fflush(log->stream) ||
	    fsync(fileno(log->stream)))
		err = err_set(e, errno ? -errno : -EIO, "runs.jsonl: cannot write: %s", strerror(errno));
	json_decref(line);
	result_keep(log, r);
	return err;
}

void campaign_log_close(struct campaign_log *log)
{
	if (!log)
		return;
	if (log->stream)
		fclose(log->stream);
	free(log->results);
	*log = (struct campaign_log){ 0 };
}

/* Usable values of one figure; the caller frees. */
static double *figures(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f, size_t *n)
{
	const struct campaign_setup *s = &c->setups[f.setup];
	double *v = mem_alloc(log->n, sizeof(*v));

	*n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; s->member[i] == f.member && k < log->n; k++)
			if (log->results[k].setup == f.setup && log->results[k].ok && isfinite(log->results[k].truth[i][f.truth]))
				v[(*n)++] = log->results[k].truth[i][f.truth];
	return v;
}

size_t campaign_known(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f, double *mean,
		      double *half_width_ratio)
{
	size_t n;
	double *v = figures(c, log, f, &n);

	*mean = n ? gsl_stats_mean(v, 1, n) : NAN;
	*half_width_ratio = n > 1 && *mean > 0 ?
		gsl_cdf_tdist_Pinv(0.975, (double)(n - 1)) * gsl_stats_sd(v, 1, n) / sqrt((double)n) / *mean : INFINITY;
	free(v);
	return n;
}

double campaign_median(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f)
{
	size_t n;
	double *v = figures(c, log, f, &n), median = NAN;

	if (n) {
		gsl_sort(v, 1, n);
		median = gsl_stats_median_from_sorted_data(v, 1, n);
	}
	free(v);
	return median;
}

static bool settled(const struct campaign *c, const struct campaign_log *log, size_t setup, unsigned tried)
{
	bool narrow = true;

	if (tried < c->min_repeats)
		return false;
	if (tried >= c->max_repeats)
		return true;
	for (size_t i = 0; i < c->setups[setup].n; i++) {
		double mean, half;
		size_t n = campaign_known(c, log, (struct campaign_figure){ setup, c->setups[setup].member[i], 0 }, &mean, &half);

		narrow = narrow && n >= c->min_repeats && half <= c->precision_ratio;
	}
	return narrow;
}

long campaign_next(const struct campaign *c, const struct campaign_log *log, unsigned *repeat)
{
	unsigned *tried = mem_alloc(c->n_setups, sizeof(*tried)), round = UINT32_MAX;
	size_t n = 0, *open = mem_alloc(c->n_setups, sizeof(*open));
	struct rng r;
	long found = -1;

	for (size_t i = 0; i < log->n; i++)
		tried[log->results[i].setup]++;
	for (size_t s = 0; s < c->n_setups; s++)
		if (!settled(c, log, s, tried[s]) && tried[s] < round)
			round = tried[s];
	for (size_t s = 0; s < c->n_setups; s++)
		if (tried[s] == round && !settled(c, log, s, tried[s]))
			open[n++] = s;
	if (n) {
		rng_seed_stream(&r, c->seed, log->n); /* the log's length: an interrupted campaign goes on with the same order */
		found = (long)open[rng_below(&r, (uint32_t)n)];
		*repeat = round;
	}
	free(tried);
	free(open);
	return found;
}

static void neighbours_write(const struct campaign *c, const struct campaign_setup *s, size_t victim, FILE *out)
{
	const char *sep = "";

	for (size_t j = 0; j < s->n; j++)
		if (j != victim) {
			fprintf(out, "%s%s", sep, c->services[s->member[j]].id);
			sep = ";";
		}
	for (unsigned w = 0; s->press && w < s->workers; w++) {
		fprintf(out, "%spress-%s-%u", sep, s->press, s->level);
		sep = ";";
	}
}

/* One line per figure; repeats alone too (no neighbours): they are the noise of the truth itself. */
static void result_write(const struct campaign *c, const struct campaign_log *log, const struct campaign_result *r, FILE *out)
{
	const struct campaign_setup *s = &c->setups[r->setup];

	for (size_t i = 0; r->ok && i < s->n; i++) {
		const struct campaign_service *sv = &c->services[s->member[i]];

		for (size_t k = 0; k < sv->n_truths; k++) {
			double alone = campaign_median(c, log, (struct campaign_figure){ s->member[i], s->member[i], k }); /* setups begin with each alone */

			if (!isfinite(alone) || !isfinite(r->truth[i][k]))
				continue;
			fprintf(out, "%s,", sv->id);
			neighbours_write(c, s, i, out);
			fprintf(out, ",%s,%s,%.9g,%.9g\n", c->node_type, sv->truths[k].metric, alone, r->truth[i][k]);
		}
	}
}

int campaign_write_csv(const struct campaign *c, const struct campaign_log *log, const char *path, struct err *e)
{
	struct file_out f;
	int err;

	if ((err = file_out_open(&f, path, true, e)) < 0)
		return err;
	fputs("victim,neighbours,node_type,metric,alone,shared\n", f.stream);
	for (size_t k = 0; k < log->n; k++)
		result_write(c, log, &log->results[k], f.stream);
	return file_out_commit(&f, e);
}
