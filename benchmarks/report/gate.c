// SPDX-License-Identifier: GPL-2.0-only
/*
 * gate DIR: is this run worse than the baseline of the same kernel, compiler,
 * configuration and machine, or than its own peers? ../README.rst says how it
 * decides, and ../limits has the figures.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stats.h"

static const char usage[] =
	"usage: gate [OPTION...] DIR, a folder with the results of a run\n"
	"  --baseline=PATH  the folder of the baselines; by default benchmarks/baseline\n"
	"  --limits=FILE    the limits; by default benchmarks/limits\n"
	"  --partial        do not fail for what the run did not measure\n"
	"  --renew          make this run the baseline, and print what changed";

#define SPDX		"# SPDX-License-Identifier: GPL-2.0-only\n"

/* Below this part of the samples a function is not kept */
#define SMALLEST_SHARE	0.02
/* Of the operations that have a size this one is profiled */
#define PROFILED_SIZE	4096
/* How many of the functions that grew are named */
#define MAX_NAMED	5

enum limit {
	CREATE_DESTROY, LEAN, POSTED, USED, POSTED_USED, MAP_UNMAP, MAP_NEW, LOCKED,
	RESET_COST, SCALE, MEMORY, MEMORY_USED,
	WORSE_MID, WORSE_MEAN, WORSE_P90, WORSE_ORDER, WORSE_USED, WORSE_LONG, WORSE_ONE,
	NR_LIMITS
};

static const char * const limit_names[] = {
	"create-destroy", "lean", "posted", "used", "posted-used", "map-unmap", "map-new",
	"locked", "reset", "scale", "memory", "memory-used", "worse-mid", "worse-mean",
	"worse-p90", "worse-order", "worse-used", "worse-long", "worse-one",
};

static double limits[NR_LIMITS];

enum result { PASS, FAIL, SKIP };
static const char * const result_names[] = { "pass", "fail", "skip" };

struct verdict {
	char *name, *why;
	enum result result;
	/* -1: nothing was measured */
	int64_t figure;
	const char *unit;
};

static struct verdict *verdicts;
static size_t nr_verdicts;

static void verdict(char *name, enum result result, int64_t figure,
		    const char *unit, char *why)
{
	struct verdict *v;

	verdicts = grow(verdicts, &nr_verdicts, sizeof(*verdicts));
	v = &verdicts[nr_verdicts - 1];
	*v = (struct verdict){ name, why, result, figure, unit };
}

/* "baseline-map-4096-lazy": no blanks, LAVA wants none */
static char *case_name(const char *what, const char *ops, unsigned long size,
		       struct setup setup)
{
	char bytes[24] = "";

	if (size)
		snprintf(bytes, sizeof(bytes), "-%lu", size);
	return format("%s-%s%s-%s", what, ops, bytes, mode_names[setup.mode]);
}

static void load_limits(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, name[32];
	size_t room = 0, nr = 0;
	double limit;
	char end;

	if (!file)
		die("cannot read the limits %s: %s", path, strerror(errno));
	while (getline(&line, &room, file) >= 0) {
		unsigned int i;

		nr++;
		if (*line == '#' || *line == '\n')
			continue;
		if (sscanf(line, "%31s %lf %c", name, &limit, &end) != 2 ||
		    limit <= 0)
			die("%s:%zu: not a name and a limit", path, nr);
		for (i = 0; i < NR_LIMITS; i++)
			if (!strcmp(name, limit_names[i]))
				break;
		if (i == NR_LIMITS)
			die("%s:%zu: there is no limit '%s'", path, nr, name);
		limits[i] = limit;
	}
	free(line);
	fclose(file);
	for (unsigned int i = 0; i < NR_LIMITS; i++)
		if (limits[i] == 0)
			die("%s has no limit '%s'", path, limit_names[i]);
}

/* What figure K of an op is allowed; of create, of all orders TOGETHER or of one */
static double worse_limit(enum op op, unsigned int k, bool together)
{
	if (is_long(op) && k)
		return limits[WORSE_LONG];
	if (op == ALLOC || op == FREE || is_used(op) || is_long(op))
		return limits[WORSE_USED];
	if (is_create(op) && !together)
		return limits[WORSE_ORDER];
	return limits[WORSE_MID + k];
}

/* The context in which it is highest, and how high */
static double worst_context(const struct run *run, const struct metric *m,
			    unsigned int k, unsigned int *worst)
{
	unsigned int context;
	double high = -1;
	size_t n;

	*worst = 0;
	for (size_t from = 0; (n = context_samples(run, m, from, &context)); from += n) {
		struct metric one = { };

		one.stats[INSTRUCTIONS] = stats_of(&run->samples[m->first + from],
						   n, INSTRUCTIONS);
		if (kept(&one, k) > high) {
			high = kept(&one, k);
			*worst = context;
		}
	}
	return high;
}

