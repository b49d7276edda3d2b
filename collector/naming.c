/*
 * Names of services from cgroup paths: see naming.h. The patterns are those of systemd (unit suffixes, docker-<id>.scope),
 * of the cgroupfs drivers (/docker/<id>, /kubepods/burstable/pod<uid>), of LXC, and of our own `run`.
 */
#include "collector/naming.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/cgroup.h"

#define ID_LENGTH 64      /* container ids are SHA-256 in hex */
#define SHORT_ID 12       /* what docker ps shows */
#define UID_LENGTH 36     /* Kubernetes pod UID */

static bool ends_with(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n > m && !strcmp(text + n - m, suffix);
}

void naming_unescape(char *name)
{
	char *out = name;

	for (const char *p = name; *p; p++) {
		if (p[0] == '\\' && p[1] == 'x' && isxdigit((unsigned char)p[2]) && isxdigit((unsigned char)p[3])) {
			char hex[3] = { p[2], p[3], 0 };

			*out++ = (char)strtoul(hex, NULL, 16);
			p += 3;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
}

/* The container id inside the last component ("docker-<id>.scope", "<id>"), or NULL. */
static const char *container_id(const char *base)
{
	size_t n = strlen(base);
	const char *id = ends_with(base, ".scope") ? base + n - strlen(".scope") - ID_LENGTH : base + n - ID_LENGTH;

	if (n < ID_LENGTH || id < base || (id > base && id[-1] != '-') || strspn(id, "0123456789abcdef") != ID_LENGTH)
		return NULL;
	return strstr(base, "conmon") ? NULL : id;
}

/* Docker writes the name into config.v2.json: "Name":"/web". */
static bool docker_name(int root_fd, const char *id, char name[SERVICE_NAME_MAX])
{
	char path[192], text[65536], *at;

	snprintf(path, sizeof(path), "var/lib/docker/containers/%.*s/config.v2.json", ID_LENGTH, id);
	if (file_read_at(root_fd, path, text, sizeof(text)) <= 0 || !(at = strstr(text, "\"Name\":\"/")))
		return false;
	at += strlen("\"Name\":\"/");
	snprintf(name, SERVICE_NAME_MAX, "%.*s", (int)strcspn(at, "\""), at);
	return name[0] != '\0';
}

/* The kubelet keeps logs in var/log/pods/<namespace>_<pod>_<uid>. */
static bool pod_log_name(int root_fd, const char *uid, char name[SERVICE_NAME_MAX])
{
	int fd = openat(root_fd, "var/log/pods", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool found = false;

	for (struct dirent *d; dir && !found && (d = readdir(dir));) {
		char *split = strchr(d->d_name, '_'), *last = strrchr(d->d_name, '_');

		if (!split || split == last || strcmp(last + 1, uid))
			continue;
		*split = '/';
		*last = '\0';
		snprintf(name, SERVICE_NAME_MAX, "%.127s", d->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return found;
}

/* "pod<uid>" below kubepods; the systemd driver writes the UID with underscores. */
static bool pod_name(int root_fd, const char *path, const char *base, char name[SERVICE_NAME_MAX])
{
	const char *at = strstr(base, "pod");
	char uid[UID_LENGTH + 1];

	if (!strstr(path, "kubepods") || !at)
		return false;
	if (!strncmp(base, "kubepods", 8))
		at = strstr(base + 8, "pod");
	if (!at || strlen(at + 3) < UID_LENGTH)
		return false;
	memcpy(uid, at + 3, UID_LENGTH);
	uid[UID_LENGTH] = '\0';
	for (char *p = uid; *p; p++)
		*p = *p == '_' ? '-' : *p;
	if (strspn(uid, "0123456789abcdef-") != UID_LENGTH)
		return false;
	if (!pod_log_name(root_fd, uid, name))
		snprintf(name, SERVICE_NAME_MAX, "pod-%.8s", uid);
	return true;
}

static bool container_name(int root_fd, const char *path, const char *base, char name[SERVICE_NAME_MAX])
{
	const char *id = container_id(base);

	if (id && !docker_name(root_fd, id, name))
		snprintf(name, SERVICE_NAME_MAX, "%.*s", SHORT_ID, id);
	if (id)
		return true;
	if (!strncmp(base, "lxc.payload.", 12) && base[12])
		return snprintf(name, SERVICE_NAME_MAX, "%.127s", base + 12) > 0;
	return base - path > 4 && !strncmp(base - 5, "/lxc/", 5) && snprintf(name, SERVICE_NAME_MAX, "%.127s", base) > 0;
}

static bool unit_name(const char *base, char name[SERVICE_NAME_MAX])
{
	size_t n = strlen(base);

	if (ends_with(base, ".service") && strncmp(base, "user@", 5))
		n -= strlen(".service");
	else if (ends_with(base, ".scope"))
		n -= strlen(".scope");
	else
		return false;
	snprintf(name, SERVICE_NAME_MAX, "%.*s", (int)(n < SERVICE_NAME_MAX ? n : SERVICE_NAME_MAX - 1), base);
	naming_unescape(name);
	return true;
}

bool naming_of_cgroup(int root_fd, enum service_by by, const char *path, char name[SERVICE_NAME_MAX])
{
	const char *base = strrchr(path, '/');
	size_t ours = strlen("/" CGROUP_OURS);

	base = base ? base + 1 : path;
	if (by == BY_COMM || by == BY_USER)
		return false;
	if (by == BY_CGROUP) {
		snprintf(name, SERVICE_NAME_MAX, "%.127s", path);
		return true;
	}
	if (by == BY_AUTO && (size_t)(base - path) >= ours + 1 && !strncmp(base - 1 - ours, "/" CGROUP_OURS "/", ours + 1))
		return snprintf(name, SERVICE_NAME_MAX, "%.127s", base) > 0;
	if (by == BY_AUTO && pod_name(root_fd, path, base, name))
		return true;
	if (by != BY_UNIT && container_name(root_fd, path, base, name))
		return true;
	return by != BY_CONTAINER && unit_name(base, name);
}
