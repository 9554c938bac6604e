// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables, which the terminal and the page both show
 */
#include <stdlib.h>
#include <string.h>

#include "stats.h"
#include "tables.h"

static void stats_header(struct table *t)
{
	cell(t, "p50");
	cell(t, "p90");
	cell(t, "p99");
	cell(t, "max");
	cell(t, "mean");
}

static void stats_cells(struct table *t, const struct stats *s)
{
	cell(t, "%s", figure(s->p50, 0));
	cell(t, "%s", figure(s->p90, 0));
	cell(t, "%s", figure(s->p99, 0));
	cell(t, "%s", figure(s->max, 0));
	cell(t, "%s", figure(s->mean, 1));
}

/* How much more A is than B */
static void growth_cell(struct table *t, double a, double b)
{
	if (b > 0)
		cell(t, "%s", percent(a, b, 1));
	else
		no_cell(t);
}

/* As the gate has it; create in the first order stands for all of them there */
static void since_cell(struct table *t, const struct run *run,
		       const struct baseline *base, struct test test,
		       struct setup setup)
{
	size_t nr;
	struct move *moves = find_moves(run, base, run->ours, test, setup, 0,
					test.op == CREATE, &nr);

	if (nr)
		cell(t, "%s", percent(middle(moves, nr), 1, 2));
	else
		no_cell(t);
	free(moves);
}

static const struct commands *commands_of(const struct run *run, unsigned int peer,
					  struct test test, enum mode mode)
{
	const struct id of = { .test = test, .mode = mode };

	return find_commands(run->commands, run->nr_commands,
			     run->peers[peer].name, &of);
}

static bool has_commands(const struct run *run, struct setup setup)
{
	for (size_t i = 0; i < run->nr_commands; i++)
		if (run->commands[i].of.mode == setup.mode && setup.threads == 1)
			return true;
	return false;
}

static void sync_cell(struct table *t, const struct run *run, struct test test,
		      struct setup setup)
{
	const struct commands *c = commands_of(run, run->ours, test, setup.mode);

	if (c)
		cell(t, "%u", c->n[SYNC]);
	else
		no_cell(t);
}

/* Ours with few contexts and with many, and since the baseline */
static void show_ours(const struct run *run, const struct baseline *base,
		      struct setup setup, enum unit unit, show_fn *show,
		      FILE *out)
{
	unsigned int few = run->counts[0], many = shown_count(run, setup);
	char *name = setup_name(setup);
	bool commands = has_commands(run, setup);
	struct table t = table(8 + !!base + commands, 1,
		format(OURS ": %s with %s live contexts, %s",
		       unit_names[unit], figure(many, 0), name),
		base ? copy("Since baseline: the change of the mid, in the median over all numbers of contexts; for create, over all orders as well.") :
		       NULL);

	cell(&t, "operation");
	stats_header(&t);
	cell(&t, "p50 with %s", figure(few, 0));
	cell(&t, "growth");
	if (base)
		cell(&t, "since baseline");
	if (commands)
		cell(&t, "%s", command_names[SYNC]);
	for (size_t i = 0; i < run->nr_tests; i++) {
		struct test test = run->tests[i];
		const struct metric *m = find_metric(run, run->ours, test, many,
						     setup);
		const struct stats *a, *b;

		a = find_stats(run, run->ours, test, many, setup, unit);
		b = find_stats(run, run->ours, test, few, setup, unit);
		if (!a)
			continue;
		cell(&t, "%s%s", test_name(test), m->hit ? "*" : "");
		stats_cells(&t, a);
		if (b)
			cell(&t, "%s", figure(b->p50, 0));
		else
			no_cell(&t);
		growth_cell(&t, a->p50, b ? b->p50 : 0);
		if (base)
			since_cell(&t, run, base, test, setup);
		if (commands)
			sync_cell(&t, run, test, setup);
	}
	if (t.nr > t.columns)
		show(&t, out);
	table_free(&t);
	free(name);
}

/* A figure of a peer, and what ours is more or less than that */
static void peer_cell(struct table *t, int64_t ours, int64_t theirs)
{
	if (theirs <= 0)
		no_cell(t);
	else
		cell(t, "%s\n%s", figure(theirs, 0), percent(ours, theirs, 1));
}

static int64_t one_p50(const struct run *run, unsigned int peer, struct test test,
		       unsigned int contexts, struct setup setup, enum unit unit)
{
	const struct stats *s = find_stats(run, peer, test, contexts, setup, unit);

	return s ? s->p50 : -1;
}

static void beside_row(const struct run *run, struct table *t, struct test test,
		       const unsigned int *peers, unsigned int n,
		       struct setup setup, enum unit unit, bool pair)
{
	unsigned int contexts = shown_count(run, setup);
	struct test inverse = { op_inverse(test.op), test.size };
	int64_t (*p50)(const struct run *run, unsigned int peer, struct test test,
		       unsigned int contexts, struct setup setup, enum unit unit) =
		pair ? pair_p50 : one_p50;
	int64_t ours = p50(run, run->ours, test, contexts, setup, unit);

