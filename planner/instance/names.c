/* Names to numbers, for reading references in instances and plans of up to millions of objects: see names.h. */
#include "planner/instance/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint64_t text_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h ^ h >> 29;
}

static size_t slot_of(const struct names *s, const char *text)
{
	size_t i = text_hash(text) & (s->n_slots - 1);

	while (s->slots[i] && strcmp(s->texts[s->slots[i] - 1], text))
		i = (i + 1) & (s->n_slots - 1);
	return i;
}

static void grow(struct names *s)
{
	free(s->slots);
	s->n_slots = s->n_slots ? s->n_slots * 2 : 64;
	s->slots = mem_alloc(s->n_slots, sizeof(*s->slots));
	for (size_t i = 0; i < s->n; i++)
		s->slots[slot_of(s, s->texts[i])] = (uint32_t)i + 1;
}

int64_t names_find(const struct names *s, const char *text)
{
	return s->n ? (int64_t)s->slots[slot_of(s, text)] - 1 : -1;
}

uint32_t names_add(struct names *s, const char *text)
{
	size_t i;

	if (s->n * 2 >= s->n_slots)
		grow(s);
	i = slot_of(s, text);
	if (s->slots[i])
		return s->slots[i] - 1;
	s->texts = array_grow(s->texts, &s->cap, s->n + 1, sizeof(*s->texts));
	s->texts[s->n++] = text;
	s->slots[i] = (uint32_t)s->n;
	return (uint32_t)s->n - 1;
}

void names_fini(struct names *s)
{
	free(s->texts);
	free(s->slots);
	*s = (struct names){ 0 };
}
