/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _PAGE_H
#define _PAGE_H

#include "data.h"

/* DIR/report.html, from the SVGs that are there; BASE is NULL without a baseline */
void write_page(const struct run *run, const struct baseline *base,
		enum unit unit);

#endif /* _PAGE_H */
