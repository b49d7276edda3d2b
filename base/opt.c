/* Option tables: see opt.h. GNU habits: --name=value, --name value, -kvalue, -k value, options anywhere, "--" ends them. */
#include "base/opt.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define HEAD_WIDTH 30        /* of an option in --help; a longer one has a line of its own */

union value {
	uint64_t u64;
	double f64;
};

static bool is_number(enum opt_kind kind)
{
	return kind >= OPT_U64;
}

static bool is_real(enum opt_kind kind)
{
	return kind == OPT_F64 || kind == OPT_RATIO;
}

static int number_parse(enum opt_kind kind, const char *text, union value *v)
{
	switch (kind) {
	case OPT_U64:
		return parse_u64(text, &v->u64);
	case OPT_F64:
		return parse_f64(text, &v->f64);
	case OPT_SIZE:
		return parse_size(text, &v->u64);
	case OPT_DURATION:
		return parse_duration(text, &v->u64);
	case OPT_RATIO:
		return parse_ratio(text, &v->f64);
	default:
		return -EINVAL;
	}
}

/* -1, 0, 1 as a is below, equal to or above b */
static int number_compare(enum opt_kind kind, const union value *a, const union value *b)
{
	if (is_real(kind))
		return (a->f64 > b->f64) - (a->f64 < b->f64);
	return (a->u64 > b->u64) - (a->u64 < b->u64);
}

static bool is_choice(const char *arg, const char *text)
{
	size_t n = strlen(text);

	for (const char *p = arg; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (!strncmp(p, text, n) && (p[n] == '|' || !p[n]))
			return true;
	return false;
}

static const char *example(enum opt_kind kind)
{
	static const char *const text[] = {
		[OPT_U64] = "a whole number such as 8", [OPT_F64] = "a number such as 0.9",
		[OPT_SIZE] = "a size such as 64M", [OPT_DURATION] = "a duration such as 30s or 5m",
		[OPT_RATIO] = "a share such as 0.5% or 0.005",
	};

	return text[kind];
}

static int number_store(const struct opt *o, const char *text, void *slot, struct err *e)
{
	union value v = { 0 }, bound;
	int err = number_parse(o->kind, text, &v);

	if (err == -ERANGE)
		return err_set(e, -EINVAL, "--%s %s: too large", o->name, text);
	if (err < 0)
		return err_set(e, err, "--%s %s: must be %s", o->name, text, example(o->kind));
	if (o->min && !number_parse(o->kind, o->min, &bound) && number_compare(o->kind, &v, &bound) < 0)
		return err_set(e, -EINVAL, "--%s %s: must be at least %s", o->name, text, o->min);
	if (o->max && !number_parse(o->kind, o->max, &bound) && number_compare(o->kind, &v, &bound) > 0)
		return err_set(e, -EINVAL, "--%s %s: must be at most %s", o->name, text, o->max);
	if (is_real(o->kind))
		*(double *)slot = v.f64;
	else
		*(uint64_t *)slot = v.u64;
	return 0;
}

static int opt_store(const struct verb *verb, const struct opt *o, const char *text, struct err *e)
{
	void *slot = (char *)verb->values + o->offset;
	struct opt_list *list = slot;

	if (is_number(o->kind))
		return number_store(o, text, slot, e);
	if (o->kind == OPT_FLAG) {
		*(bool *)slot = true;
		return 0;
	}
	if (o->arg && strchr(o->arg, '|') && !is_choice(o->arg, text))
		return err_set(e, -EINVAL, "--%s %s: must be one of %s", o->name, text, o->arg);
	if (o->kind == OPT_STR) {
		*(const char **)slot = text;
		return 0;
	}
	list->v = array_grow(list->v, &list->cap, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = text;
	return 0;
}

static const struct opt *find(const struct verb *verb, const char *word, size_t n)
{
	for (const struct opt *o = verb->opts; o && o->name; o++)
		if (strlen(o->name) == n && !strncmp(o->name, word, n))
			return o;
	return NULL;
}

static const struct opt *find_key(const struct verb *verb, char key)
{
	for (const struct opt *o = verb->opts; o && o->name; o++)
		if (o->key == key)
			return o;
	return NULL;
}

/* One option at argv[*i]; advances *i over a separate argument. */
static int opt_one(const struct verb *verb, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i], *text = NULL;
	const struct opt *o;

	if (word[1] == '-') {
		size_t n = strcspn(word + 2, "=");

		o = find(verb, word + 2, n);
		if (o && word[2 + n])
			text = word + 3 + n;
	} else {
		o = find_key(verb, word[1]);
		if (o && word[2])
			text = word + 2;
	}
	if (!o)
		return err_set(e, -EINVAL, "unknown option %s; see: cotenant %s --help", word, verb->name);
	if (o->kind == OPT_FLAG)
		return text ? err_set(e, -EINVAL, "--%s takes no argument", o->name) : opt_store(verb, o, NULL, e);
	if (!text && *i + 1 >= argc)
		return err_set(e, -EINVAL, "--%s needs %s", o->name, o->arg ? o->arg : example(o->kind));
	if (!text)
		text = argv[++*i];
	return opt_store(verb, o, text, e);
}

static int count_check(const struct verb *verb, const struct operands *op, struct err *e)
{
	if (op->argc < verb->min_operands)
		return err_set(e, -EINVAL, "missing %s; see: cotenant %s --help", verb->operands, verb->name);
	if (verb->max_operands >= 0 && op->argc > verb->max_operands)
		return err_set(e, -EINVAL, "unexpected \"%s\"; see: cotenant %s --help", op->argv[verb->max_operands],
			       verb->name);
	return 0;
}

int opt_parse(const struct verb *verb, int argc, char **argv, struct operands *op, struct err *e)
{
	int err;

	*op = (struct operands){ .argv = argv };
	for (const struct opt *o = verb->opts; o && o->name; o++)
		if (o->def && (err = opt_store(verb, o, o->def, e)) < 0)
			return err;
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			op->rest = argv + i + 1;
			op->nrest = argc - i - 1;
			break;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return 1;
		if (argv[i][0] == '-' && argv[i][1]) {
			if ((err = opt_one(verb, argc, argv, &i, e)) < 0)
				return err;
		} else {
			argv[op->argc++] = argv[i];
		}
	}
	return count_check(verb, op, e);
}

