// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is computed of the samples, and how one run is set beside another
 */
#include <stdlib.h>
#include <string.h>

#include "stats.h"

static int by_value(const void *one, const void *two)
{
	const int64_t *a = one, *b = two;

	return COMPARE(*a, *b);
}

int64_t *sorted_values(const struct sample *samples, size_t n, enum unit unit,
		       size_t *nr)
{
	int64_t *values = calloc(n + 1, sizeof(*values));

	if (!values)
		die("out of memory");
	*nr = 0;
	for (size_t i = 0; i < n; i++)
		if (samples[i].value[unit] >= 0)
			values[(*nr)++] = samples[i].value[unit];
	qsort(values, *nr, sizeof(*values), by_value);
	return values;
}

/* Nearest rank: the smallest sample that is not below P percent of them */
static int64_t percentile(const int64_t *sorted, size_t n, unsigned int p)
{
	return sorted[(n * p + 99) / 100 - 1];
}

struct stats stats_of(const struct sample *samples, size_t n, enum unit unit)
{
	struct stats s = { };
	int64_t *values = sorted_values(samples, n, unit, &s.n);
	double sum = 0;

	if (!s.n)
		goto out;
	for (size_t i = 0; i < s.n; i++)
		sum += values[i];
	s.p50 = percentile(values, s.n, 50);
	s.p90 = percentile(values, s.n, 90);
	s.p99 = percentile(values, s.n, 99);
	s.max = values[s.n - 1];
	s.mean = sum / s.n;
	for (size_t i = s.n / 4; i < s.n - s.n / 4; i++)
		s.mid += values[i];
	s.mid /= s.n - 2 * (s.n / 4);
out:
	free(values);
	return s;
}

static int by_context(const void *one, const void *two)
{
	const struct sample *a = one, *b = two;

	return COMPARE(a->why == WARMUP, b->why == WARMUP) ?:
	       COMPARE(a->context, b->context) ?: COMPARE(a->nr, b->nr);
}

/* What takes about a tick has few samples without: let it have all of them. */
static void count_interrupted(struct run *run, struct metric *m)
{
	m->hit = true;
	qsort(&run->samples[m->first], m->n + m->warmup + m->interrupted,
	      sizeof(*run->samples), by_context);
	run->nr_interrupted -= m->interrupted;
	m->n += m->interrupted;
	m->interrupted = 0;
}

static void make_metrics(struct run *run)
{
	struct metric *m = NULL;

	for (size_t i = 0; i < run->nr_samples; i++) {
		const struct sample *s = &run->samples[i];

		if (!m || by_id(&m->of, &s->of)) {
			run->metrics = grow(run->metrics, &run->nr_metrics,
					    sizeof(*m));
			m = &run->metrics[run->nr_metrics - 1];
			m->of = s->of;
			m->first = i;
		}
		m->n += s->why == COUNTS;
		m->warmup += s->why == WARMUP;
		m->interrupted += s->why == INTERRUPTED;
	}
	for (size_t i = 0; i < run->nr_metrics; i++) {
		m = &run->metrics[i];
		run->nr_warmup += m->warmup;
		run->nr_interrupted += m->interrupted;
		if (m->interrupted > m->n)
			count_interrupted(run, m);
		for (unsigned int u = 0; u < NR_UNITS; u++)
			m->stats[u] = stats_of(&run->samples[m->first], m->n, u);
		if (!m->n)
			die("%s/samples.csv: %s of %s has no sample that counts",
			    run->dir, test_name(m->of.test),
			    run->peers[m->of.peer].name);
	}
}

static int by_test(const void *one, const void *two)
{
	const struct test *a = one, *b = two;

	/* An op and the one that undoes it side by side, size by size */
	return COMPARE(a->op / 2, b->op / 2) ?: COMPARE(a->size, b->size) ?:
	       COMPARE(a->op, b->op);
}

static int by_setup(const void *one, const void *two)
{
	const struct setup *a = one, *b = two;

	return COMPARE(a->threads, b->threads) ?: COMPARE(a->mode, b->mode);
}

static int by_count(const void *one, const void *two)
{
	const unsigned int *a = one, *b = two;

	return COMPARE(*a, *b);
}

/* Sorts, and lets one be of those that are equal; returns how many there are */
static size_t unique(void *array, size_t n, size_t size,
		     int (*compare)(const void *, const void *))
{
	char *a = array;
	size_t kept = 0;

	qsort(array, n, size, compare);
	for (size_t i = 0; i < n; i++)
		if (!kept || compare(a + (kept - 1) * size, a + i * size))
			memmove(a + kept++ * size, a + i * size, size);
	return kept;
}

static void make_axes(struct run *run)
{
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];

		run->tests = grow(run->tests, &run->nr_tests, sizeof(*run->tests));
		run->tests[i] = m->of.test;
		run->setups = grow(run->setups, &run->nr_setups,
				   sizeof(*run->setups));
		run->setups[i] = (struct setup){ m->of.mode, m->of.threads };
		run->counts = grow(run->counts, &run->nr_counts,
				   sizeof(*run->counts));
		run->counts[i] = m->of.contexts;
	}
	run->nr_tests = unique(run->tests, run->nr_tests, sizeof(*run->tests),
			       by_test);
	run->nr_setups = unique(run->setups, run->nr_setups,
				sizeof(*run->setups), by_setup);
	run->nr_counts = unique(run->counts, run->nr_counts,
				sizeof(*run->counts), by_count);
}

void run_load(struct run *run, const char *dir)
{
	read_run(run, dir);
	make_metrics(run);
	make_axes(run);
}

const struct metric *find_metric(const struct run *run, unsigned int peer,
				 struct test test, unsigned int contexts,
				 struct setup setup)
{
	const struct id want = {
		.peer = peer, .test = test, .contexts = contexts,
		.threads = setup.threads, .mode = setup.mode,
	};

