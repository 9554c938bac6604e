/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _TABLES_H
#define _TABLES_H

#include "data.h"
#include "table.h"

/* Shows a table; it is freed afterwards */
typedef void show_fn(struct table *t, FILE *out);

/* What a driver would look at first. Without a baseline BASE is NULL. */
void show_overview(const struct run *run, const struct baseline *base,
		   struct setup setup, enum unit unit, show_fn *show, FILE *out);
/* What each operation has the IOMMU do, ours beside the peers */
void show_commands(const struct run *run, show_fn *show, FILE *out);
/* What each switch that makes one peer of another is worth */
void show_switches(const struct run *run, enum unit unit, show_fn *show, FILE *out);
void show_memory(const struct run *run, show_fn *show, FILE *out);
void show_peers(const struct run *run, show_fn *show, FILE *out);
void show_trace(const struct run *run, show_fn *show, FILE *out);
/* Everything of one unit, for each number of contexts, or for each context */
void show_all(const struct run *run, enum unit unit, bool each, show_fn *show,
	      FILE *out);
/* How many samples there are, and what a percentile is */
void write_counts(const struct run *run, FILE *out);

#endif /* _TABLES_H */
