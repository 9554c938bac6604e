// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "table.h"

#define MAX_WIDTH	76

struct table table(unsigned int columns, unsigned int words, char *title,
		   char *note)
{
	return (struct table){
		.title = title, .note = note, .columns = columns, .words = words,
	};
}

void cell(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	t->cells = grow(t->cells, &t->nr, sizeof(*t->cells));
	t->cells[t->nr - 1] = text;
}

void no_cell(struct table *t)
{
	cell(t, "-");
}

/* The last column, in lines that begin where it does */
static void wrap(FILE *out, const char *text, unsigned int indent)
{
	while (strlen(text) > MAX_WIDTH) {
		size_t len = MAX_WIDTH;

		while (len && text[len] != ' ')
			len--;
		if (!len)
			break;
		fprintf(out, "%.*s\n%*s", (int)len, text, indent, "");
		text += len + 1;
	}
	fprintf(out, "%s\n", text);
}

void table_text(struct table *t, FILE *out)
{
	unsigned int *width = calloc(t->columns, sizeof(*width)), indent = 0;

	if (!width)
		die("out of memory");
	for (size_t i = 0; i < t->nr; i++)
		if (strlen(t->cells[i]) > width[i % t->columns])
			width[i % t->columns] = strlen(t->cells[i]);
	for (unsigned int i = 0; i < t->columns - 1; i++)
		indent += width[i] + 2;

	fprintf(out, "%s\n\n", t->title);
	for (size_t i = 0; i < t->nr; i++) {
		unsigned int column = i % t->columns;
		bool last = column == t->columns - 1;
		int pad = width[column];
		char *second = strchr(t->cells[i], '\n');

		if (second)
			*second = ' ';
		fprintf(out, "  ");
		if (column < t->words && last)
			wrap(out, t->cells[i], indent + 2);
		else
			fprintf(out, "%*s%s", column < t->words ? -pad : pad,
				t->cells[i], last ? "\n" : "");
	}
	if (t->note)
		fprintf(out, "\n%s\n", t->note);
	fprintf(out, "\n");
	free(width);
}

void html(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

void table_html(struct table *t, FILE *out)
{
	fprintf(out, "<figure class=table><figcaption>");
	html(out, t->title);
	fprintf(out, "</figcaption><div class=scroll><table>\n");
	for (size_t i = 0; i < t->nr; i++) {
		unsigned int column = i % t->columns;
		char *second;

		if (!column)
			fprintf(out, i ? "<tr>" : "<thead><tr>");
		fprintf(out, "<%s%s>", i < t->columns ? "th" : "td",
			column < t->words ? " class=w" : "");
		second = strchr(t->cells[i], '\n');
		if (second)
			*second = 0;
		html(out, t->cells[i]);
		if (second) {
			fprintf(out, "<br>");
			html(out, second + 1);
			*second = '\n';
		}
		if (column == t->columns - 1)
			fprintf(out, i < t->columns ? "</thead>\n" : "\n");
	}
	fprintf(out, "</table></div>");
	if (t->note) {
		fprintf(out, "<p>");
		html(out, t->note);
	}
	fprintf(out, "</figure>\n");
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->title);
	free(t->note);
}