	for (size_t i = 0; i < run->nr_metrics; i++)
		if (!by_id(&want, &run->metrics[i].of))
			return &run->metrics[i];
	return NULL;
}

const struct stats *find_stats(const struct run *run, unsigned int peer,
			       struct test test, unsigned int contexts,
			       struct setup setup, enum unit unit)
{
	const struct metric *m = find_metric(run, peer, test, contexts, setup);

	return m && m->stats[unit].n ? &m->stats[unit] : NULL;
}

bool is_rival(const struct run *run, unsigned int peer)
{
	const struct peer *p = &run->peers[peer];

	return peer != run->ours && p->isolated && !p->step &&
	       strcmp(p->name, DIRECT) && strcmp(p->name, FLOOR) &&
	       strcmp(p->name, PASID);
}

bool is_lean(const struct run *run, unsigned int peer)
{
	static const char lean[] = "lean";
	const char *name = run->peers[peer].name;
	size_t len = strlen(name), end = strlen(lean);

	return is_rival(run, peer) && len >= end && !strcmp(name + len - end, lean);
}

bool is_posted(const struct run *run, unsigned int peer)
{
	return is_rival(run, peer) && run->peers[peer].like == MAX_PEERS;
}

static bool find_pair(const struct run *run, unsigned int peer, struct test test,
		      unsigned int contexts, struct setup setup, enum unit unit,
		      const struct stats *pair[2])
{
	struct test inverse = { op_inverse(test.op), test.size };

	pair[0] = find_stats(run, peer, test, contexts, setup, unit);
	pair[1] = find_stats(run, peer, inverse, contexts, setup, unit);
	return pair[0] && pair[1];
}

int64_t pair_p50(const struct run *run, unsigned int peer, struct test test,
		 unsigned int contexts, struct setup setup, enum unit unit)
{
	const struct stats *pair[2];

	if (!find_pair(run, peer, test, contexts, setup, unit, pair))
		return -1;
	return pair[0]->p50 + pair[1]->p50;
}

double pair_mid(const struct run *run, unsigned int peer, struct test test,
		unsigned int contexts, struct setup setup, enum unit unit)
{
	const struct stats *pair[2];

	if (!find_pair(run, peer, test, contexts, setup, unit, pair))
		return -1;
	return pair[0]->mid + pair[1]->mid;
}

size_t context_samples(const struct run *run, const struct metric *m,
		       size_t from, unsigned int *context)
{
	const struct sample *s = &run->samples[m->first];
	size_t n = from;

	if (from == m->n)
		return 0;
	*context = s[from].context;
	while (n < m->n && s[n].context == *context)
		n++;
	return n - from;
}

enum unit main_unit(const struct run *run)
{
	for (unsigned int u = 0; u < NR_UNITS; u++)
		for (size_t i = 0; i < run->nr_metrics; i++)
			if (run->metrics[i].of.peer == run->ours &&
			    run->metrics[i].stats[u].n)
				return u;
	die("%s/samples.csv has no figure of " OURS, run->dir);
}

/* The most contexts that a peer was measured with; 0 for none */
static unsigned int most_contexts(const struct run *run, unsigned int peer,
				  struct test test, struct setup setup)
{
	for (size_t c = run->nr_counts; c; c--)
		if (find_metric(run, peer, test, run->counts[c - 1], setup))
			return run->counts[c - 1];
	return 0;
}

unsigned int shown_count(const struct run *run, struct setup setup)
{
	unsigned int most = 0;

	for (size_t t = 0; t < run->nr_tests; t++) {
		unsigned int n = most_contexts(run, run->ours, run->tests[t],
					       setup);

		if (n > most)
			most = n;
	}
	return most;
}

bool has_setup(const struct run *run, unsigned int peer, struct setup setup,
	       enum unit unit)
{
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];

		if (m->of.peer == peer && m->of.mode == setup.mode &&
		    m->of.threads == setup.threads && m->stats[unit].n)
			return true;
	}
	return false;
}

int64_t memory_bytes(const struct memory *m)
{
	return m->slab + m->page + m->percpu;
}

double kept(const struct metric *m, unsigned int k)
{
	const struct stats *s = &m->stats[INSTRUCTIONS];

	return k == 0 ? s->mid : k == 1 ? s->mean : s->p90;
}

static int by_ratio(const void *one, const void *two)
{
	const struct move *a = one, *b = two;

	return COMPARE(a->ratio, b->ratio);
}

struct move *find_moves(const struct run *run, const struct baseline *base,
			unsigned int peer, struct test test, struct setup setup,
			unsigned int k, bool together, size_t *nr)
{
	struct move *moves = NULL;

	*nr = 0;
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];
		const struct base_metric *b;
		struct move *move;

		if (m->of.peer != peer || m->of.mode != setup.mode ||
		    m->of.threads != setup.threads ||
		    m->of.test.size != test.size || !m->stats[INSTRUCTIONS].n ||
		    !(m->of.test.op == test.op ||
		      (together && is_create(m->of.test.op))))
			continue;
		b = find_base(base, run->peers[peer].name, &m->of);
		if (!b)
			continue;
		moves = grow(moves, nr, sizeof(*moves));
		move = &moves[*nr - 1];
		move->m = m;
		move->was = b->kept[k];
		move->is = kept(m, k);
		move->ratio = move->is / (move->was ?: 1);
	}
	if (moves)
		qsort(moves, *nr, sizeof(*moves), by_ratio);
	return moves;
}

double middle(const struct move *moves, size_t nr)
{
	return nr ? (moves[(nr - 1) / 2].ratio + moves[nr / 2].ratio) / 2 : 1;
}
