/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table is made once, and shown on the terminal and in the page
 */
#ifndef _TABLE_H
#define _TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
	char *title, *note;
	/* The first ones are words and the others figures */
	unsigned int columns, words;
	/* The first row is the header */
	char **cells;
	size_t nr;
};

struct table table(unsigned int columns, unsigned int words, char *title,
		   char *note);
/* Cells are filled in row by row. A line break in one is a blank in the text. */
void cell(struct table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void no_cell(struct table *t);
void table_text(struct table *t, FILE *out);
void table_html(struct table *t, FILE *out);
void table_free(struct table *t);
void html(FILE *out, const char *text);

#endif /* _TABLE_H */
