/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of the benchmarks: what the runner left in a folder, checked and
 * sorted. ../README.rst says what is in each file.
 */
#ifndef _DATA_H
#define _DATA_H

#include "file.h"

#define MAX_PEERS	16
/* What everything is compared for, and what maps and unmaps for comparison */
#define OURS		"subdev"
#define DIRECT		"direct"
/* Shows what the hardware and its driver cost; not something to use instead */
#define FLOOR		"floor"
/* Ours as well, for other devices */
#define PASID		"subdev-pasid"

enum unit { INSTRUCTIONS, CYCLES, NS, NR_UNITS };
extern const char * const unit_names[NR_UNITS];

/* Also the order in which they are shown */
enum op {
	CREATE, DESTROY, CREATE_NEWEST, DESTROY_NEWEST, CREATE_SHUFFLED,
	DESTROY_SHUFFLED, CREATE_USED, DESTROY_USED, CREATE_MAP, UNMAP_DESTROY,
	MAP_FIRST, UNMAP_FIRST, MAP, UNMAP, MAP_SG, UNMAP_SG, MAP_PIECES,
	UNMAP_PIECES, MAP_PAGES, UNMAP_PAGES, ALLOC, FREE, ALLOC_VIDEO, FREE_VIDEO,
	IMPORT, RELEASE, SYNC_DEVICE, SYNC_CPU, RESET, NR_OPS
};
extern const char * const op_names[NR_OPS];

/* Creates or destroys a context */
static inline bool is_life(enum op op)
{
	return op < MAP_FIRST;
}

/* Takes longer than a tick: of a buffer of video */
static inline bool is_long(enum op op)
{
	return (op >= MAP_PIECES && op <= UNMAP_PAGES) ||
	       (op >= ALLOC_VIDEO && op <= RELEASE);
}

/* Of a context that has mapped, or maps for the first time */
static inline bool is_used(enum op op)
{
	return (op >= CREATE_USED && op <= UNMAP_FIRST) || op == RESET;
}

/*
 * Creates a context, in one of the orders of destroying them: what that costs is up to
 * the slabs
 */
static inline bool is_create(enum op op)
{
	return op < CREATE_USED && op % 2 == 0;
}

/* The op that undoes this one; NR_OPS when there is none */
enum op op_inverse(enum op op);

enum mode { STRICT, LAZY, NR_MODES };
extern const char * const mode_names[NR_MODES];

/* Which of the key a baseline has to have in common with a run, the first */
enum key { KERNEL, COMPILER, CONFIG, MACHINE, NR_KEY };
extern const char * const key_names[NR_KEY];

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

struct sample {
	struct id of;
	unsigned int context, nr;
	enum why { COUNTS, WARMUP, INTERRUPTED } why;
	/* -1: there is no such counter */
	int64_t value[NR_UNITS];
};

/*
 * LIKE is the peer that this one was made from, and WITH what this one has that the
 * other has not; MAX_PEERS for one that is as it was merged or posted. A step is only
 * there to show what its switch is worth.
 */
struct peer {
	char *name, *with, *note;
	unsigned int like;
	bool isolated, step;
};

/* After so many mappings that were alive at once, and are gone */
struct memory {
	unsigned int peer, contexts, maps;
	int64_t slab, page, percpu;
};

/* What an operation has the IOMMU do, by kind of command */
enum command { SYNC, CFGI, TLBI, PREFETCH, OTHER, NR_COMMANDS };
extern const char * const command_names[NR_COMMANDS];

struct commands {
	/* Of the peers of the run; a baseline has the name alone */
	char *peer;
	struct id of;
	unsigned int n[NR_COMMANDS];
};

struct setup {
	enum mode mode;
	unsigned int threads;
};

/* stats.h has what is computed: the metrics, and the distinct values of them */
struct metric;

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
	struct commands *commands;
	struct test *tests;
	struct setup *setups;
	unsigned int *counts;
	size_t nr_samples, nr_metrics, nr_memory, nr_commands, nr_warmup, nr_interrupted;
	size_t nr_tests, nr_setups, nr_counts;
};

/* Dies when DIR/key is not there, or does not have all of the key */
void load_key(const char *dir, char **key, char **text);
/* All but the metrics, which are computed, and what is sorted of them */
void read_run(struct run *run, const char *dir);
unsigned int find_peer(const struct run *run, const char *name);
/* What the runner could not measure, or NULL */
char *skipped_text(const struct run *run);
/* Those of DIR/commands.csv; none is no error */
struct commands *load_commands(const char *dir, size_t *nr);
/* At any number of contexts if that is 0; NULL when there are none */
const struct commands *find_commands(const struct commands *commands, size_t nr,
				     const char *peer, const struct id *of);
/* The order of the samples */
int by_id(const struct id *a, const struct id *b);

/* "map 4 KiB"; the buffer is static, one of four */
const char *test_name(struct test test);
const char *size_name(unsigned long size);
/* "39,691"; the buffer is static, one of eight */
const char *figure(double value, unsigned int decimals);
/* "+1.5 %": how much more A is than B; the same */
const char *percent(double a, double b, unsigned int decimals);
char *setup_name(struct setup setup);

/* The profile of an op: who the instructions were spent by */
struct function {
	char *name;
	/* Of all samples, in percent */
	double self, inclusive;
};

/*
 * A subsystem's inclusive share has the locks, the allocations and the like that it
 * calls: a helper counts for the innermost subsystem that it was called by.
 */
struct profile {
	struct function *functions, *subsystems;
	/* Which function calls which; the names are those of the functions */
	struct call { const char *caller, *callee; } *calls;
	size_t nr, nr_subsystems, nr_calls;
	uint64_t samples;
};

/* False when there is none; the largest share comes first */
bool profile_load(struct profile *p, const struct run *run, unsigned int peer,
		  enum op op);
/* Does one of them call the other? */
bool profile_calls(const struct profile *p, const struct function *a,
		   const struct function *b);
void profile_free(struct profile *p);

/* What a baseline has of a metric: [0] mid, [1] mean, [2] p90 */
#define NR_KEPT		3
extern const char * const kept_names[NR_KEPT];

struct base_metric {
	char *peer;
	struct id of;
	double kept[NR_KEPT];
};

struct base_function {
	enum op op;
	char *name;
	double self;
};

struct baseline {
	struct base_metric *metrics;
	struct base_function *functions;
	struct commands *commands;
	size_t nr_metrics, nr_functions, nr_commands;
};

#define COMMANDS_HEADER	"peer,op,size,contexts,mode,sync,cfgi,tlbi,prefetch,other"
#define METRICS_HEADER	"peer,op,size,contexts,mode,mid,mean,p90"
#define FUNCTIONS_HEADER "op,function,self_percent"

/* The folder in ROOT that has the key of the run, or NULL and why not */
char *find_baseline(const struct run *run, const char *root, char **why);
void load_baseline(struct baseline *base, const char *dir);
const struct base_metric *find_base(const struct baseline *base,
				    const char *peer, const struct id *of);

#endif /* _DATA_H */