	if (ours < 0)
		return;
	if (pair)
		cell(t, "%s + %s%s%s", op_names[test.op], op_names[inverse.op],
		     test.size ? " " : "", size_name(test.size));
	else
		cell(t, "%s", test_name(test));
	cell(t, "%s", figure(ours, 0));
	for (unsigned int i = 0; i < n; i++)
		peer_cell(t, ours, p50(run, peers[i], test, contexts, setup, unit));
}

/* Ours beside each peer, and an op together with the one that undoes it */
static void show_beside(const struct run *run, struct setup setup,
			enum unit unit, show_fn *show, FILE *out)
{
	unsigned int peers[MAX_PEERS], n = 0;
	char *name = setup_name(setup);
	struct table t;

	for (unsigned int p = 0; p < run->nr_peers; p++)
		if (p != run->ours && !run->peers[p].step &&
		    has_setup(run, p, setup, unit))
			peers[n++] = p;
	t = table(n + 2, 1,
		  format("The peers: p50 in %s with %s live contexts, %s",
			 unit_names[unit], figure(shown_count(run, setup), 0), name),
		  copy("With each figure of a peer: how much more or less " OURS " needs. !: the peer is not isolated."));
	cell(&t, "operation");
	cell(&t, OURS);
	for (unsigned int i = 0; i < n; i++)
		cell(&t, "%s%s", run->peers[peers[i]].name,
		     run->peers[peers[i]].isolated ? "" : "!");
	for (size_t i = 0; i < run->nr_tests; i++) {
		struct test test = run->tests[i];
		bool second = test.op < SYNC_DEVICE && op_inverse(test.op) == NR_OPS;

		/* Of what maps, the pair alone: all is in show_all() */
		if (is_life(test.op) || test.op >= SYNC_DEVICE)
			beside_row(run, &t, test, peers, n, setup, unit, false);
		/* Tests are sorted: the second of a pair is behind the first */
		if (second) {
			test.op--;
			beside_row(run, &t, test, peers, n, setup, unit, true);
		}
	}
	if (n && t.nr > t.columns)
		show(&t, out);
	table_free(&t);
	free(name);
}

void show_overview(const struct run *run, const struct baseline *base,
		   struct setup setup, enum unit unit, show_fn *show, FILE *out)
{
	show_ours(run, base, setup, unit, show, out);
	show_beside(run, setup, unit, show, out);
}

/* Of a context that never mapped anything */
static int64_t memory_of(const struct run *run, unsigned int peer)
{
	int64_t bytes = -1;

	for (size_t i = 0; i < run->nr_memory; i++)
		if (run->memory[i].peer == peer && !run->memory[i].maps)
			bytes = memory_bytes(&run->memory[i]);
	return bytes;
}

/* The sum over an op and, if PAIR, the one that undoes it; false when one is missing */
static bool sum_commands(const struct run *run, unsigned int peer, struct test test,
			 enum mode mode, bool pair, unsigned int *n)
{
	const struct commands *c[2] = {
		commands_of(run, peer, test, mode), NULL
	};

	test.op++;
	c[1] = pair ? commands_of(run, peer, test, mode) : NULL;
	if (!c[0] || (pair && !c[1]))
		return false;
	for (unsigned int k = 0; k < NR_COMMANDS; k++)
		n[k] = c[0]->n[k] + (pair ? c[1]->n[k] : 0);
	return true;
}

static void commands_row(const struct run *run, struct table *t, struct test test,
			 enum mode mode, bool pair, const unsigned int *peers,
			 unsigned int nr)
{
	unsigned int n[NR_COMMANDS], sum;

	if (!sum_commands(run, run->ours, test, mode, pair, n))
		return;
	cell(t, "%s%s%s%s%s", op_names[test.op], pair ? " + " : "",
	     pair ? op_names[test.op + 1] : "", test.size ? " " : "",
	     size_name(test.size));
	for (unsigned int k = 0; k < NR_COMMANDS; k++)
		cell(t, "%u", n[k]);
	for (unsigned int p = 0; p < nr; p++) {
		if (!sum_commands(run, peers[p], test, mode, pair, n)) {
			no_cell(t);
			continue;
		}
		sum = 0;
		for (unsigned int k = 0; k < NR_COMMANDS; k++)
			sum += n[k];
		cell(t, "%u of %u", n[SYNC], sum);
	}
}