/*
 * Is the share that was F's inclusive another one now, or is it how the samples
 * fell? Four standard deviations of the difference of two such shares: they are
 * not quite independent, so three are exceeded now and then.
 */
static bool by_more_than_chance(const struct function *f, uint64_t samples)
{
	double by = (f->self - f->inclusive) / 100;
	double share = (f->self + f->inclusive) / 200;

	return by * by > 16 * 2 * share * (1 - share) / samples;
}

/*
 * With another layout of code the samples of a function fall on one that it calls,
 * or that calls it: what one of the two lost is no growth of the other. GREW is in
 * the order of the functions.
 */
static void set_off(const struct profile *p, double *grew)
{
	for (size_t j = 0; j < p->nr; j++) {
		const struct function *f = &p->functions[j];

		if (f->self > f->inclusive || !by_more_than_chance(f, p->samples))
			continue;
		for (size_t i = 0; i < p->nr; i++) {
			double lost = -grew[j] < grew[i] ? -grew[j] : grew[i];

			if (lost > 0 && profile_calls(p, &p->functions[i], f)) {
				grew[i] -= lost;
				grew[j] += lost;
			}
		}
	}
}

/* The functions that an op now spends more in, those that grew most first */
static void name_functions(const struct run *run, const struct baseline *base,
			   struct test test, struct setup setup, char **why)
{
	enum op op = test.op;
	double was = 0, is = 0, *grew;
	struct profile p;
	bool named = false;
	struct move *moves;
	size_t nr;

	if (test.size && test.size != PROFILED_SIZE) {
		append(why, "no functions are named, only %s of %u bytes is profiled\n",
		       op_names[op], PROFILED_SIZE);
		return;
	}
	if (!profile_load(&p, run, run->ours, op)) {
		append(why, "the run has no profile of %s to name functions from\n",
		       op_names[op]);
		return;
	}
	/* The profile is of most contexts, and of all samples */
	moves = find_moves(run, base, run->ours, test, setup, 1, false, &nr);
	for (size_t i = 0, most = 0; i < nr; i++)
		if (moves[i].m->of.contexts > most) {
			most = moves[i].m->of.contexts;
			was = moves[i].was;
			is = moves[i].is;
		}
	free(moves);
	grew = calloc(p.nr + 1, sizeof(*grew));
	if (!grew)
		die("out of memory");
	/* From here on, inclusive is the share that it had in the baseline */
	for (size_t i = 0; i < p.nr; i++)
		p.functions[i].inclusive = 0;
	for (size_t i = 0; i < base->nr_functions; i++)
		for (size_t j = 0; j < p.nr; j++)
			if (base->functions[i].op == op &&
			    !strcmp(base->functions[i].name, p.functions[j].name))
				p.functions[j].inclusive = base->functions[i].self;
	for (size_t i = 0; i < p.nr; i++)
		grew[i] = (p.functions[i].self * is -
			   p.functions[i].inclusive * was) / 100;
	set_off(&p, grew);
	for (unsigned int n = 0; n < MAX_NAMED; n++) {
		const struct function *f;
		size_t top = p.nr;

		for (size_t i = 0; i < p.nr; i++) {
			f = &p.functions[i];
			/* Less than a twentieth of it all is not the reason */
			if (f->self > f->inclusive && grew[i] * 20 > is - was &&
			    (top == p.nr || grew[i] > grew[top]) &&
			    by_more_than_chance(f, p.samples))
				top = i;
		}
		if (top == p.nr)
			break;
		f = &p.functions[top];
		append(why, "%s %s %.2f %% -> %.2f %% (%+.0f instructions)",
		       named ? "," : "share grew:", f->name, f->inclusive,
		       f->self, grew[top]);
		named = true;
		grew[top] = 0;
	}
	append(why, named ? "\n" : "no function's share grew by more than chance\n");
	free(grew);
	profile_free(&p);
}

/* Others got worse by the same change: then it is not in our code alone */
static void name_peers(const struct run *run, const struct baseline *base,
		       struct test test, struct setup setup, unsigned int k,
		       bool together, char **why)
{
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		size_t nr;
		struct move *moves = find_moves(run, base, p, test, setup, k,
						together, &nr);

		if (p != run->ours &&
		    middle(moves, nr) > worse_limit(test.op, k, together))
			append(why, "%s got worse as well: %+.2f %%\n",
			       run->peers[p].name, 100 * middle(moves, nr) - 100);
		free(moves);
	}
}

