/* How far the rules of a group reach: see ties.h. */
#include "planner/solve/ties.h"

#include "base/mem.h"

uint8_t *ties_new(const struct instance *in)
{
	uint8_t *ties = mem_alloc(in->n_groups, 1);

	for (uint32_t i = 0; i < in->n_spreads; i++) {
		uint8_t tie = in->spreads[i].min_distinct ? TIES_WHOLE : in->spreads[i].label != LABEL_NODE ? TIES_ACROSS : TIES_NONE;

		if (ties[in->spreads[i].group] < tie)
			ties[in->spreads[i].group] = tie;
	}
	for (uint32_t i = 0; i < in->n_nears; i++)
		ties[in->nears[i].a] = ties[in->nears[i].b] = TIES_WHOLE;
	return ties;
}
