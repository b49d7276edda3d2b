/*
 * From recorded sessions to an instance: what each service was seen to use becomes its demand on a fleet described in JSON.
 * Form of the file: docs/fleet.md. Sessions are named relative to the file's own folder.
 */
#ifndef PLANNER_IMPORT_FLEET_H
#define PLANNER_IMPORT_FLEET_H

#include "base/err.h"
#include "planner/instance/instance.h"

struct instance *fleet_import(const char *path, struct err *e); /* NULL on error; instance_free() it */

#endif