static void describe(const struct run *run, const struct move *move,
		     unsigned int k, char **why)
{
	const struct id *of = &move->m->of;
	unsigned int context;
	double high = worst_context(run, move->m, k, &context);

	append(why, "%s of %s, %s, with %u contexts: %.0f instructions, was %.0f (%+.2f %%); highest in context %u, %.0f\n",
	       kept_names[k], test_name(of->test), mode_names[of->mode],
	       of->contexts, move->is, move->was, 100 * move->ratio - 100,
	       context, high);
}

/*
 * Figure K: is it worse in the median of all numbers of contexts, or is the mid much
 * worse at one of them? NAMED: functions and peers have been.
 */
static bool compare_figure(const struct run *run, const struct baseline *base,
			   struct test test, struct setup setup, unsigned int k,
			   bool together, bool *named, char **why)
{
	size_t nr;
	struct move *moves = find_moves(run, base, run->ours, test, setup, k,
					together, &nr);
	double median = middle(moves, nr);
	bool worse = median > worse_limit(test.op, k, together);
	bool alone = !worse && !together && nr &&
		     moves[nr - 1].ratio > limits[WORSE_ONE];

	if (worse)
		append(why, "%s of %s%s, %s: %+.2f %% in the median of %zu figures; the largest change:\n",
		       kept_names[k], together ? "each order of " : "",
		       test_name(test), mode_names[setup.mode],
		       100 * median - 100, nr);
	if (worse || alone)
		describe(run, &moves[nr - 1], k, why);
	if (alone)
		append(why, "the median is %+.2f %%%s\n", 100 * median - 100,
		       k ? ", and only the mid is judged at one number of contexts" : "");
	worse = worse || (alone && k == 0);
	if (worse && !*named) {
		name_functions(run, base, test, setup, why);
		name_peers(run, base, test, setup, k, together, why);
		*named = true;
	}
	free(moves);
	return worse;
}

/* One test at all numbers of contexts */
static void compare_test(const struct run *run, const struct baseline *base,
			 struct test test, struct setup setup, bool partial)
{
	unsigned int worse = 0, compared = 0, missing = 0;
	struct id of = { run->ours, test, 0, setup.threads, setup.mode };
	const struct metric *last = NULL;
	bool named = false;
	char *why = NULL;

	for (size_t i = 0; i < base->nr_metrics; i++) {
		const struct base_metric *b = &base->metrics[i];
		const struct metric *m;

		of.contexts = b->of.contexts;
		if (find_base(base, OURS, &of) != b)
			continue;
		m = find_metric(run, run->ours, test, of.contexts, setup);
		if (!m || !m->stats[INSTRUCTIONS].n) {
			append(&why, "not measured with %u contexts\n", of.contexts);
			missing++;
			continue;
		}
		compared++;
		last = m;
	}
	for (unsigned int k = 0; k < NR_KEPT; k++) {
		if (test.op == CREATE)
			worse += compare_figure(run, base, test, setup, k, true,
						&named, &why);
		worse += compare_figure(run, base, test, setup, k, false, &named,
					&why);
	}
	if (!compared && !missing)
		append(&why, "not in the baseline: run make bench-baseline\n");
	verdict(case_name("baseline", op_names[test.op], test.size, setup),
		worse || (missing && !partial) ? FAIL : compared ? PASS : SKIP,
		last ? last->stats[INSTRUCTIONS].mid : -1, "instructions", why);
}

static bool same_test(struct test a, struct test b)
{
	return a.op == b.op && a.size == b.size;
}

/*
 * Those of the run, then those that only the baseline has. Setups are sorted by
 * threads, and with several of them nothing repeats.
 */
static void compare_baseline(const struct run *run, const struct baseline *base,
			     bool partial)
{
	for (size_t s = 0; s < run->nr_setups && run->setups[s].threads == 1; s++)
		for (size_t t = 0; t < run->nr_tests; t++)
			for (size_t c = 0; c < run->nr_counts; c++)
				if (find_metric(run, run->ours, run->tests[t],
						run->counts[c], run->setups[s])) {
					compare_test(run, base, run->tests[t],
						     run->setups[s], partial);
					break;
				}
	for (size_t i = 0; i < base->nr_metrics; i++) {
		const struct base_metric *b = &base->metrics[i];
		struct setup setup = { b->of.mode, b->of.threads };
		bool known = strcmp(b->peer, OURS);

		for (size_t j = 0; !known && j < run->nr_metrics; j++) {
			const struct id *of = &run->metrics[j].of;

			known = of->peer == run->ours &&
				same_test(of->test, b->of.test) &&
				of->mode == setup.mode &&
				of->threads == setup.threads;
		}
		/* Once, though it has it for each number of contexts */
		for (size_t j = 0; !known && j < i; j++) {
			const struct base_metric *e = &base->metrics[j];

			known = !strcmp(e->peer, OURS) &&
				same_test(e->of.test, b->of.test) &&
				e->of.mode == setup.mode &&
				e->of.threads == setup.threads;
		}
		if (!known)
			compare_test(run, base, b->of.test, setup, partial);
	}
}

