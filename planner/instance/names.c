/* Names to numbers, for reading references in instances and plans of up to millions of objects: see names.h. */
#include "planner/instance/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint32_t text_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static size_t slot_of(const struct names *s, const char *text, uint32_t hash)
{
	size_t i = hash & (s->n_slots - 1);

	while (s->slots[i].number && (s->slots[i].hash != hash || strcmp(s->texts[s->slots[i].number - 1], text)))
		i = (i + 1) & (s->n_slots - 1);
	return i;
}

static void grow(struct names *s)
{
	struct names_slot *old = s->slots;
	size_t n_old = s->n_slots;

	s->n_slots = s->n_slots ? s->n_slots * 2 : 64;
	s->slots = mem_alloc(s->n_slots, sizeof(*s->slots));
	for (size_t k = 0; k < n_old; k++) {
		size_t i = old[k].hash & (s->n_slots - 1);

		if (!old[k].number)
			continue;
		while (s->slots[i].number)
			i = (i + 1) & (s->n_slots - 1);
		s->slots[i] = old[k];
	}
	free(old);
}

int64_t names_find(const struct names *s, const char *text)
{
	return s->n ? (int64_t)s->slots[slot_of(s, text, text_hash(text))].number - 1 : -1;
}

uint32_t names_add(struct names *s, const char *text)
{
	uint32_t hash = text_hash(text);
	size_t i;

	if (s->n * 2 >= s->n_slots)
		grow(s);
	i = slot_of(s, text, hash);
	if (s->slots[i].number)
		return s->slots[i].number - 1;
	s->texts = array_grow(s->texts, &s->cap, s->n + 1, sizeof(*s->texts));
	s->texts[s->n++] = text;
	s->slots[i] = (struct names_slot){ (uint32_t)s->n, hash };
	return (uint32_t)s->n - 1;
}

void names_fini(struct names *s)
{
	free(s->texts);
	free(s->slots);
	*s = (struct names){ 0 };
}
