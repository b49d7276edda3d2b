/* Fitting: choose by cross-validation, fit on everything, attach held-out errors and interval widths: see fit.h. */
#include "planner/model/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/model/advise.h"
#include "planner/model/cv.h"
#include "planner/model/latent.h"

#define GROUPS_MIN 3

static int rows_check(const struct coloc *c, struct err *e)
{
	double low = INFINITY, high = 0;
	int groups = 0, last = -1;

	for (int g = 0; g < c->n_groups; g++)
		for (size_t i = 0; i < c->n_rows; i++)
			if (c->rows[i].group == g && c->rows[i].n_neighbours && last != g) {
				groups++;
				last = g;
			}
	for (size_t i = 0; i < c->n_rows; i++) {
		if (!c->rows[i].n_neighbours)
			continue;
		low = fmin(low, c->rows[i].slowdown);
		high = fmax(high, c->rows[i].slowdown);
	}
	if (groups < GROUPS_MIN)
		return err_set(e, -EINVAL, "%s: %d co-locations are too few to learn from; measure at least %d different pairs or groups",
			       c->source, groups, GROUPS_MIN);
	if (high <= low)
		return err_set(e, -EINVAL, "%s: every run has the same slowdown %g; is `shared` measured, or copied from `alone`?",
			       c->source, low);
	return 0;
}

static size_t cell(const struct latent *l, int k, int service, int type)
{
	return ((size_t)k * (size_t)l->n_services + (size_t)service) * (size_t)(l->n_types + 1) + (size_t)type;
}

static void ranges_set(struct model *m, const struct coloc *c, const struct latent *l)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;
		struct response *rows = m->responses + (size_t)r->victim * (size_t)(m->n_types + 1);

		if (!r->n_neighbours)
			continue;
		rows[r->type].known = true;
		for (int k = 0; k < l->k; k++) {
			double sum = 0;

			for (int j = 0; j < r->n_neighbours; j++)
				sum += l->p[cell(l, k, r->neighbours[j], r->type)];
			rows[r->type].range[k] = fmax(rows[r->type].range[k], sum);
			rows[m->n_types].range[k] = fmax(rows[m->n_types].range[k], sum);
		}
	}
	for (size_t i = 0; i < c->n_rows; i++) /* what a neighbour exerts is known there too */
		for (int j = 0; j < c->rows[i].n_neighbours; j++)
			m->responses[(size_t)c->rows[i].neighbours[j] * (size_t)(m->n_types + 1) + (size_t)c->rows[i].type].known = true;
}

static void curves_set(struct model *m, const struct latent *l)
{
	for (int i = 0; l->curves && i < m->n_services; i++) {
		bool bent = false;

		for (int k = 0; k < l->k; k++)
			bent |= l->curves[k * l->n_services + i].n > 0;
		for (int t = 0; bent && t <= m->n_types; t++) {
			struct response *r = m->responses + (size_t)i * (size_t)(m->n_types + 1) + (size_t)t;

			r->curves = mem_alloc((size_t)l->k, sizeof(*r->curves));
			for (int k = 0; k < l->k; k++)
				r->curves[k] = l->curves[k * l->n_services + i];
		}
	}
}

static void responses_set(struct model *m, const struct coloc *c, const struct latent *l, const struct widths *w)
{
	for (int i = 0; i < m->n_services; i++)
		for (int t = 0; t <= m->n_types; t++) {
			struct response *r = m->responses + (size_t)i * (size_t)(m->n_types + 1) + (size_t)t;

			r->link = l->links[i];
			r->width = w->factor[i] * w->alpha;
			r->growth = w->factor[i] * w->beta;
			r->known = t == m->n_types;
			for (int k = 0; k < l->k; k++) {
				r->pressure[k] = l->p[cell(l, k, i, t)];
				r->sensitivity[k] = l->s[cell(l, k, i, t)];
			}
		}
	curves_set(m, l);
	ranges_set(m, c, l);
}

/* Repeats of one run against their mean, as a share of it: no model can be better. */
static double noise_ratio(const struct coloc *c)
{
	struct coloc_sums s = coloc_sum_cells(c, NULL);
	double error = 0;
	size_t count = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		int k = c->rows[i].cell;

		if (s.n[k] < 2)
			continue;
		error += fabs(c->rows[i].slowdown / (s.sum[k] / s.n[k]) - 1) * sqrt(s.n[k] / (s.n[k] - 1));
		count++;
	}
	free(s.sum);
	free(s.n);
	return count ? error / (double)count : NAN;
}

static bool answers_by_curve(const struct model *m, const struct response *r)
{
	for (int k = 0; r->curves && k < m->n_pressures; k++)
		if (r->curves[k].n && !model_pressure_is_nameless(m->pressures[k]))
			return true;
	return false;
}

/* "queue", "queue, curve" where it answers through measured curves, "blame, queue" where its slowdowns come from blame. */
static char *kind_text(const struct model *m, const struct coloc *c, int service, const char *link)
{
	const struct response *r = m->responses + (size_t)service * (size_t)(m->n_types + 1) + (size_t)m->n_types;

	if (!link)
		return str_dup(MODEL_KIND_NEIGHBOUR);
	return str_fmt("%s%s%s", strcmp(c->metrics[c->rows[0].metric], MODEL_METRIC_BLAME) ? "" : "blame, ", link, answers_by_curve(m, r) ? ", curve" : "");
}