static bool is_direct(const struct run *run, unsigned int peer)
{
	return !strcmp(run->peers[peer].name, DIRECT);
}

static int by_value(const void *one, const void *two)
{
	const double *a = one, *b = two;

	return COMPARE(*a, *b);
}

/*
 * Our pair beside that of the best of the peers for which OF holds. Of the direct device
 * it is the median over all numbers of contexts: code that is the same costs the same at
 * most of them, and one where an interrupt hit ours alone is not a difference.
 */
static void compare_with(const struct run *run, struct test test,
			 struct setup setup, enum unit unit, const char *what,
			 bool (*of)(const struct run *run, unsigned int peer),
			 double limit)
{
	double *ratios = calloc(run->nr_counts, sizeof(*ratios)), worst = 0;
	char *why = NULL, *ops;
	int64_t figure = -1;
	size_t nr = 0;

	for (size_t c = 0; c < run->nr_counts; c++) {
		unsigned int contexts = run->counts[c], best = MAX_PEERS;
		double ours, least = 0;

		ours = pair_mid(run, run->ours, test, contexts, setup, unit);
		for (unsigned int p = 0; ours >= 0 && p < run->nr_peers; p++) {
			double mid = pair_mid(run, p, test, contexts, setup, unit);

			if (mid > 0 && (mid < least || best == MAX_PEERS) &&
			    of(run, p)) {
				least = mid;
				best = p;
			}
		}
		if (best == MAX_PEERS)
			continue;
		ratios[nr++] = ours / least;
		if (ours / least <= worst)
			continue;
		worst = ours / least;
		figure = ours;
		free(why);
		why = format("%.0f, %s has %.0f: a ratio of %.4f with %u contexts, the limit is %.4g\n",
			     ours, run->peers[best].name, least, worst, contexts, limit);
	}
	if (figure < 0)
		why = format("the run has nothing to compare it with\n");
	if (nr && of == is_direct) {
		qsort(ratios, nr, sizeof(*ratios), by_value);
		worst = (ratios[(nr - 1) / 2] + ratios[nr / 2]) / 2;
		append(&why, "the median over the numbers of contexts is %.4f\n", worst);
	}
	free(ratios);
	ops = format("%s+%s", op_names[test.op], op_names[op_inverse(test.op)]);
	verdict(case_name(what, ops, test.size, setup),
		figure < 0 ? SKIP : worst <= limit ? PASS : FAIL, figure,
		unit_names[unit], why);
	free(ops);
}

/* Beside the leanest rival, the best lean one, the best as posted, or the direct device */
static void compare_pair(const struct run *run, struct test test,
			 struct setup setup, enum unit unit)
{
	if (!is_life(test.op)) {
		bool memory = test.op == MAP_FIRST || test.op == ALLOC ||
			      is_long(test.op);

		compare_with(run, test, setup, unit, "peers", is_direct,
			     limits[memory ? MAP_NEW : MAP_UNMAP]);
		return;
	}
	compare_with(run, test, setup, unit, "peers", is_rival,
		     limits[is_used(test.op) ? USED : CREATE_DESTROY]);
	if (!is_used(test.op))
		compare_with(run, test, setup, unit, "lean", is_lean, limits[LEAN]);
	compare_with(run, test, setup, unit, "posted", is_posted,
		     limits[is_used(test.op) ? POSTED_USED : POSTED]);
}

/*
 * What of ours runs while it holds iommu_probe_device_lock, where the create of any
 * other context waits, and the probe of any other device. The second of the two holds
 * it most of the time only.
 */
