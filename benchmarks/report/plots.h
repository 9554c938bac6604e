/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _PLOTS_H
#define _PLOTS_H

#include "data.h"

char *plot_name(const char *kind, struct test test, struct setup setup);
/* What gnuplot has to do, in DIR/plots.gp */
void write_plots(const struct run *run, enum unit unit);

#endif /* _PLOTS_H */
