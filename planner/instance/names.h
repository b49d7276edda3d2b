/*
 * A set of names: text -> small number, in order of arrival. Open addressing over FNV-1a; the texts are borrowed, so
 * whoever owns them must outlive the set. names_add() returns the number, new or old; names_find() -1 when unknown.
 */
#ifndef PLANNER_INSTANCE_NAMES_H
#define PLANNER_INSTANCE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names_slot { uint32_t number, hash; }; /* number + 1, 0 = empty; the text's hash, so that few texts are looked at */

struct names {
	const char **texts;
	size_t n, cap;
	struct names_slot *slots;
	size_t n_slots;    /* power of two */
};

int64_t names_find(const struct names *s, const char *text);
uint32_t names_add(struct names *s, const char *text);
void names_fini(struct names *s);

#endif