static void compare_locked(const struct run *run, struct setup setup, enum unit unit)
{
	static const char * const holders[] = { "__iommu_probe_device", "of_iommu_configure" };
	struct test create = { CREATE, 0 };
	const struct metric *m = NULL;
	double locked = 0, both = -1;
	struct profile p;

	for (size_t c = 0; c < run->nr_counts; c++) {
		const struct metric *next = find_metric(run, run->ours, create,
							run->counts[c], setup);
		double pair = pair_mid(run, run->ours, create, run->counts[c], setup, unit);

		if (next && pair >= 0) {
			m = next;
			both = pair;
		}
	}
	if (!m || !profile_load(&p, run, run->ours, CREATE))
		return;
	for (size_t i = 0; i < p.nr; i++)
		for (size_t h = 0; h < ARRAY_SIZE(holders); h++)
			if (!strcmp(p.functions[i].name, holders[h]))
				locked += p.functions[i].inclusive / 100 * m->stats[unit].mid;
	profile_free(&p);
	verdict(case_name("locked", "create+destroy", 0, setup),
		locked <= both * limits[LOCKED] ? PASS : FAIL, locked, unit_names[unit],
		format("%.0f of %.0f with the lock that all IOMMUs share: a ratio of %.4f with %u contexts, the limit is %.4g\n",
		       locked, both, locked / both, m->of.contexts, limits[LOCKED]));
}

/* What a context costs that is kept, beside one that is destroyed and created again */
static void compare_reset(const struct run *run, struct setup setup, enum unit unit)
{
	struct test reset = { RESET, 4096 }, used = { CREATE_USED, 0 };
	double worst = 0, figure = -1;
	char *why = NULL;

	for (size_t c = 0; c < run->nr_counts; c++) {
		unsigned int contexts = run->counts[c];
		const struct metric *m = find_metric(run, run->ours, reset, contexts, setup);
		double pair = pair_mid(run, run->ours, used, contexts, setup, unit);

		if (!m || !m->stats[unit].n || pair <= 0 ||
		    m->stats[unit].mid / pair <= worst)
			continue;
		figure = m->stats[unit].mid;
		worst = figure / pair;
		free(why);
		why = format("%.0f, and %.0f to destroy and create it: a ratio of %.4f with %u contexts, the limit is %.4g\n",
			     figure, pair, worst, contexts, limits[RESET_COST]);
	}
	verdict(case_name("reset", "create_used+destroy_used", 0, setup),
		!why ? SKIP : worst <= limits[RESET_COST] ? PASS : FAIL, figure,
		unit_names[unit], why ?: copy("the run has nothing to compare it with\n"));
}

/* Ours with most contexts beside ours with fewest */
static void compare_scale(const struct run *run, struct test test,
			  struct setup setup, enum unit unit)
{
	double limit = limits[SCALE], ratio;
	const struct metric *few = NULL, *many = NULL;

	for (size_t c = 0; c < run->nr_counts; c++) {
		const struct metric *m = find_metric(run, run->ours, test,
						run->counts[c], setup);

		if (!m || !m->stats[unit].n)
			continue;
		few = few ?: m;
		many = m;
	}
	if (few == many)
		return;
	ratio = many->stats[unit].mid / (few->stats[unit].mid ?: 1);
	verdict(case_name("scale", op_names[test.op], test.size, setup),
		ratio <= limit ? PASS : FAIL, many->stats[unit].mid,
		unit_names[unit],
		format("%.0f with %u contexts, %.0f with %u: a ratio of %.4f, the limit is %.4g\n",
		       many->stats[unit].mid, many->of.contexts,
		       few->stats[unit].mid, few->of.contexts, ratio, limit));
}

static int64_t memory(const struct run *run, unsigned int peer,
		      unsigned int contexts, unsigned int maps)
{
	for (size_t i = 0; i < run->nr_memory; i++) {
		const struct memory *m = &run->memory[i];

		if (m->peer == peer && m->contexts == contexts && m->maps == maps)
			return memory_bytes(m);
	}
	return -1;
}

/* Beside the leanest rival. With most contexts: what is spent once weighs least */
static void compare_memory_after(const struct run *run, unsigned int maps)
{
	char *name = maps ? format("peers-memory-after-%u", maps) :
			    copy("peers-memory");
	double limit = limits[maps ? MEMORY_USED : MEMORY];
	unsigned int contexts = 0, best = MAX_PEERS;
	int64_t ours, least = INT64_MAX;

	for (size_t i = 0; i < run->nr_memory; i++)
		if (run->memory[i].peer == run->ours &&
		    run->memory[i].contexts > contexts)
			contexts = run->memory[i].contexts;
	ours = memory(run, run->ours, contexts, maps);
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		int64_t bytes = memory(run, p, contexts, maps);

		if (is_rival(run, p) && bytes >= 0 && bytes < least) {
			least = bytes;
			best = p;
		}
	}
	if (ours < 0 || best == MAX_PEERS)
		verdict(name, SKIP, -1, "bytes",
			copy("the run has nothing to compare it with\n"));
	else
		verdict(name, ours <= least * limit ? PASS : FAIL, ours, "bytes",
			format("%lld, %s has %lld, with %u contexts; the limit is a ratio of %.4g\n",
			       (long long)ours, run->peers[best].name,
			       (long long)least, contexts, limit));
}

