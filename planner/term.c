/*
 * Definitions of the objective's terms. Machine reassignment terms follow the ROADEF/EURO 2012 problem (load, balance,
 * process, service and machine move cost); the exponential term follows Tianchi 2018 (cost of a machine in a sample).
 */
#include "planner/term.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/predict.h"

static int64_t room(const struct placement_view *v, uint32_t node, uint32_t column)
{
	size_t k = (size_t)node * v->in->n_columns + column;

	return v->in->capacity[k] - v->load[k];
}

static double term_node_cost(const struct placement_view *v, const struct term *t)
{
	double sum = 0;

	(void)t;
	for (uint32_t n = 0; n < v->in->n_nodes; n++)
		if (v->count[n])
			sum += (double)v->in->nodes[n].cost;
	return sum;
}

static double term_hinge(const struct placement_view *v, const struct term *t)
{
	const struct instance *in = v->in;
	const struct resource *r = &in->resources[t->resource];
	double sum = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = r->column; c < r->column + r->slots; c++) {
			size_t k = (size_t)n * in->n_columns + c;
			int64_t over = v->load[k] - (in->soft ? in->soft[k] : in->capacity[k]);

			sum += over > 0 ? (double)over : 0;
		}
	return sum / r->slots;
}

static double term_exponential(const struct placement_view *v, const struct term *t)
{
	const struct instance *in = v->in;
	const struct resource *r = &in->resources[t->resource];
	double sum = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		if (!v->count[n])
			continue;
		for (uint32_t c = r->column; c < r->column + r->slots; c++) {
			size_t k = (size_t)n * in->n_columns + c;
			double u = in->capacity[k] ? (double)v->load[k] / (double)in->capacity[k] : 0;

			sum += t->scale * expm1(fmax(0, u - t->threshold));
		}
	}
	return sum / r->slots;
}

static double term_balance(const struct placement_view *v, const struct term *t)
{
	const struct instance *in = v->in;
	const struct resource *a = &in->resources[t->resource], *b = &in->resources[t->resource2];
	uint32_t slots = a->slots > b->slots ? a->slots : b->slots;
	double sum = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t k = 0; k < slots; k++) {
			double lack = (double)t->target * (double)room(v, n, a->column + (a->slots > 1 ? k : 0)) -
				      (double)room(v, n, b->column + (b->slots > 1 ? k : 0));

			sum += fmax(0, lack);
		}
	return sum / slots;
}

static bool moved(const struct placement_view *v, uint32_t item)
{
	return v->in->item_node[item] >= 0 && v->item_node[item] >= 0 && v->item_node[item] != v->in->item_node[item];
}

static double term_move(const struct placement_view *v, const struct term *t)
{
	double sum = 0;

	(void)t;
	for (uint32_t i = 0; i < v->in->n_items; i++)
		if (moved(v, i))
			sum += (double)v->in->services[v->in->item_service[i]].move_cost;
	return sum;
}

static double term_move_group(const struct placement_view *v, const struct term *t)
{
	uint32_t *n = mem_alloc(v->in->n_groups, sizeof(*n)), most = 0;

	(void)t;
	for (uint32_t i = 0; i < v->in->n_items; i++) {
		uint32_t g = v->in->services[v->in->item_service[i]].group;

		if (moved(v, i) && ++n[g] > most)
			most = n[g];
	}
	free(n);
	return most;
}

static double term_move_pair(const struct placement_view *v, const struct term *t)
{
	double sum = 0;

	(void)t;
	for (uint32_t i = 0; v->in->move_pair && i < v->in->n_items; i++)
		if (moved(v, i))
			sum += v->in->move_pair[(size_t)v->in->item_node[i] * v->in->n_nodes + (size_t)v->item_node[i]];
	return sum;
}

