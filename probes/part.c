/* See part.h. */
#include "probes/part.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define NEARLY_ALL 0.999 /* attaching at the start takes its time */

int part_open(struct part *p, struct windows *w, const struct window_group *group)
{
	*p = PART_NONE;
	p->group = *group;
	if (!group->n)
		return 0;
	p->window = windows_add(w, group);
	p->open_ns = clock_ns(CLOCK_MONOTONIC);
	return p->window < 0 ? p->window : 0;
}

void part_close(struct part *p, struct windows *w)
{
	windows_remove(w, p->window);
	*p = PART_NONE;
}

double part_share(const struct part *p, struct windows *w)
{
	return p->window < 0 ? 1 : windows_share(w, p->window);
}

double part_step(struct part *p, struct windows *w, uint64_t length_ns)
{
	uint64_t on;

	if (p->window < 0)
		return 1;
	on = windows_on_ns(w, p->window);
	p->on_ns = on - p->seen_ns;
	p->seen_ns = on;
	if (part_share(p, w) >= 1)
		return 1;
	return length_ns ? (double)p->on_ns / (double)length_ns : 0;
}

bool part_note(const struct part *p, struct windows *w, const char *help, char *text, size_t size)
{
	uint64_t age = clock_ns(CLOCK_MONOTONIC) - p->open_ns;
	double share = part_share(p, w), all;
	size_t used = strlen(text);
	uint64_t missed;

	if (p->window < 0)
		return false;
	missed = windows_missed(w, p->window);
	all = age ? (double)windows_on_ns(w, p->window) / (double)age : 1;
	if (share >= 1 && all >= NEARLY_ALL)
		return false;
	used += (size_t)snprintf(text + used, size - used, "%s%s %.1f %% of the time (%.1f %% since the start",
				 used ? "; " : "watched in windows to stay within the budget, and scaled up: ", help, 100 * share, 100 * all);
	if (missed && used < size)
		used += (size_t)snprintf(text + used, size - used, ", %llu windows missed", (unsigned long long)missed);
	if (used < size)
		snprintf(text + used, size - used, ")");
	return true;
}
