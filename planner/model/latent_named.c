/* Synthetic pressure gives resources their names: neighbours called press-KIND-LEVEL exert a known pressure. See latent.h. */
#include "planner/model/latent_work.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

bool latent_press_parse(const char *service, char *kind, double *level)
{
	const char *dash = strrchr(service, '-');
	size_t n;

	if (strncmp(service, "press-", 6) || dash < service + 7 || parse_f64(dash + 1, level) < 0 || *level <= 0)
		return false;
	n = (size_t)(dash - service) - 6;
	if (n >= LATENT_NAME_MAX)
		return false;
	memcpy(kind, service + 6, n);
	kind[n] = 0;
	*level /= 100;
	return true;
}

/* Component of a kind; a new one while there is room. */
static int named_index(struct latent *l, const char *kind)
{
	for (int k = 0; k < l->k; k++)
		if (!strcmp(l->names[k], kind))
			return k;
	if (l->k == LATENT_NAMED_MAX)
		return -1;
	snprintf(l->names[l->k], LATENT_NAME_MAX, "%s", kind);
	l->kinds[l->k] = 'n';
	return l->k++;
}

void latent_pins_find(struct latent_work *w)
{
	for (int i = 0; i < w->c->n_services; i++) {
		char kind[LATENT_NAME_MAX];

		w->pin_kind[i] = -1;
		if (w->form->named && latent_press_parse(w->c->services[i], kind, &w->pin_level[i]))
			w->pin_kind[i] = named_index(w->l, kind);
	}
}

/* Synthetic pressure is known: back to its level on its own resource, nothing on the others. */
void latent_pins_set(struct latent_work *w, int k)
{
	struct latent *l = w->l;

	for (int i = 0; l->kinds[k] == 'n' && i < l->n_services; i++)
		for (int t = 0; t <= l->n_types && w->pin_kind[i] >= 0; t++)
			l->p[latent_at(l, k, i, t)] = w->pin_kind[i] == k ? w->pin_level[i] : 0;
}
