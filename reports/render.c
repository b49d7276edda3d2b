/*
 * The table of formats.
 */
#include "reports/render.h"

const struct renderer renderers[] = {
	{ "text", "aligned tables for the terminal", render_text },
	{ "html", "one self-contained page", render_html },
	{ "json", "every table with units, for programs", render_json },
	{ "csv", "RFC 4180: one table with --table, else all tables cell by cell", render_csv },
	{ 0 }
};
