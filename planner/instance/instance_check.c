/*
 * What an instance must satisfy before any solver sees it, whoever built it (JSON reader, importer, generator): counts,
 * signs, sums that stay within 62 bits (so that no addition in a solver can overflow), references, and rules that
 * contradict each other on their face.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/instance/instance.h"
#include "planner/instance/names.h"

#define SUM_MAX (INT64_MAX / 2) /* any two sums can be added */
#define ITEMS_MAX 100000000u

static int check_columns(const struct instance *in, struct err *e)
{
	int64_t *sum = mem_alloc(in->n_columns, sizeof(*sum));
	int err = 0;

	for (uint32_t s = 0; s < in->n_services && !err; s++)
		for (uint32_t c = 0; c < in->n_columns; c++) {
			int64_t d = in->demand[(size_t)s * in->n_columns + c], all;

			if (d < 0) {
				err = err_set(e, -EINVAL, "service \"%s\": negative demand %lld", in->services[s].id, (long long)d);
				break;
			}
			if (__builtin_mul_overflow(d, in->services[s].replicas, &all) || __builtin_add_overflow(sum[c], all, &sum[c]) ||
			    sum[c] > SUM_MAX) {
				err = err_set(e, -ERANGE, "service \"%s\": the services' demands add up beyond 2^62; use a larger unit",
					      in->services[s].id);
				break;
			}
		}
	free(sum);
	for (uint32_t n = 0; n < in->n_nodes && !err; n++)
		for (uint32_t c = 0; c < in->n_columns && !err; c++) {
			size_t k = (size_t)n * in->n_columns + c;

			if (in->capacity[k] < 0 || in->capacity[k] > SUM_MAX)
				err = err_set(e, -EINVAL, "node \"%s\": capacity %lld is outside 0 .. 2^62", in->nodes[n].id,
					      (long long)in->capacity[k]);
			else if (in->soft && (in->soft[k] < 0 || in->soft[k] > in->capacity[k]))
				err = err_set(e, -EINVAL, "node \"%s\": soft capacity %lld is outside 0 .. capacity %lld",
					      in->nodes[n].id, (long long)in->soft[k], (long long)in->capacity[k]);
		}
	return err;
}

static int check_services(const struct instance *in, struct err *e)
{
	double move = 0;

	for (uint32_t i = 0; i < in->n_services; i++) {
		const struct service *s = &in->services[i];

		if (s->replicas < 1)
			return err_set(e, -EINVAL, "service \"%s\": needs at least one replica", s->id);
		if (s->group >= in->n_groups)
			return err_set(e, -EINVAL, "service \"%s\": unknown group", s->id);
		if (!(s->limit_ratio >= 1))
			return err_set(e, -EINVAL, "service \"%s\": the slowdown limit must be at least 1", s->id);
		move += (double)s->move_cost * s->replicas;
	}
	if (move > (double)SUM_MAX)
		return err_set(e, -ERANGE, "the move costs add up beyond 2^62; use a larger unit");
	for (uint32_t i = 0; i < in->n_items; i++)
		if (in->item_node[i] < NO_NODE || in->item_node[i] >= (int64_t)in->n_nodes)
			return err_set(e, -EINVAL, "service \"%s\": runs on an unknown node today", in->services[in->item_service[i]].id);
	return 0;
}

static int check_nodes(const struct instance *in, struct err *e)
{
	double cost = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		if (in->nodes[n].cost < 0)
			return err_set(e, -EINVAL, "node \"%s\": negative cost", in->nodes[n].id);
		cost += (double)in->nodes[n].cost;
		for (uint32_t l = 0; l < in->n_labels; l++)
			if (in->node_label[(size_t)n * in->n_labels + l] >= in->label_counts[l])
				return err_set(e, -EINVAL, "node \"%s\": unknown value of label \"%s\"", in->nodes[n].id, in->label_names[l]);
	}
	if (cost > (double)SUM_MAX)
		return err_set(e, -ERANGE, "the nodes' costs add up beyond 2^62; use a larger unit");
	return 0;
}

static uint32_t *group_sizes(const struct instance *in)
{
	uint32_t *size = mem_alloc(in->n_groups, sizeof(*size));

	for (uint32_t s = 0; s < in->n_services; s++)
		size[in->services[s].group] += in->services[s].replicas;
	return size;
}