/* In each state that was measured of anybody, the unused one first */
static void compare_memory(const struct run *run)
{
	unsigned int maps = 0, next;

	for (;; maps = next) {
		compare_memory_after(run, maps);
		next = maps;
		for (size_t i = 0; i < run->nr_memory; i++)
			if (run->memory[i].maps > maps &&
			    (next == maps || run->memory[i].maps < next))
				next = run->memory[i].maps;
		if (next == maps)
			return;
	}
}

/* "4 CMD_SYNC, was 3" for each kind; is one of them more? */
static bool compare_kinds(const struct commands *is, const struct commands *was,
			  char **why)
{
	bool worse = false;

	for (unsigned int k = 0; k < NR_COMMANDS; k++) {
		if (is->n[k] == was->n[k])
			continue;
		worse = worse || is->n[k] > was->n[k];
		append(why, "%s of %s, %s, with %u contexts: %u, was %u\n",
		       command_names[k], test_name(is->of.test),
		       mode_names[is->of.mode], is->of.contexts, is->n[k], was->n[k]);
	}
	return worse;
}

/* What ours has the IOMMU do, to the command: these repeat exactly */
static void compare_commands(const struct run *run, const struct baseline *base,
			     bool partial)
{
	for (size_t i = 0; i < run->nr_commands; i++) {
		const struct commands *c = &run->commands[i], *was;
		struct setup setup = { c->of.mode, 1 };
		char *why = NULL;
		bool worse;

		if (strcmp(c->peer, OURS))
			continue;
		was = find_commands(base->commands, base->nr_commands, OURS, &c->of);
		worse = was && compare_kinds(c, was, &why);
		if (!was)
			append(&why, "not in the baseline: run make bench-baseline\n");
		verdict(case_name("commands", op_names[c->of.test.op],
				  c->of.test.size, setup),
			worse ? FAIL : was ? PASS : SKIP, c->n[SYNC],
			command_names[SYNC], why);
	}
	for (size_t i = 0; i < base->nr_commands; i++) {
		const struct commands *c = &base->commands[i];
		struct setup setup = { c->of.mode, 1 };

		if (!strcmp(c->peer, OURS) &&
		    !find_commands(run->commands, run->nr_commands, OURS, &c->of))
			verdict(case_name("commands", op_names[c->of.test.op],
					  c->of.test.size, setup),
				partial ? SKIP : FAIL, -1, command_names[SYNC],
				copy("not measured\n"));
	}
}

static void compare_run(const struct run *run, enum unit unit)
{
	for (size_t s = 0; s < run->nr_setups; s++) {
		struct setup setup = run->setups[s];

		if (setup.threads > 1)
			break;
		for (size_t t = 0; t < run->nr_tests; t++)
			if (op_inverse(run->tests[t].op) != NR_OPS)
				compare_pair(run, run->tests[t], setup, unit);
		for (size_t t = 0; t < run->nr_tests; t++)
			compare_scale(run, run->tests[t], setup, unit);
		compare_reset(run, setup, unit);
		/* Profiles are of strict invalidation */
		if (setup.mode == STRICT)
			compare_locked(run, setup, unit);
	}
	compare_memory(run);
}

static void write_ktap(FILE *out, const char *not_compared)
{
	fprintf(out, "KTAP version 1\n1..%zu\n", nr_verdicts);
	if (not_compared)
		fprintf(out, "# NOT COMPARED with a baseline: %s\n", not_compared);
	for (size_t i = 0; i < nr_verdicts; i++) {
		const struct verdict *v = &verdicts[i];
		const char *line = v->why;

		while (line && *line) {
			size_t len = strcspn(line, "\n");

			fprintf(out, "# %.*s\n", (int)len, line);
			line += len + (line[len] == '\n');
		}
		fprintf(out, "%sok %zu %s%s\n", v->result == FAIL ? "not " : "",
			i + 1, v->name, v->result == SKIP ? " # SKIP" : "");
	}
}

static void write_lava(FILE *out)
{
	for (size_t i = 0; i < nr_verdicts; i++) {
		const struct verdict *v = &verdicts[i];

		fprintf(out, "lava-test-case %s --result %s", v->name,
			result_names[v->result]);
		if (v->figure >= 0)
			fprintf(out, " --measurement %lld --units %s",
				(long long)v->figure, v->unit);
		fprintf(out, "\n");
	}
}