static double term_slowdown(const struct placement_view *v, const struct term *t)
{
	const struct instance *in = v->in;
	int width = v->model ? model_n_pressures(v->model) : 0;
	double *sum, total = 0;

	(void)t;
	if (!v->model)
		return 0;
	sum = mem_alloc((size_t)in->n_nodes * (size_t)width, sizeof(*sum));
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < in->n_items; i++) {
			const struct service *s = &in->services[in->item_service[i]];
			double others[MODEL_MAX_PRESSURES];
			const double *own;
			int32_t n = v->item_node[i];

			if (n < 0 || s->model_service < 0)
				continue;
			own = model_pressure(v->model, s->model_service, in->nodes[n].model_type);
			for (int p = 0; p < width; p++) {
				if (!pass)
					sum[n * width + p] += own[p];
				else
					others[p] = fmax(0, sum[n * width + p] - own[p]);
			}
			if (pass)
				total += model_upper(v->model, s->model_service, in->nodes[n].model_type, others, s->limit_confidence) - 1;
		}
	free(sum);
	return total;
}

/* Sum over nodes in use and resources of the squared distance of mean utilisation from the mean of the nodes in use. */
static double term_evenness(const struct placement_view *v, const struct term *t)
{
	const struct instance *in = v->in;
	double total = 0;

	(void)t;
	for (uint32_t r = 0; r < in->n_resources; r++) {
		double sum = 0, squares = 0, used = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++) {
			double u = 0;

			if (!v->count[n])
				continue;
			for (uint32_t c = 0; c < in->resources[r].slots; c++) {
				size_t k = (size_t)n * in->n_columns + in->resources[r].column + c;

				u += in->capacity[k] ? (double)v->load[k] / (double)in->capacity[k] : 0;
			}
			u /= in->resources[r].slots;
			sum += u;
			squares += u * u;
			used++;
		}
		total += used > 0 ? fmax(0, squares - sum * sum / used) : 0;
	}
	return total;
}

const struct term_row term_rows[] = {
	[TERM_NODE_COST] = { "node_cost", "cost of the nodes in use", 0, term_node_cost },
	[TERM_HINGE] = { "hinge", "load of a resource above its soft capacity", 1, term_hinge },
	[TERM_EXPONENTIAL] = { "exponential", "scale * (exp(utilisation above the threshold) - 1), nodes in use", 1, term_exponential },
	[TERM_BALANCE] = { "balance", "lack of room in resource2 against target times room in resource", 2, term_balance },
	[TERM_MOVE] = { "move", "move costs of the replicas moved", 0, term_move },
	[TERM_MOVE_GROUP] = { "move_group", "most replicas moved in any one group", 0, term_move_group },
	[TERM_MOVE_PAIR] = { "move_pair", "cost of each move by old and new node", 0, term_move_pair },
	[TERM_SLOWDOWN] = { "slowdown", "predicted slowdowns above 1, summed", 0, term_slowdown },
	[TERM_EVENNESS] = { "evenness", "squared distance of utilisation from the mean", 0, term_evenness },
};

const struct term_row *term_find(const char *name)
{
	for (size_t i = 0; i < sizeof(term_rows) / sizeof(term_rows[0]); i++)
		if (!strcmp(term_rows[i].name, name))
			return &term_rows[i];
	return NULL;
}

double objective_value(const struct instance *in, const struct model *model, const int32_t *item_node)
{
	static const struct term nodes_only = { .kind = TERM_NODE_COST, .weight = 1 };
	const struct term *terms = in->n_terms ? in->terms : &nodes_only;
	int64_t *load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*load));
	uint32_t *count = mem_alloc(in->n_nodes, sizeof(*count));
	struct placement_view v = { in, model, item_node, load, count };
	double sum = 0;

	for (uint32_t i = 0; i < in->n_items; i++) {
		const int64_t *d = in->demand + (size_t)in->item_service[i] * in->n_columns;
		int32_t n = item_node[i];

		if (n < 0)
			continue;
		count[n]++;
		for (uint32_t c = 0; c < in->n_columns && in->n_terms; c++)
			load[(size_t)n * in->n_columns + c] += d[c];
	}
	for (uint32_t t = 0; t < (in->n_terms ? in->n_terms : 1); t++)
		sum += terms[t].weight * term_rows[terms[t].kind].evaluate(&v, &terms[t]);
	free(load);
	free(count);
	return sum;
}

bool objective_is_node_cost(const struct instance *in)
{
	for (uint32_t t = 0; t < in->n_terms; t++)
		if (in->terms[t].kind != TERM_NODE_COST)
			return false;
	return true;
}
