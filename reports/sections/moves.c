/*
 * The moves in the order in which they are safe.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"

static const struct column columns[] = {
	{ "step", "Step", UNIT_COUNT, NULL },
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "replica", "Replica", UNIT_COUNT, NULL },
	{ "from", "From", UNIT_TEXT, NULL },
	{ "to", "To", UNIT_TEXT, NULL },
	{ "detour", "Detour", UNIT_TEXT, "stands there only until its place is free" },
	{ 0 }
};

void build_moves(const struct input *in, struct doc *d, struct doc_section *sec)
{
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		const struct instance *ins = p->instance;
		char *id = i ? str_fmt("moves@%s", in->plans[i].name) : str_dup("moves");
		struct table *t = table_new(id, "Moves", in->plans[i].name, columns);

		for (uint32_t k = 0; k < p->n_moves; k++) {
			const struct plan_move *m = &p->moves[k];
			const struct service *s = &ins->services[ins->item_service[m->item]];

			table_int(t, m->step);
			table_text(t, s->id);
			table_int(t, m->item - s->first_item);
			table_text(t, m->from == NO_NODE ? NULL : ins->nodes[m->from].id);
			table_text(t, m->to == NO_NODE ? NULL : ins->nodes[m->to].id);
			table_text(t, m->detour ? "yes" : "no");
		}
		if (!p->n_moves)
			section_text(sec, "Nothing that runs today has to move.");
		if (p->n_unordered) {
			section_text(sec, "%u moves have no order that keeps every capacity on the way: they need spare room or a short stop.", p->n_unordered);
			doc_find(d, 1, TONE_WARN, in->plans[i].name, "%u moves have no safe order.", p->n_unordered);
		}
		section_table_take(sec, t, !p->n_moves);
		free(id);
	}
}
