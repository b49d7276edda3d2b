/*
 * One self-contained page: no network, no framework, light and dark, prints. Layout: headline tiles, findings, sections; a section shows its
 * charts, and the numbers of each stand in a table below it.
 */
#include "reports/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"
#include "reports/html/html.h"

#define OPEN_ROWS 14 /* a longer table scrolls in its own box */

static void tagged(FILE *out, const char *open, const char *text, const char *close)
{
	fputs(open, out);
	write_html(out, text);
	fputs(close, out);
}

static void cell(FILE *out, const struct cell *c, enum unit u)
{
	char buf[64];

	if (c->kind == CELL_TEXT)
		fputs("<td>", out);
	else if (c->kind == CELL_ABSENT)
		fputs("<td class=\"na\">", out);
	else
		fprintf(out, "<td class=\"n\" data-v=\"%.6g\">", cell_number(c));
	write_html(out, cell_show(c, u, buf, sizeof(buf)));
	fputs("</td>", out);
}

static void table(FILE *out, const struct table *t, bool folded)
{
	size_t n = table_rows(t);

	if (!n)
		return;
	if (folded || n > 4 * OPEN_ROWS) {
		tagged(out, "<details><summary>", t->title, "");
		fprintf(out, " (%zu %s)</summary>\n", n, n == 1 ? "row" : "rows");
	} else {
		folded = false;
		tagged(out, "<p class=\"tcap\"><b>", t->title, "</b></p>");
	}
	fprintf(out, "<div class=\"scroll%s\"><table class=\"t\"><thead><tr>", n > OPEN_ROWS ? " tall" : "");
	for (size_t c = 0; c < t->n_columns; c++) {
		fputs(t->columns[c].unit == UNIT_TEXT ? "<th scope=\"col\"" : "<th scope=\"col\" class=\"n\"", out);
		if (t->columns[c].help)
			tagged(out, " title=\"", t->columns[c].help, "\"");
		tagged(out, ">", t->columns[c].title, "</th>");
	}
	fputs("</tr></thead><tbody>\n", out);
	for (size_t r = 0; r < n; r++) {
		fputs("<tr>", out);
		for (size_t c = 0; c < t->n_columns; c++)
			cell(out, table_cell(t, r, c), t->columns[c].unit);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>", out);
	if (t->note)
		tagged(out, "<p class=\"dim\">", t->note, "</p>");
	tagged(out, "<p class=\"src\">Source: ", t->source, "</p>");
	fputs(folded || n > 4 * OPEN_ROWS ? "</details>\n" : "\n", out);
}

static bool is_shown(const struct doc_section *s)
{
	for (size_t i = 0; i < s->n_blocks; i++)
		if (!s->blocks[i].table || !s->blocks[i].table->raw)
			return true;
	return false;
}

static void section(FILE *out, const struct doc_section *s)
{
	fprintf(out, "<section id=\"%s\">", s->name);
	tagged(out, "<h2>", s->title, "</h2>\n");
	tagged(out, "<p class=\"dim\">", s->help, "</p>\n");
	for (size_t i = 0; i < s->n_blocks; i++) {
		const struct block *b = &s->blocks[i];

		if (b->kind == BLOCK_CHART)
			html_chart(out, &b->chart);
		else if (b->kind == BLOCK_TEXT)
			tagged(out, "<p>", b->text, "</p>\n");
		else if (!b->table->raw)
			table(out, b->table, b->folded);
	}
	fputs("</section>\n", out);
}

static void headline(FILE *out, const struct doc *d)
{
	static const char *const tones[] = { "info", "warn", "bad" };

	fputs("<div class=\"tiles\">", out);
	for (size_t i = 0; i < d->n_tiles; i++) {
		tagged(out, "<div class=\"tile\" title=\"", d->tiles[i].source, "\">");
		tagged(out, "<span class=\"l\">", d->tiles[i].label, "</span>");
		tagged(out, "<b>", d->tiles[i].value, "</b>");
		tagged(out, "<span>", d->tiles[i].detail, "</span></div>\n");
	}
	fputs("</div>\n", out);
	if (!d->n_findings)
		return;
	fputs("<ul class=\"finds\">", out);
	for (size_t i = 0; i < d->n_findings && i < 12; i++) {
		fprintf(out, "<li class=\"%s\">", tones[d->findings[i].tone]);
		write_html(out, d->findings[i].text);
		tagged(out, " <span class=\"src\">", d->findings[i].source, "</span></li>\n");
	}
	fputs("</ul>\n", out);
}

/* One paragraph per line. */
static void subtitle(FILE *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = str_fmt("%.*s", (int)n, text);

		tagged(out, "<p class=\"sub\">", line, "</p>\n");
		free(line);
		text += n + (text[n] == '\n');
	}
}

void render_html(const struct doc *d, const struct render_options *o, FILE *out)
{
	(void)o;
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline'\">\n", out);
	tagged(out, "<title>", d->title, "</title>");
	fprintf(out, "<style>%s</style></head>\n<body><header>", html_style);
	tagged(out, "<h1>", d->title, "</h1>");
	subtitle(out, d->subtitle);
	fputs("<nav aria-label=\"sections\">", out);
	for (size_t i = 0; i < d->n_sections; i++)
		if (is_shown(&d->sections[i])) {
			fprintf(out, "<a href=\"#%s\">", d->sections[i].name);
			write_html(out, d->sections[i].title);
			fputs("</a>", out);
		}
	fputs("</nav>\n</header><main>\n", out);
	headline(out, d);
	for (size_t i = 0; i < d->n_sections; i++)
		if (is_shown(&d->sections[i]))
			section(out, &d->sections[i]);
	fputs("</main><footer>Made by cotenant. Every number names the file it comes from; n/a means not measured, which is not zero. "
	      "The same tables: cotenant report --format json|csv.</footer>\n", out);
	fprintf(out, "<script>%s</script></body></html>\n", html_script);
}