void show_commands(const struct run *run, show_fn *show, FILE *out)
{
	for (enum mode mode = 0; mode < NR_MODES; mode++) {
		unsigned int peers[MAX_PEERS], n = 0;
		struct table t;

		for (unsigned int p = 0; p < run->nr_peers; p++)
			for (size_t i = 0; i < run->nr_commands; i++)
				if (run->commands[i].of.mode == mode &&
				    p != run->ours && run->peers[p].isolated &&
				    !strcmp(run->commands[i].peer,
					    run->peers[p].name)) {
					peers[n++] = p;
					break;
				}
		t = table(1 + NR_COMMANDS + n, 1,
			  format("What " OURS " has the IOMMU do: commands, %s invalidation",
				 mode_names[mode]),
			  copy("Of a peer: CMD_SYNC, and all commands. A CMD_SYNC waits until those before it are done."));
		cell(&t, "operation");
		for (unsigned int k = 0; k < NR_COMMANDS; k++)
			cell(&t, "%s", command_names[k]);
		for (unsigned int p = 0; p < n; p++)
			cell(&t, "%s", run->peers[peers[p]].name);
		for (size_t i = 0; i < run->nr_tests; i++) {
			struct test test = run->tests[i];

			commands_row(run, &t, test, mode, false, peers, n);
			if (is_life(test.op) && test.op % 2 == 1) {
				test.op--;
				commands_row(run, &t, test, mode, true, peers, n);
			}
		}
		if (t.nr > t.columns)
			show(&t, out);
		table_free(&t);
	}
}

/* "-1,234\n-5.6 %": how much more A is than B */
static void worth_cell(struct table *t, double a, double b)
{
	if (a < 0 || b <= 0)
		no_cell(t);
	else
		cell(t, "%s%s\n%s", a > b ? "+" : "", figure(a - b, 0),
		     percent(a, b, 1));
}

static double one_mid(const struct run *run, unsigned int peer, enum op op,
		      unsigned int contexts, struct setup setup, enum unit unit)
{
	const struct stats *s = find_stats(run, peer, (struct test){ .op = op },
					   contexts, setup, unit);

	return s ? s->mid : -1;
}

void show_switches(const struct run *run, enum unit unit, show_fn *show, FILE *out)
{
	const struct test create = { .op = CREATE };
	struct setup setup = run->setups[0];
	unsigned int contexts = shown_count(run, setup);
	char *name = setup_name(setup);
	struct table t = table(7, 3,
		format("What each switch is worth: the mid in %s with %s live contexts, %s",
		       unit_names[unit], figure(contexts, 0), name),
		copy("Each figure is that of the peer without that of the peer that it is like."));

	cell(&t, "switch");
	cell(&t, "peer");
	cell(&t, "like");
	cell(&t, "create");
	cell(&t, "destroy");
	cell(&t, "together");
	cell(&t, "bytes of memory");
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		unsigned int like = run->peers[p].like;

		if (like == MAX_PEERS)
			continue;
		cell(&t, "%s", run->peers[p].with);
		cell(&t, "%s", run->peers[p].name);
		cell(&t, "%s", run->peers[like].name);
		for (enum op op = CREATE; op <= DESTROY; op++)
			worth_cell(&t, one_mid(run, p, op, contexts, setup, unit),
				   one_mid(run, like, op, contexts, setup, unit));
		worth_cell(&t, pair_mid(run, p, create, contexts, setup, unit),
			   pair_mid(run, like, create, contexts, setup, unit));
		worth_cell(&t, memory_of(run, p), memory_of(run, like));
	}
	if (t.nr > t.columns)
		show(&t, out);
	table_free(&t);
	free(name);
}

void show_memory(const struct run *run, show_fn *show, FILE *out)
{
	struct table t = table(7, 1,
		copy("Kernel memory of one live context, in bytes"),
		copy("After maps: so many mappings of 4 KiB were alive at once, and are gone."));

	cell(&t, "peer");
	cell(&t, "contexts");
	cell(&t, "after maps");
	cell(&t, "slab");
	cell(&t, "pages");
	cell(&t, "percpu");
	cell(&t, "total");
	for (size_t i = 0; i < run->nr_memory; i++) {
		const struct memory *m = &run->memory[i];

		if (run->peers[m->peer].step)
			continue;
		cell(&t, "%s%s", run->peers[m->peer].name,
		     run->peers[m->peer].isolated ? "" : "!");
		cell(&t, "%s", figure(m->contexts, 0));
		cell(&t, "%s", figure(m->maps, 0));
		cell(&t, "%s", figure(m->slab, 0));
		cell(&t, "%s", figure(m->page, 0));
		cell(&t, "%s", figure(m->percpu, 0));
		cell(&t, "%s", figure(memory_bytes(m), 0));
	}
	if (run->nr_memory)
		show(&t, out);
	table_free(&t);
}