static void services_set(struct model *m, const struct coloc *c, const struct cv *cv, const int *kind)
{
	for (int s = 0; s < m->n_services; s++) {
		double sum = 0;
		int n = 0;

		for (size_t i = 0; i < cv->n; i++) {
			const struct coloc_row *r = c->rows + cv->row[i];

			if (r->victim == s) {
				sum += fabs(cv->predicted[RIVAL_MODEL][i] / r->slowdown - 1);
				n++;
			}
		}
		m->services[s] = (struct model_service){ .kind = kind_text(m, c, s, n ? model_kinds[kind[s]].name : NULL), .error_ratio = n ? sum / n : NAN, .n_runs = n };
		model_name(m, s, c->services[s]);
	}
}

static char *advice_text(const struct coloc *c, const struct latent_blend *blend, double noise, uint64_t seed)
{
	struct advice a = advise_run(c, blend, noise, seed);
	char *type = a.a >= 0 && c->n_types > 1 ? str_fmt(" on %s", c->types[a.node_type]) : str_dup(""), *text;

	if (a.a < 0)
		text = str_dup("nothing: refits on parts of the runs agree already");
	else
		text = str_fmt("run %s beside %s%s: %s, expected to remove %.0f %% of the variance of all pairs' predictions", c->services[a.a],
			       c->services[a.b], type, a.repeat ? "measured before, a repeat" : "not measured yet", 100 * a.gain_ratio);
	free(type);
	return text;
}

static void report_set(struct model *m, const struct coloc *c, const struct cv *cv)
{
	m->report = (struct model_report){
		.n_runs = (int)c->n_rows, .n_colocations = c->n_groups, .error_ratio = cv->error_ratio[RIVAL_MODEL],
		.no_interference_ratio = cv->error_ratio[RIVAL_NOTHING], .service_mean_ratio = cv->error_ratio[RIVAL_MEAN],
		.factorisation_ratio = cv->error_ratio[RIVAL_FACTORISATION], .coverage_ratio = cv->coverage_ratio,
		.noise_ratio = noise_ratio(c),
	};
}

/* What was predicted without its own co-location; of very many, an even sample. */
static void held_set(struct model *m, const struct coloc *c, const struct cv *cv)
{
	size_t step = cv->n / MODEL_MAX_HELD + 1;

	m->held = mem_alloc(cv->n / step + 1, sizeof(*m->held));
	for (size_t i = 0; i < cv->n; i += step) {
		const struct coloc_row *r = c->rows + cv->row[i];
		double y = cv->predicted[RIVAL_MODEL][i];
		struct model_held *h = m->held + m->n_held++;

		*h = (struct model_held){ .victim = r->victim, .n_neighbours = r->n_neighbours, .node_type = r->type, .measured = r->slowdown,
					  .predicted = y, .low = fmax(1, y * exp(-cv->half_width[i])), .high = y * exp(cv->half_width[i]),
					  .neighbours = mem_alloc((size_t)r->n_neighbours + 1, sizeof(int)) };
		memcpy(h->neighbours, r->neighbours, (size_t)r->n_neighbours * sizeof(int));
	}
}

static void names_set(struct model *m, const struct coloc *c, const struct latent *l)
{
	int n_shared = 0;

	for (int k = 0; k < l->k; k++)
		switch (l->kinds[k]) {
		case 'n': m->pressures[k] = str_dup(l->names[k]); break;
		case 'b': m->pressures[k] = str_fmt("%s (curve)", l->names[k]); break;
		case 'p': m->pressures[k] = str_fmt(MODEL_BESIDE "%s", c->services[l->beside[k]]); break;
		case 'g': m->pressures[k] = str_dup(MODEL_CROWD); break;
		case 'l': m->pressures[k] = str_dup("load"); break;
		case 'c': m->pressures[k] = str_dup("count"); break;
		default: m->pressures[k] = str_fmt("shared%d", ++n_shared);
		}
	for (int t = 0; t < m->n_types; t++)
		m->types[t] = str_dup(c->types[t]);
	m->metric = str_dup(c->metrics[c->rows[0].metric]);
	for (size_t i = 1; i < c->n_rows; i++)
		if (c->rows[i].metric != c->rows[0].metric) {
			free(m->metric);
			m->metric = str_dup("each service's own");
			break;
		}
	m->source = str_dup(c->source);
}

struct model *fit_model(const struct coloc *c, uint64_t seed, struct err *e)
{
	struct choice ch;
	struct latent *l;
	struct model *m;
	struct widths w;
	struct cv *cv;

	if (rows_check(c, e) < 0)
		return NULL;
	ch = choose_model(c, NULL, seed);
	cv = cv_leave_colocation(c, seed);
	l = latent_fit(c, NULL, &ch.blend);
	widths_fit(c, cv, -1, &w);
	m = model_new(c->n_services, c->n_types, l->k);
	names_set(m, c, l);
	responses_set(m, c, l, &w);
	services_set(m, c, cv, ch.kind);
	report_set(m, c, cv);
	held_set(m, c, cv);
	m->scores = w.scores;
	m->n_scores = (int)w.n_scores;
	m->n_score_groups = (int)w.n_groups;
	w.scores = NULL;
	m->advice = advice_text(c, &ch.blend, m->report.noise_ratio, seed);
	choice_free(&ch);
	widths_free(&w);
	latent_free(l);
	cv_free(cv);
	return m;
}