void opt_help(const struct verb *verb, FILE *out)
{
	const char *kind, *help;

	fprintf(out, "usage: cotenant %s%s%s%s\n\n%s\n", verb->name, verb->opts ? " [OPTION…]" : "",
		verb->operands ? " " : "", verb->operands ? verb->operands : "", verb->summary);
	if (verb->details)
		fprintf(out, "\n%s\n", verb->details);
	for (size_t i = 0; verb->kind && (kind = verb->kind(i, &help)); i++)
		fprintf(out, "%s  %-12s %s\n", i ? "" : "\nkinds:\n", kind, help);
	if (verb->opts)
		fputs("\noptions:\n", out);
	for (const struct opt *o = verb->opts; o && o->name; o++) {
		char head[80], key[8] = "    ";

		if (o->key)
			snprintf(key, sizeof(key), "-%c, ", o->key);
		snprintf(head, sizeof(head), "%s--%s%s%s", key, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		if (strlen(head) > HEAD_WIDTH) {
			fprintf(out, "  %s\n", head);
			head[0] = '\0';
		}
		fprintf(out, "  %-*s %s", HEAD_WIDTH, head, o->help);
		if (o->def)
			fprintf(out, " (default %s)", o->def);
		fputc('\n', out);
	}
}

void opt_man(const struct verb *verb, FILE *out)
{
	const char *kind, *help;

	fprintf(out, ".SS \"%s%s%s\"\n%s.\n", verb->name, verb->operands ? " " : "", verb->operands ? verb->operands : "",
		verb->summary);
	if (verb->details)
		fprintf(out, ".PP\n%s\n", verb->details);
	for (size_t i = 0; verb->kind && (kind = verb->kind(i, &help)); i++)
		fprintf(out, ".TP\n\\fB%s\\fR\n%s.\n", kind, help);
	for (const struct opt *o = verb->opts; o && o->name; o++) {
		fputs(".TP\n", out);
		if (o->key)
			fprintf(out, "\\fB\\-%c\\fR, ", o->key);
		fprintf(out, "\\fB\\-\\-%s\\fR", o->name);
		if (o->arg)
			fprintf(out, " \\fI%s\\fR", o->arg);
		fprintf(out, "\n%s", o->help);
		if (o->def)
			fprintf(out, " (default %s)", o->def);
		fputs(".\n", out);
	}
}

void opt_check(const struct verb *verb)
{
	for (const struct opt *o = verb->opts; o && o->name; o++) {
		struct err e = { 0 };
		double scratch[4] = { 0 };

		assert(o->help && *o->help);
		assert(o->kind == OPT_FLAG || o->arg);
		assert(find(verb, o->name, strlen(o->name)) == o);
		assert(!o->key || find_key(verb, o->key) == o);
		if (o->def && is_number(o->kind))
			assert(!number_store(o, o->def, scratch, &e));
		assert(!o->def || o->kind != OPT_STR || !strchr(o->arg, '|') || is_choice(o->arg, o->def));
	}
}
