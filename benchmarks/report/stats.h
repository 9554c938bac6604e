/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _STATS_H
#define _STATS_H

#include "data.h"

struct stats {
	size_t n;
	int64_t p50, p90, p99, max;
	/*
	 * The mean of the middle half. As little as the p50 does it care for a few
	 * that are far out, and it does not jump from one of two values that are
	 * both common to the other when an interrupt took one sample away.
	 */
	double mid;
	double mean;
};

struct metric {
	struct id of;
	/* Its samples in run.samples; those in no figure come after them */
	size_t first, n, warmup, interrupted;
	/* An interrupt hit most of them, as it takes about a tick or more: all count */
	bool hit;
	struct stats stats[NR_UNITS];
};

void run_load(struct run *run, const char *dir);
const struct metric *find_metric(const struct run *run, unsigned int peer,
				 struct test test, unsigned int contexts,
				 struct setup setup);
/* NULL when it was not measured in that unit */
const struct stats *find_stats(const struct run *run, unsigned int peer,
			       struct test test, unsigned int contexts,
			       struct setup setup, enum unit unit);
bool has_setup(const struct run *run, unsigned int peer, struct setup setup,
	       enum unit unit);
/* The number of contexts that a setup is shown for: the most that ours has */
unsigned int shown_count(const struct run *run, struct setup setup);
/* Isolated, and something that a driver could use in place of ours */
bool is_rival(const struct run *run, unsigned int peer);
/* A rival with the switches of ours that a driver can set by itself: host1x-lean */
bool is_lean(const struct run *run, unsigned int peer);
/* A rival as it was merged or posted, without switches of ours */
bool is_posted(const struct run *run, unsigned int peer);
/* p50, or mid, of an op and of the one that undoes it; -1 when one is missing */
double pair_mid(const struct run *run, unsigned int peer, struct test test,
		unsigned int contexts, struct setup setup, enum unit unit);
int64_t pair_p50(const struct run *run, unsigned int peer, struct test test,
		 unsigned int contexts, struct setup setup, enum unit unit);
/* Those of one context; N is left as it was when it has none */
size_t context_samples(const struct run *run, const struct metric *m,
		       size_t from, unsigned int *context);
struct stats stats_of(const struct sample *samples, size_t n, enum unit unit);
/* The first unit that our samples have */
enum unit main_unit(const struct run *run);
/* Those of N samples that have one, for the caller to free */
int64_t *sorted_values(const struct sample *samples, size_t n, enum unit unit,
		       size_t *nr);
int64_t memory_bytes(const struct memory *m);
/* That of a metric which a baseline has as well */
double kept(const struct metric *m, unsigned int k);

/* A figure of a peer at one number of contexts, and what it was */
struct move {
	const struct metric *m;
	double was, is, ratio;
};

/*
 * How far figure K of a peer moved since the baseline at each number of contexts,
 * the farthest up last. TOGETHER: in each order of create.
 */
struct move *find_moves(const struct run *run, const struct baseline *base,
			unsigned int peer, struct test test, struct setup setup,
			unsigned int k, bool together, size_t *nr);
/* The median; 1 when there is none */
double middle(const struct move *moves, size_t nr);

#endif /* _STATS_H */
