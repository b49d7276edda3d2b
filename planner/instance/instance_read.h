/* What the parts of the JSON instance reader share: the growing instance and the names seen so far. */
#ifndef PLANNER_INSTANCE_INSTANCE_READ_H
#define PLANNER_INSTANCE_INSTANCE_READ_H

#include "base/json.h"
#include "planner/instance/instance.h"
#include "planner/instance/names.h"

#define INSTANCE_REPLICAS_MAX 1000000
#define INSTANCE_MOVE_COST_MAX (INT64_MAX / 4)
#define INSTANCE_LIMIT_MAX 1e6
#define INSTANCE_CONFIDENCE_MAX 0.999999
#define INSTANCE_CONFIDENCE_DEFAULT 0.9
#define INSTANCE_AMOUNT_MAX (INT64_MAX / 2) /* of one demand, capacity or cost: two of them can be added */

struct instance_reader {
	struct instance *in;
	struct names resources, labels, nodes, services, groups;
	struct names *values;      /* [label] */
	const char *percentile;    /* key to take from percentile objects, or NULL */
	size_t cap_nodes, cap_columns, cap_soft, cap_labels; /* room in the arrays that grow with nodes */
	size_t cap_services, cap_demand, cap_allow, cap_items;
	size_t cap_caps, cap_nears, cap_spreads;
	int32_t *current;          /* [item] */
	char **item_ids;           /* [item], or NULL */
	size_t n_items;
	bool lifted;               /* instance_scan_columns() took a member of the element under work into row */
	int64_t *row;
	size_t cap_row;
};

int instance_read_node(void *reader, const struct json_at *at, struct err *e);
int instance_read_service(void *reader, const struct json_at *at, struct err *e);
int instance_read_rule(void *reader, const struct json_at *at, struct err *e);
int instance_read_term(void *reader, const struct json_at *at, struct err *e);

/* {"cpu": 3, "disk": [1, 2, …]} into one row of columns; absent resources stay as they are. what: "demand", "capacity". */
int instance_read_columns(struct instance_reader *r, const struct json_at *at, int64_t *row, bool percentiles, struct err *e);
/* The same from plain text into r->row, all of it: a json_lift's read(). */
size_t instance_scan_columns(void *reader, const char *text, size_t size);
/* A whole service of plain form: a json_lift's whole(). */
size_t instance_scan_service(void *reader, const char *text, size_t size);
/* A service without demands, on no node, of the group of that name; r->services does not know the id yet. */
struct service *instance_add_service(struct instance_reader *r, const char *id, const char *group, uint32_t replicas);
/* What the member says, or if it was lifted out, r->row. */
int instance_take_columns(struct instance_reader *r, const struct json_at *at, int64_t *row, bool percentiles, struct err *e);
void instance_add_cap(struct instance_reader *r, uint32_t a, uint32_t b, uint32_t k);
void instance_add_spread(struct instance_reader *r, struct rule_spread rule);
int instance_read_spread(struct instance_reader *r, const struct json_at *at, struct rule_spread *rule, struct err *e);
int instance_find_group(struct instance_reader *r, const struct json_at *at, const char *key, uint32_t *out, struct err *e);

#endif
