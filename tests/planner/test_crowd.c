/*
 * What several neighbours do beyond their sum (planner/model/latent_pair.h): found from groups and carried to groups that never ran, absent
 * where only pairs ran, and never so strong that one more neighbour would help; a file that claims so is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>

#include "base/mem.h"
#include "planner/model/fit.h"
#include "planner/model/latent.h"

#define SERVICES 5
#define HINDER 0.25 /* each neighbour after the first adds so much less */

static double effect(int victim, int neighbour)
{
	return 0.3 + 0.1 * ((victim + 2 * neighbour) % SERVICES);
}

static void run_add(struct coloc *c, int victim, const int *neighbours, int n)
{
	char names[SERVICES][8], *list[SERVICES], name[8];
	double y = 1 - HINDER * (n - 1);
	struct err e = { 0 };

	snprintf(name, sizeof(name), "s%d", victim);
	for (int j = 0; j < n; j++) {
		snprintf(names[j], sizeof(names[j]), "s%d", neighbours[j]);
		list[j] = names[j];
		y += effect(victim, neighbours[j]);
	}
	assert_int_equal(coloc_append(c, "test", name, list, n, "a", "time", 1, y, &e), 0);
}

/* All pairs of different services, and all groups of three where asked for; four together never ran. */
static struct coloc *campaign(bool groups)
{
	struct coloc *c = coloc_new("test");
	struct err e = { 0 };

	for (int v = 0; v < SERVICES; v++)
		for (int i = 0; i < SERVICES; i++) {
			if (i == v)
				continue;
			run_add(c, v, &i, 1);
			for (int j = i + 1; groups && j < SERVICES; j++)
				if (j != v)
					run_add(c, v, (int[]){ i, j }, 2);
		}
	assert_int_equal(coloc_seal(c, NULL, &e), 0);
	return c;
}

static struct latent *learn(const struct coloc *c)
{
	struct latent_blend blend = { .links = mem_alloc((size_t)c->n_services, sizeof(double)), .weight = { 0.5, 0.5 }, .ridge = { 0.1, 0.1 }, .pair_ridge = 0.01, .group_trust = 1 };
	struct latent *l;

	for (int i = 0; i < c->n_services; i++)
		blend.links[i] = 1;
	l = latent_fit(c, NULL, &blend);
	free(blend.links);
	return l;
}

static bool has_crowd(const struct latent *l)
{
	return memchr(l->kinds, 'g', (size_t)l->k) != NULL;
}

static void test_carried_to_larger_groups(void **state)
{
	struct coloc *c = campaign(true);
	struct latent *l = learn(c);

	(void)state;
	assert_true(has_crowd(l));
	for (int v = 0; v < SERVICES; v++) {
		int others[3] = { (v + 1) % SERVICES, (v + 2) % SERVICES, (v + 3) % SERVICES };
		struct coloc_row r = { .victim = v, .n_neighbours = 3, .neighbours = others };
		double sum = 1;

		for (int j = 0; j < 3; j++)
			sum += effect(v, others[j]);
		assert_true(fabs(latent_predict(l, &r) - (sum - 2 * HINDER)) < 0.1 * HINDER * 2);
	}
	latent_free(l);
	coloc_free(c);
}

static void test_pairs_alone_know_of_none(void **state)
{
	struct coloc *c = campaign(false);
	struct latent *l = learn(c);

	(void)state;
	assert_false(has_crowd(l));
	latent_free(l);
	coloc_free(c);
}

/* The pressure called crowd of a model, fitted on groups. */
static struct model *model_of_groups(int *crowd)
{
	struct coloc *c = campaign(true);
	struct err e = { 0 };
	struct model *m = fit_model(c, 1, &e);

	assert_non_null(m);
	*crowd = -1;
	for (int k = 0; k < m->n_pressures; k++)
		if (!strcmp(m->pressures[k], MODEL_CROWD))
			*crowd = k;
	assert_true(*crowd >= 0);
	coloc_free(c);
	return m;
}

static void test_one_more_never_helps(void **state)
{
	int crowd;
	struct model *m = model_of_groups(&crowd);

	(void)state;
	for (int v = 0; v < m->n_services; v++)
		for (int i = 0; i < m->n_services; i++) {
			double sum[MODEL_MAX_PRESSURES] = { 0 }, before = 1;

			for (int n = 0; n < 6; n++) { /* the same one again and again, the worst case of a weak neighbour */
				double now;

				for (int k = 0; k < m->n_pressures; k++)
					sum[k] += model_pressure(m, i, -1)[k];
				now = model_upper(m, v, -1, sum, 0.9);
				assert_true(now >= before - 1e-9);
				before = now;
			}
		}
	model_free(m);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_crowd.XXXXXX";
	int fd = mkstemp(path), crowd;
	struct model *m = model_of_groups(&crowd), *back;
	struct err e = { 0 };

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_true(model_response(m, 0, -1)->sensitivity[crowd] < 0);
	assert_int_equal(model_write(m, path, true, &e), 0);
	back = model_read(path, &e);
	assert_non_null(back);
	assert_true(fabs(model_response(back, 0, -1)->sensitivity[crowd] - model_response(m, 0, -1)->sensitivity[crowd]) < 1e-6);
	model_free(back);
	model_response(m, 0, -1)->sensitivity[crowd] = -5;
	assert_int_equal(model_write(m, path, true, &e), 0);
	back = model_read(path, &e);
	assert_null(back);
	assert_non_null(strstr(e.text, "would become faster"));
	unlink(path);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carried_to_larger_groups), cmocka_unit_test(test_pairs_alone_know_of_none),
		cmocka_unit_test(test_one_more_never_helps), cmocka_unit_test(test_file),
	};

	gsl_set_error_handler_off();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