static void write_lkp(FILE *out, const struct run *run)
{
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];

		for (unsigned int u = 0; u < NR_UNITS; u++) {
			const struct stats *s = &m->stats[u];
			char *name;

			if (!s->n)
				continue;
			name = format("%s.%s.%lu.%u.%u.%s.%s",
				      run->peers[m->of.peer].name,
				      op_names[m->of.test.op], m->of.test.size,
				      m->of.contexts, m->of.threads,
				      mode_names[m->of.mode], unit_names[u]);
			fprintf(out, "%s.p50: %lld\n%s.p90: %lld\n%s.p99: %lld\n%s.max: %lld\n%s.mean: %.1f\n",
				name, (long long)s->p50, name, (long long)s->p90,
				name, (long long)s->p99, name, (long long)s->max,
				name, s->mean);
			free(name);
		}
	}
}

static int check(const struct run *run, const char *root, bool partial)
{
	enum unit unit = main_unit(run);
	char *why = NULL, *dir, *path;
	size_t count[3] = { };
	FILE *out;

	dir = find_baseline(run, root, &why);
	if (dir && unit != INSTRUCTIONS) {
		free(why);
		why = copy("the run counted no instructions");
		free(dir);
		dir = NULL;
	}
	if (dir) {
		struct baseline base = { };

		load_baseline(&base, dir);
		compare_baseline(run, &base, partial);
		compare_commands(run, &base, partial);
		free(why);
		why = NULL;
	} else if (!why) {
		why = format("there is none in %s; run make bench-baseline", root);
	} else {
		/* One line for each baseline that does not fit */
		for (char *c = why; *c; c++)
			if (*c == '\n')
				*c = c[1] ? ' ' : 0;
	}
	compare_run(run, unit);

	write_ktap(stdout, why);
	path = format("%s/check.ktap", run->dir);
	out = create_file(path);
	write_ktap(out, why);
	close_file(out, path);
	free(path);
	path = format("%s/lava.txt", run->dir);
	out = create_file(path);
	write_lava(out);
	close_file(out, path);
	free(path);
	path = format("%s/lkp.txt", run->dir);
	out = create_file(path);
	write_lkp(out, run);
	close_file(out, path);
	free(path);

	for (size_t i = 0; i < nr_verdicts; i++)
		count[verdicts[i].result]++;
	printf("# %zu passed, %zu failed, %zu skipped%s\n", count[PASS],
	       count[FAIL], count[SKIP],
	       why ? "; NOT COMPARED with a baseline, see above" : "");
	if (count[FAIL])
		return FAILED;
	return why ? NOT_COMPARED : PASSED;
}

/* Each of ours that changed, and how many of the peers' */
static void print_changes(const struct run *run, const struct baseline *old)
{
	unsigned int ours = 0, peers = 0, equal = 0, fresh = 0;

	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];
		const struct base_metric *b;
		bool changed = false;

		if (m->of.threads > 1)
			continue;
		b = find_base(old, run->peers[m->of.peer].name, &m->of);
		if (!b) {
			fresh++;
			continue;
		}
		/* The baseline has tenths of the mean */
		for (unsigned int k = 0; k < NR_KEPT; k++)
			changed = changed || kept(m, k) > b->kept[k] + 0.06 ||
				  kept(m, k) < b->kept[k] - 0.06;
		if (!changed)
			equal++;
		else if (m->of.peer != run->ours)
			peers++;
		else
			ours++;
		if (!changed || m->of.peer != run->ours)
			continue;
		printf("%s, %s, %u contexts:", test_name(m->of.test),
		       mode_names[m->of.mode], m->of.contexts);
		for (unsigned int k = 0; k < NR_KEPT; k++)
			printf(" %s %.0f, was %.0f (%+.2f %%)%s", kept_names[k],
			       kept(m, k), b->kept[k],
			       100 * kept(m, k) / (b->kept[k] ?: 1) - 100,
			       k < NR_KEPT - 1 ? ";" : "\n");
	}
	for (size_t i = 0; i < run->nr_commands; i++) {
		const struct commands *c = &run->commands[i], *was;
		char *why = NULL;

		if (strcmp(c->peer, OURS))
			continue;
		was = find_commands(old->commands, old->nr_commands, OURS, &c->of);
		if (was)
			compare_kinds(c, was, &why);
		if (why)
			printf("%s", why);
		free(why);
	}
	printf("changed: %u of ours, %u of the peers; the same: %u; new: %u; the baseline had %zu\n",
	       ours, peers, equal, fresh, old->nr_metrics);
}

