/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _REPORT_H
#define _REPORT_H

#include "data.h"
#include "table.h"

/* Shows a table and frees it */
typedef void show_fn(struct table *t, FILE *out);

/* What a driver would look at first: few figures, and the ratios */
void show_overview(const struct run *run, struct setup setup, enum unit unit,
		   show_fn *show, FILE *out);
void show_memory(const struct run *run, show_fn *show, FILE *out);
void show_peers(const struct run *run, show_fn *show, FILE *out);
void show_trace(const struct run *run, show_fn *show, FILE *out);
/* What the runner could not measure, or NULL */
char *skipped_text(const struct run *run);
/* Everything of one unit, for each number of contexts, or for each context */
void show_all(const struct run *run, enum unit unit, bool each, show_fn *show,
	      FILE *out);

/* The number of contexts that a setup is shown for: the most that ours has */
unsigned int shown_count(const struct run *run, struct setup setup);
/* How many samples there are, and what a percentile is */
void write_counts(const struct run *run, FILE *out);
char *setup_name(struct setup setup);

/* plots.c: what gnuplot has to do, in DIR/plots.gp */
char *plot_name(const char *kind, struct test test, struct setup setup);
void write_plots(const struct run *run, enum unit unit);
/* page.c: DIR/report.html, from the SVGs that are there */
void write_page(const struct run *run, enum unit unit);

#endif /* _REPORT_H */