void show_peers(const struct run *run, show_fn *show, FILE *out)
{
	struct table t = table(3, 3,
		copy("The peers, and what each does and does not do"), NULL);

	cell(&t, "peer");
	cell(&t, "isolated");
	cell(&t, "note");
	for (unsigned int i = 0; i < run->nr_peers; i++) {
		cell(&t, "%s", run->peers[i].name);
		cell(&t, "%s", run->peers[i].isolated ? "yes" : "NO");
		cell(&t, "%s", run->peers[i].note);
	}
	show(&t, out);
	table_free(&t);
}

void show_all(const struct run *run, enum unit unit, bool each, show_fn *show,
	      FILE *out)
{
	for (size_t i = 0; i < run->nr_setups; i++) {
		struct setup setup = run->setups[i];
		char *name = setup_name(setup);
		struct table t = table(each ? 10 : 9, 2,
			format("%s%s, %s", unit_names[unit],
			       each ? " of each context" : "", name), NULL);

		cell(&t, "operation");
		cell(&t, "peer");
		cell(&t, "contexts");
		if (each)
			cell(&t, "context");
		cell(&t, "samples");
		stats_header(&t);
		for (size_t j = 0; j < run->nr_metrics; j++) {
			const struct metric *m = &run->metrics[j];
			size_t from = 0, n = m->n;
			unsigned int context;

			if (m->of.mode != setup.mode ||
			    m->of.threads != setup.threads ||
			    !m->stats[unit].n)
				continue;
			for (; from < m->n; from += n) {
				struct stats s = m->stats[unit];

				if (each) {
					n = context_samples(run, m, from, &context);
					s = stats_of(&run->samples[m->first + from],
						     n, unit);
				}
				cell(&t, "%s%s", test_name(m->of.test),
				     m->hit ? "*" : "");
				cell(&t, "%s", run->peers[m->of.peer].name);
				cell(&t, "%s", figure(m->of.contexts, 0));
				if (each)
					cell(&t, "%u", context);
				cell(&t, "%s", figure(s.n, 0));
				stats_cells(&t, &s);
			}
		}
		show(&t, out);
		table_free(&t);
		free(name);
	}
}

static int by_event(const void *one, const void *two)
{
	const struct sample *a = one, *b = two;

	return COMPARE(a->nr, b->nr);
}

/* Latencies out of the kernel's tracepoints, by event over all contexts */
void show_trace(const struct run *run, show_fn *show, FILE *out)
{
	char *path = format("%s/trace.csv", run->dir), **events = NULL;
	struct table t = table(7, 1,
		copy("Tracepoints: ns since the previous one, over all contexts"),
		NULL);
	struct sample *samples = NULL;
	size_t nr = 0, nr_events = 0;
	struct csv csv;

	if (!csv_open(&csv, path, "context,event,ns", false))
		goto out;
	while (csv_next(&csv)) {
		unsigned int e;

		for (e = 0; e < nr_events; e++)
			if (!strcmp(events[e], csv.field[1]))
				break;
		if (e == nr_events) {
			events = grow(events, &nr_events, sizeof(*events));
			events[e] = copy(csv.field[1]);
		}
		samples = grow(samples, &nr, sizeof(*samples));
		samples[nr - 1].context = csv_number(&csv, 0, false);
		samples[nr - 1].value[NS] = csv_number(&csv, 2, false);
		samples[nr - 1].nr = e;
	}
	if (!nr)
		goto out;
	qsort(samples, nr, sizeof(*samples), by_event);
	cell(&t, "event");
	cell(&t, "samples");
	stats_header(&t);
	for (size_t i = 0, end; i < nr; i = end) {
		struct stats s;

		for (end = i; end < nr && samples[end].nr == samples[i].nr;)
			end++;
		s = stats_of(&samples[i], end - i, NS);
		cell(&t, "%s", events[samples[i].nr]);
		cell(&t, "%s", figure(s.n, 0));
		stats_cells(&t, &s);
	}
	show(&t, out);
out:
	for (size_t i = 0; i < nr_events; i++)
		free(events[i]);
	free(events);
	free(samples);
	table_free(&t);
	free(path);
}

void write_counts(const struct run *run, FILE *out)
{
	size_t none = run->nr_warmup + run->nr_interrupted;
	bool hit = false;

	fprintf(out, "%s samples. Not in the figures: %s of the warm-up, and %s that an interrupt hit.\n",
		figure(run->nr_samples - none, 0), figure(run->nr_warmup, 0),
		figure(run->nr_interrupted, 0));
	for (size_t i = 0; i < run->nr_metrics; i++)
		hit = hit || run->metrics[i].hit;
	if (hit)
		fprintf(out, "*: an interrupt hit most samples, as the operation takes a tick or more, so all of them are in its figures.\n");
	fprintf(out, "A percentile is the nearest rank: p90 is the smallest sample that 90 %% of the samples do not exceed.\n");
}