static int check_spread(const struct instance *in, const struct rule_spread *r, const uint32_t *size, struct err *e)
{
	uint64_t values, items;
	const char *group, *label;

	if (r->group >= in->n_groups || (r->label != LABEL_NODE && r->label >= in->n_labels))
		return err_set(e, -EINVAL, "a spread rule names an unknown group or label");
	items = size[r->group];
	values = r->label == LABEL_NODE ? in->n_nodes : in->label_counts[r->label];
	group = in->group_ids[r->group];
	label = r->label == LABEL_NODE ? "node" : in->label_names[r->label];
	if (r->min_distinct > items)
		return err_set(e, -EINVAL, "group \"%s\": %llu replicas cannot stand on %u values of \"%s\"; lower min_distinct or add replicas",
			       group, (unsigned long long)items, r->min_distinct, label);
	if (r->min_distinct > values)
		return err_set(e, -EINVAL, "group \"%s\": must stand on %u values of \"%s\", but the nodes have only %llu",
			       group, r->min_distinct, label, (unsigned long long)values);
	if (r->max_per_value && r->max_per_value * values < items)
		return err_set(e, -EINVAL, "group \"%s\": %llu replicas at %u per value of \"%s\" need more than the %llu values there are",
			       group, (unsigned long long)items, r->max_per_value, label, (unsigned long long)values);
	return 0;
}

static int check_cap(const struct instance *in, const struct rule_cap *c, const uint32_t *size, struct err *e)
{
	if (c->a >= in->n_groups || c->b >= in->n_groups)
		return err_set(e, -EINVAL, "a cap rule names an unknown group");
	if (c->a == c->b && !c->k && size[c->a])
		return err_set(e, -EINVAL, "group \"%s\": at most 0 of itself per node leaves it no place", in->group_ids[c->a]);
	return 0;
}

static int check_rules(const struct instance *in, const uint32_t *size, struct err *e)
{
	int err;

	for (uint32_t i = 0; i < in->n_caps; i++)
		if ((err = check_cap(in, &in->caps[i], size, e)) < 0)
			return err;
	for (uint32_t i = 0; i < in->n_spreads; i++)
		if ((err = check_spread(in, &in->spreads[i], size, e)) < 0)
			return err;
	for (uint32_t i = 0; i < in->n_nears; i++) {
		const struct rule_near *r = &in->nears[i];

		if (r->a >= in->n_groups || r->b >= in->n_groups || (r->label != LABEL_NODE && r->label >= in->n_labels))
			return err_set(e, -EINVAL, "a near rule names an unknown group or label");
		for (uint32_t c = 0; r->label == LABEL_NODE && c < in->n_caps; c++)
			if (!in->caps[c].k && ((in->caps[c].a == r->a && in->caps[c].b == r->b) ||
					       (in->caps[c].a == r->b && in->caps[c].b == r->a)))
				return err_set(e, -EINVAL, "groups \"%s\" and \"%s\": must share a node and must not; drop one of the two rules",
					       in->group_ids[r->a], in->group_ids[r->b]);
	}
	return 0;
}

static int check_ids(const struct instance *in, struct err *e)
{
	struct names nodes = { 0 }, services = { 0 };
	int err = 0;

	for (uint32_t i = 0; i < in->n_nodes && !err; i++)
		if (names_add(&nodes, in->nodes[i].id) != i)
			err = err_set(e, -EINVAL, "node \"%s\": the id is used twice", in->nodes[i].id);
	for (uint32_t i = 0; i < in->n_services && !err; i++)
		if (names_add(&services, in->services[i].id) != i)
			err = err_set(e, -EINVAL, "service \"%s\": the id is used twice", in->services[i].id);
	names_fini(&nodes);
	names_fini(&services);
	return err;
}

int instance_finish(struct instance *in, struct err *e)
{
	uint64_t items = 0;
	uint32_t *size;
	int err;

	for (uint32_t i = 0; i < in->n_services; i++)
		items += in->services[i].replicas;
	if (items > ITEMS_MAX)
		return err_set(e, -ERANGE, "%llu replicas in all are too many; at most %u", (unsigned long long)items, ITEMS_MAX);
	if (!in->n_nodes || !in->n_services || !in->n_resources)
		return err_set(e, -EINVAL, "at least one resource, one node and one service are needed");
	for (uint32_t r = 0; r < in->n_resources; r++)
		if (in->resources[r].slots != 1 && in->resources[r].slots != in->n_slots)
			return err_set(e, -EINVAL, "resource \"%s\": has %u slots, must have 1 or %u", in->resources[r].name,
				       in->resources[r].slots, in->n_slots);
	instance_number(in);
	if ((err = check_services(in, e)) < 0 || (err = check_nodes(in, e)) < 0 || (err = check_columns(in, e)) < 0 ||
	    (err = check_ids(in, e)) < 0)
		return err;
	size = group_sizes(in);
	err = check_rules(in, size, e);
	free(size);
	return err;
}
