/*
 * An instance: what is to be placed where, under which rules. Everything the planner is asked, in memory.
 *
 * Resources have one or many time slots; each (resource, slot) is a column. Demands and capacities are integers in the
 * resource's own unit, so feasibility is exact. A service has replicas; replicas are numbered through all services as
 * "items" (item_service[], item_node[]), replicas of one service being consecutive and identical.
 *
 * Rules speak of groups. Each service belongs to exactly one group (its own unless the file names one).
 *   cap      a node that holds at least one replica of group a holds at most k replicas of group b (a == b: at most k of a)
 *   near     every label value (or node) that holds a also holds at least one b: dependency, affinity
 *   spread   replicas of a group stand on at least min_distinct values of a label, at most max_per_value on each
 *   allow    the nodes a service may use (pins, exclusions, taints): a row of bits, or all
 * Ownership: instance_free() frees everything. JSON form: docs/instance.md.
 */
#ifndef PLANNER_INSTANCE_INSTANCE_H
#define PLANNER_INSTANCE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define NO_NODE (-1)
#define LABEL_NODE UINT32_MAX /* as a label: the node itself */

struct resource {
	char *name, *unit;
	uint32_t slots;       /* 1, or instance.n_slots */
	uint32_t column;      /* first column */
	bool transient;       /* held on the old node too while a replica moves */
};

struct node {
	char *id;
	char *type;           /* model's node type; "" when there is but one */
	int64_t cost;         /* of using this node at all, in the instance's cost unit; 1 when absent */
	int32_t model_type;   /* index in the model, -1 = unknown; set by instance_bind() */
};

struct service {
	char *id;
	char *profile;        /* what the model calls it; NULL = id */
	uint32_t group;
	uint32_t first_item, replicas;
	int64_t move_cost;    /* per moved replica */
	double limit_ratio;   /* largest slowdown accepted, >= 1; INFINITY = none */
	double limit_confidence; /* 0 .. 1; the prediction's upper edge at this confidence is held against the limit */
	int32_t model_service; /* index in the model, -1 = the model does not know it */
};

struct rule_cap { uint32_t a, b, k; };
struct rule_near { uint32_t a, b, label; };
struct rule_spread { uint32_t group, label, min_distinct, max_per_value; /* 0 = no such bound */ };

/* Objective terms beyond the cost of nodes in use: rows of the table in planner/term.h; parameters as below. */
enum term_kind { TERM_NODE_COST, TERM_HINGE, TERM_EXPONENTIAL, TERM_BALANCE, TERM_MOVE, TERM_MOVE_GROUP, TERM_MOVE_PAIR,
		 TERM_SLOWDOWN, TERM_EVENNESS };
struct term {
	enum term_kind kind;
	uint32_t resource, resource2; /* HINGE, EXPONENTIAL: resource; BALANCE: both */
	double weight;
	double threshold;  /* EXPONENTIAL: utilisation where it starts (0.5) */
	double scale;      /* EXPONENTIAL: factor before exp(max(0, u - threshold)) - 1 (10); mean over slots */
	int64_t target;    /* BALANCE: weight * max(0, target * room(resource) - room(resource2)) */
};

struct instance {
	char *name, *cost_unit;
	uint32_t n_resources, n_slots, n_columns, n_nodes, n_services, n_items, n_groups, n_labels;
	struct resource *resources;
	struct node *nodes;
	struct service *services;
	char **group_ids;
	char **label_names;
	uint32_t *label_counts;       /* values per label */
	char ***label_values;         /* [label][value] */
	uint32_t *node_label;         /* [node * n_labels + label] -> value */
	int64_t *capacity;            /* [node * n_columns + column] */
	int64_t *soft;                /* same shape: soft (safety) capacity; NULL = none */
	int64_t *demand;              /* [service * n_columns + column] */
	uint32_t *item_service;       /* [item] */
	int32_t *item_node;           /* [item]: where it runs today, or NO_NODE */
	char **item_ids;              /* [item]: names of the replicas outside ("replica_ids"), or NULL */
	uint32_t n_caps, n_nears, n_spreads, n_terms;
	struct rule_cap *caps;
	struct rule_near *nears;
	struct rule_spread *spreads;
	struct term *terms;           /* empty: least cost of nodes in use, then fewest moves, then most even headroom */
	uint64_t **allow;             /* [service] -> bits over nodes, or NULL = all; NULL array = nobody is restricted */
	int32_t *move_pair;           /* [from * n_nodes + to] cost for TERM_MOVE_PAIR, or NULL */
	int64_t max_moves;            /* -1 = no budget */
};

struct model;

struct instance *instance_read(const char *path, struct err *e);  /* NULL on error */
/*
 * For importers: start from instance_new(), fill the counts, allocate every array you need with mem_alloc() (NULL is fine
 * where the comment says so), set services[].group/replicas and resources[].slots, then call instance_finish(): it numbers
 * columns and items (allocating item_service, and item_node as all NO_NODE where NULL; call instance_number() earlier when
 * you need them to fill item_node or demand), and checks everything.
 */
struct instance *instance_new(void);
void instance_number(struct instance *in);
int instance_finish(struct instance *in, struct err *e);
/* Look the services and node types up in the model. Returns how many services it knows. */
uint32_t instance_bind(struct instance *in, const struct model *m);
static inline bool instance_allows(const struct instance *in, uint32_t service, uint32_t node)
{
	return !in->allow || !in->allow[service] || (in->allow[service][node / 64] >> (node % 64) & 1);
}
int instance_write(const struct instance *in, const char *path, struct err *e);
void instance_free(struct instance *in);

#endif