static void write_baseline(const struct run *run, const char *dir)
{
	char *path = format("%s/key", dir);
	FILE *out = create_file(path);

	fprintf(out, SPDX "%s", run->key_text);
	close_file(out, path);
	free(path);

	path = format("%s/metrics.csv", dir);
	out = create_file(path);
	fprintf(out, SPDX METRICS_HEADER "\n");
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];
		const struct stats *s = &m->stats[INSTRUCTIONS];

		if (s->n && m->of.threads == 1)
			fprintf(out, "%s,%s,%lu,%u,%s,%.1f,%.1f,%lld\n",
				run->peers[m->of.peer].name,
				op_names[m->of.test.op], m->of.test.size,
				m->of.contexts, mode_names[m->of.mode],
				s->mid, s->mean, (long long)s->p90);
	}
	close_file(out, path);
	free(path);

	if (run->nr_commands) {
		path = format("%s/commands.csv", dir);
		out = create_file(path);
		fprintf(out, SPDX COMMANDS_HEADER "\n");
		for (size_t i = 0; i < run->nr_commands; i++) {
			const struct commands *c = &run->commands[i];

			fprintf(out, "%s,%s,%lu,%u,%s", c->peer,
				op_names[c->of.test.op], c->of.test.size,
				c->of.contexts, mode_names[c->of.mode]);
			for (unsigned int k = 0; k < NR_COMMANDS; k++)
				fprintf(out, ",%u", c->n[k]);
			fprintf(out, "\n");
		}
		close_file(out, path);
		free(path);
	}

	path = format("%s/functions.csv", dir);
	out = create_file(path);
	fprintf(out, SPDX FUNCTIONS_HEADER "\n");
	for (enum op op = 0; op < NR_OPS; op++) {
		struct profile p;

		if (!profile_load(&p, run, run->ours, op))
			continue;
		for (size_t i = 0; i < p.nr; i++)
			if (p.functions[i].self >= SMALLEST_SHARE)
				fprintf(out, "%s,%s,%.3f\n", op_names[op],
					p.functions[i].name, p.functions[i].self);
		profile_free(&p);
	}
	close_file(out, path);
	free(path);
}

/* A folder for the baseline of this run, of a name that is free */
static char *new_baseline(const struct run *run, const char *root)
{
	/* Both are short and of letters, digits, dots and dashes, or made so */
	char *name = format("%s-%s", run->key[KERNEL], run->key[CONFIG]);
	char *found = NULL;

	if (mkdir(root, 0777) && errno != EEXIST)
		die("cannot make %s: %s", root, strerror(errno));
	for (char *c = name; *c; c++)
		if (*c == '/' || *c == ' ')
			*c = '-';
	for (unsigned int n = 1; !found; n++) {
		struct stat st;

		found = n == 1 ? format("%s/%s", root, name) :
				 format("%s/%s-%u", root, name, n);
		if (stat(found, &st)) {
			if (mkdir(found, 0777))
				die("cannot make %s: %s", found, strerror(errno));
		} else {
			free(found);
			found = NULL;
		}
	}
	free(name);
	return found;
}

static int renew(const struct run *run, const char *root)
{
	char *why = NULL, *dir = find_baseline(run, root, &why);
	struct baseline old = { };

	if (main_unit(run) != INSTRUCTIONS)
		die("the run counted no instructions, and a baseline has no other figures");
	if (dir) {
		load_baseline(&old, dir);
		print_changes(run, &old);
	} else {
		dir = new_baseline(run, root);
		printf("no baseline had this key\n");
	}
	write_baseline(run, dir);
	printf("%s now has the figures of this run\n", dir);
	free(dir);
	free(why);
	return PASSED;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "baseline", required_argument, NULL, 'b' },
		{ "limits", required_argument, NULL, 'l' },
		{ "partial", no_argument, NULL, 'p' },
		{ "renew", no_argument, NULL, 'r' },
		{ }
	};
	const char *baseline = "benchmarks/baseline", *file = "benchmarks/limits";
	bool again = false, partial = false;
	struct run run;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			baseline = optarg;
			break;
		case 'l':
			file = optarg;
			break;
		case 'p':
			partial = true;
			break;
		case 'r':
			again = true;
			break;
		default:
			die("%s", usage);
		}
	}
	if (optind != argc - 1)
		die("%s", usage);

	run_load(&run, argv[optind]);
	if (again)
		return renew(&run, baseline);
	load_limits(file);
	return check(&run, baseline, partial);
}
