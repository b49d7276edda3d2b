/* `cotenant doctor`: what can be measured here, what is lost, and how to get it. Exit 3 when record could not blame anyone. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "collector/doctor.h"

static struct {
	bool json;
	const char *root;
} options;

static const struct opt rows[] = {
	{ "json", 'j', OPT_FLAG, offsetof(typeof(options), json), NULL, NULL, NULL, NULL, "JSON instead of text" },
	{ "root", 0, OPT_STR, offsetof(typeof(options), root), "DIR", NULL, NULL, "/", "look at a recorded tree (proc, sys) instead of this host" },
	{ 0 },
};

static bool can_record(const struct doctor_finding *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f[i].needed && f[i].state == DOCTOR_MISSING)
			return false;
	return true;
}

static int print_json(const struct doctor_finding *f, size_t n)
{
	json_t *list = json_array(), *root;
	int failed;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "id", f[i].id, "title", f[i].title, "state",
						      doctor_state_names[f[i].state], "detail", f[i].detail, "lost", f[i].lost, "remedy",
						      f[i].remedy, "needed", f[i].needed));
	root = json_pack("{s:b, s:o}", "can_record", can_record(f, n), "findings", list);
	failed = !root || json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return failed;
}

static void print_text(const struct doctor_finding *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%-8s %-27s %s\n", doctor_state_names[f[i].state], f[i].title, f[i].detail);
		if (f[i].state != DOCTOR_OK)
			printf("%-8s %-27s lost: %s\n%-8s %-27s do:   %s\n", "", "", f[i].lost, "", "", f[i].remedy);
	}
	puts(can_record(f, n) ? "\nrecord works here; what is missing or limited above reads n/a in reports" :
				"\nrecord has no probes here; with --no-probes it still stores what cgroups and /proc say");
}

static int run(const struct operands *op, struct err *e)
{
	struct doctor_finding findings[DOCTOR_MAX];
	bool live = !strcmp(options.root, "/");
	int fd = open(options.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n;

	(void)op;
	if (fd < 0)
		return err_set(e, -errno, "%s: cannot open: %s; --root takes a folder with proc and sys in it", options.root,
			       strerror(errno));
	n = doctor_examine(fd, live, findings);
	close(fd);
	if (!options.json)
		print_text(findings, n);
	else if (print_json(findings, n))
		return err_set(e, -EIO, "standard output: cannot write");
	return can_record(findings, n) ? STATUS_DONE : STATUS_ENVIRONMENT;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.summary = "what can be measured on this node, and what to do about the rest",
	.details = "Any user may ask; what only root could look at is reported as unseen. Exit status 3 means that record would have no probes.",
	.opts = rows,
	.values = &options,
	.max_operands = 0,
	.run = run,
};
