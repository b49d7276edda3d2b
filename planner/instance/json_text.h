/* One JSON string, quoted and escaped (RFC 8259, section 7), straight to a stream. */
#ifndef PLANNER_INSTANCE_JSON_TEXT_H
#define PLANNER_INSTANCE_JSON_TEXT_H

#include <stdio.h>

void json_text(FILE *f, const char *text);

#endif
