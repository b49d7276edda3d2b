/*
 * The decisions in the planner's own words.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"

static const struct column reason_columns[] = { { "reason", "Reason", UNIT_TEXT, NULL }, { 0 } };

void build_reasons(const struct input *in, struct doc *d, struct doc_section *sec)
{
	(void)d;
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		char *id = i ? str_fmt("reasons@%s", in->plans[i].name) : str_dup("reasons");
		struct table *t = table_new(id, "What decided", in->plans[i].name, reason_columns);

		for (uint32_t k = 0; k < p->n_reasons; k++)
			table_text(t, p->reasons[k].text);
		if (!p->n_reasons)
			section_text(sec, "The plan gives no reasons.");
		section_table_take(sec, t, !p->n_reasons);
		free(id);
	}
}
