/* Campaign files and sessions, damaged (tests/base/mutate.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "collector/campaign.h"
#include "collector/profile.h"
#include "tests/base/mutate.h"

#define SESSION "datasets/sessions/redis-writer-batch.db"
#define SESSION_MOST (64u << 20)

static int read_campaign(char *const *paths, int n, struct err *e)
{
	struct campaign *c = campaign_read(paths[0], e);

	(void)n;
	campaign_free(c);
	return c ? 0 : e->code ? e->code : -EINVAL;
}

static int read_session(char *const *paths, int n, struct err *e)
{
	struct session *s = session_read(paths[0], e);

	(void)n;
	session_free(s);
	return s ? 0 : e->code ? e->code : -EINVAL;
}

static void campaigns(void **state)
{
	static const struct parser p = {
		.name = "campaign", .file = { "c.json" }, .read = read_campaign,
		.text = { "{\"name\":\"t\",\"node_type\":\"small\",\"seed\":1,\"warmup_s\":1,\"measure_s\":5,\"min_repeats\":2,\"max_repeats\":3,\"precision_ratio\":0.04,"
		"\"max_external_ratio\":0.15,\"budget_s\":4200,\"services\":[{\"id\":\"a\",\"start\":[\"sleep\",\"9\"],\"ready\":[\"true\"],\"prepare\":[\"true\"],\"load\":[\"echo\",\"1\"],"
		"\"truth\":[{\"metric\":\"throughput\",\"pattern\":\"rate=([0-9.]+)\"},{\"metric\":\"latency_p99\",\"pattern\":\"p99=([0-9]+)\"}]},"
		"{\"id\":\"b\",\"load\":[\"echo\"],\"truth\":{\"metric\":\"time\",\"pattern\":\"(.*)\"}}],"
		"\"runs\":{\"pairs\":true,\"groups\":[[\"a\",\"b\"]],\"random_triples\":2,\"press\":[{\"kind\":\"cpu\",\"levels\":[30,60],\"workers\":2,\"cpus\":\"0,2-3\",\"services\":[\"a\"]}]}}" },
	};

	(void)state;
	parser_fuzz(&p);
}

static void sessions(void **state)
{
	struct parser p = { .name = "session", .file = { "s.db" }, .read = read_session, .rounds = 60 };
	struct err e = { 0 };
	char *text;

	(void)state;
	if (file_read(SESSION, SESSION_MOST, &text, &p.size[0], &e) < 0)
		fail_msg("%s", e.text);
	p.text[0] = text;
	parser_fuzz(&p);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(campaigns), cmocka_unit_test(sessions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
