/* From a cgroup path to the name that people know a service by: systemd unit, container, pod, `cotenant run` name. */
#ifndef COLLECTOR_NAMING_H
#define COLLECTOR_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#define SERVICE_NAME_MAX 128

enum service_by { BY_AUTO, BY_CGROUP, BY_UNIT, BY_CONTAINER, BY_COMM, BY_USER };

/* Name of the service that the cgroup is, if it is one under this grouping; false otherwise. Names of containers and pods are looked up
 * below root_fd (var/lib/docker, var/log/pods); the short id stands in where they are not found. */
bool naming_of_cgroup(int root_fd, enum service_by by, const char *path, char name[SERVICE_NAME_MAX]);

/* Undo systemd's escapes: "a\x2db" -> "a-b". In place. */
void naming_unescape(char *name);

#endif
