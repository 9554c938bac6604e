/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of the benchmarks: what the runner left in a folder, checked and
 * sorted. ../README.rst says what is in each file.
 */
#ifndef _DATA_H
#define _DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_PEERS	16
/* What everything is compared for, and what maps and unmaps for comparison */
#define OURS		"subdev"
#define DIRECT		"direct"
/* Shows what the hardware and its driver cost; not something to use instead */
#define FLOOR		"floor"

/* How a program ends */
enum { PASSED, FAILED, BAD_INPUT, NOT_COMPARED };

enum unit { INSTRUCTIONS, CYCLES, NS, NR_UNITS };
extern const char * const unit_names[NR_UNITS];

/* Also the order in which they are shown */
enum op {
	CREATE, DESTROY, CREATE_NEWEST, DESTROY_NEWEST, CREATE_SHUFFLED,
	DESTROY_SHUFFLED, MAP, UNMAP, MAP_SG, UNMAP_SG, ALLOC, FREE,
	SYNC_DEVICE, SYNC_CPU, NR_OPS
};
extern const char * const op_names[NR_OPS];

/* Creates or destroys a context, in one of the orders of destroying them */
static inline bool is_life(enum op op)
{
	return op < MAP;
}

/* The op that undoes this one; NR_OPS when there is none */
enum op op_inverse(enum op op);

enum mode { STRICT, LAZY, NR_MODES };
extern const char * const mode_names[NR_MODES];

/* Which of the key a baseline has to have in common with a run, the first */
enum key { KERNEL, COMPILER, CONFIG, MACHINE, NR_KEY };
extern const char * const key_names[NR_KEY];

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

/* A size is in bytes, and 0 for what has none */
struct test {
	enum op op;
	unsigned long size;
};

/* What is measured: a test of a peer, at a number of live contexts */
struct id {
	unsigned int peer;
	struct test test;
	unsigned int contexts, threads;
	enum mode mode;
};

struct metric {
	struct id of;
	/* Its samples in run.samples; those in no figure come after them */
	size_t first, n, warmup, interrupted;
	struct stats stats[NR_UNITS];
};

struct sample {
	struct id of;
	unsigned int context, nr;
	enum why { COUNTS, WARMUP, INTERRUPTED } why;
	/* -1: there is no such counter */
	int64_t value[NR_UNITS];
};

struct peer {
	char *name, *note;
	bool isolated;
};

struct memory {
	unsigned int peer, contexts;
	int64_t slab, page, percpu;
};

/* Distinct values, sorted */
struct setup {
	enum mode mode;
	unsigned int threads;
};

struct run {
	const char *dir;
	char *key[NR_KEY];
	/* The whole file, also what it says beyond that */
	char *key_text;
	struct peer peers[MAX_PEERS];
	unsigned int nr_peers, ours;
	struct sample *samples;
	struct metric *metrics;
	struct memory *memory;
	struct test *tests;
	struct setup *setups;
	unsigned int *counts;
	size_t nr_samples, nr_metrics, nr_memory, nr_warmup, nr_interrupted;
	size_t nr_tests, nr_setups, nr_counts;
};

/* Ends with BAD_INPUT and says why */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Room for one more than N at ARRAY, which is returned; N counts it */
void *grow(void *array, size_t *n, size_t size);
char *copy(const char *text);
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
FILE *create_file(const char *path);
void close_file(FILE *file, const char *path);
/* NULL when there is none, and when it is not there */
char *read_text(const char *path);

/*
 * A file of lines with FIELDS comma-separated fields, the last of which may
 * have commas when REST is set. Dies on a line that is not like that. Before
 * the header there can be comments.
 */
struct csv {
	const char *path;
	FILE *file;
	char *line, **field;
	size_t room, nr;
	unsigned int fields;
	bool rest;
};

/* False when the file is not there */
bool csv_open(struct csv *csv, const char *path, const char *header, bool rest);
bool csv_next(struct csv *csv);
/* An optional number that is not there is -1 */
int64_t csv_number(struct csv *csv, unsigned int field, bool optional);
void csv_die(struct csv *csv, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
unsigned int csv_word(struct csv *csv, unsigned int field,
		      const char * const *words, unsigned int n);

/* Dies when DIR/key is not there, or does not have all of the key */
void load_key(const char *dir, char **key, char **text);
void run_load(struct run *run, const char *dir);
const struct metric *find_metric(const struct run *run, unsigned int peer,
				 struct test test, unsigned int contexts,
				 struct setup setup);
unsigned int find_peer(const struct run *run, const char *name);
/* Isolated, and something that a driver could use in place of ours */
bool is_rival(const struct run *run, unsigned int peer);
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

/* "map 4 KiB"; the buffer is static, one of four */
const char *test_name(struct test test);
const char *size_name(unsigned long size);

/* The profile of an op: who the instructions were spent by */
struct function {
	char *name;
	/* Of all samples, in percent */
	double self, inclusive;
};

struct profile {
	struct function *functions;
	size_t nr;
	uint64_t samples;
};

/* False when there is none; the largest share comes first */
bool profile_load(struct profile *p, const struct run *run, unsigned int peer,
		  enum op op);
double profile_self(const struct profile *p, const char *name);
void profile_free(struct profile *p);

#endif /* _DATA_H */
