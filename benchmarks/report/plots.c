// SPDX-License-Identifier: GPL-2.0-only
/*
 * DIR/plots.gp: gnuplot run on it in DIR makes DIR/plots/NAME.svg. The page
 * gives them the colours of its text, so black is what is drawn in here.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plots.h"
#include "stats.h"

/* Points of a CDF: more than can be told apart */
#define MAX_POINTS	120
#define MAX_FUNCTIONS	18

/* The first can be told apart by the colour-blind as well, on white and on black */
static const char * const colours[] = {
	"#0a84ff", "#e69f00", "#00a878", "#d55e00", "#b07aa1", "#8c8c8c",
	"#56b4e9", "#9c755f", "#a0a000", "#c44e9f", "#5f7fff", "#3f9f9f",
	"#bf5f5f", "#7f7f00", "#7f5fbf", "#a0a0ff",
};

static void begin(FILE *out, unsigned int width, unsigned int height,
		  const char *name, char *title)
{
	static unsigned int nr;

	/* The name is for the ids in it: all get into one page */
	fprintf(out, "\nreset\nset terminal svg size %u,%u dynamic noenhanced font 'sans-serif,13' name 'plot%u'\n",
		width, height, nr++);
	fprintf(out, "set output 'plots/%s.svg'\n", name);
	fprintf(out, "set title '%s'\n", title);
	fprintf(out, "set border 3\nset tics nomirror out\nset grid y lt 1 lc rgb '#999999' lw 0.3\n");
	fprintf(out, "set key outside bottom center horizontal samplen 1.5 font ',11'\n");
	fprintf(out, "set xlabel offset 0,0.5 font ',11'\nset ylabel font ',11'\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(colours); i++)
		fprintf(out, "set linetype %u lc rgb '%s' lw %s pt 7 ps 0.5\n",
			i + 1, colours[i], i ? "1.3" : "2.4");
	free(title);
}

/* Between labels, so that about five of them have room */
static int64_t step(int64_t end)
{
	static const int64_t nice[] = { 1, 2, 5 };

	for (int64_t ten = 1;; ten *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(nice); i++)
			if (ten * nice[i] * 6 > end)
				return ten * nice[i];
}

/* An axis from 0 to END, with figures that can be read */
static void axis(FILE *out, char name, double end)
{
	int64_t by = step(end);

	fprintf(out, "set %crange [0:%.0f]\nset %ctics (", name, end, name);
	for (int64_t at = 0; at <= end; at += by)
		fprintf(out, "%s'%s' %lld", at ? ", " : "", figure(at, 0),
			(long long)at);
	fprintf(out, ")\n");
}

static const char *colour(unsigned int peer)
{
	return colours[peer % ARRAY_SIZE(colours)];
}

static unsigned int linetype(unsigned int peer)
{
	return peer % ARRAY_SIZE(colours) + 1;
}

char *plot_name(const char *kind, struct test test, struct setup setup)
{
	char size[32] = "";

	if (test.size)
		snprintf(size, sizeof(size), "-%lu", test.size);
	return format("%s-%s-%u-%s%s", kind, mode_names[setup.mode],
		      setup.threads, op_names[test.op], size);
}

/* Peers are told apart by the name of their block, "$p0" */
static unsigned int plot_lines(FILE *out, const struct run *run,
			       const bool *drawn, const char *with)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < run->nr_peers; p++) {
		/* Ours last, above the others */
		unsigned int peer = (run->ours + 1 + p) % run->nr_peers;

		if (drawn[peer])
			fprintf(out, "%s$p%u using 1:2 with %s lt %u title '%s'",
				n++ ? ", " : "plot ", peer, with,
				linetype(peer), run->peers[peer].name);
	}
	fprintf(out, "\n");
	return n;
}

/* How much more each costs than with fewest contexts, in percent */
static void plot_scale(FILE *out, const struct run *run, struct test test,
		       struct setup setup, enum unit unit)
{
	bool drawn[MAX_PEERS] = { };
	double low = -2, high = 2;
	unsigned int ours = 0;
	char *name;

	for (unsigned int p = 0; p < run->nr_peers; p++) {
		const struct stats *few = find_stats(run, p, test,
						     run->counts[0], setup, unit);

		if (run->peers[p].step)
			continue;
		for (size_t c = 0; few && few->p50 && c < run->nr_counts; c++) {
			const struct stats *many = find_stats(run, p, test,
						run->counts[c], setup, unit);

			double grew;

			if (!many)
				continue;
			grew = 100.0 * many->p50 / few->p50 - 100;
			if (grew * 1.1 < low)
				low = grew * 1.1;
			if (grew * 1.1 > high)
				high = grew * 1.1;
			if (!drawn[p])
				fprintf(out, "$p%u << EOD\n", p);
			drawn[p] = true;
			ours += p == run->ours;
			fprintf(out, "%u %.3f\n", run->counts[c], grew);
		}
		if (drawn[p])
			fprintf(out, "EOD\n");
	}
	if (ours < 2)
		return;
	name = plot_name("scale", test, setup);
	begin(out, 480, 360, name, format("%s, %s", test_name(test),
					  unit_names[unit]));
	fprintf(out, "set xlabel 'live contexts'\nset ylabel 'growth of the p50, %%'\n");
	fprintf(out, "set logscale x 2\nset yrange [%.2f:%.2f]\nset xtics (",
		low, high);
	for (size_t c = 0; c < run->nr_counts; c++)
		fprintf(out, "%s'%s' %u", c ? ", " : "",
			figure(run->counts[c], 0), run->counts[c]);
	fprintf(out, ")\n");
	plot_lines(out, run, drawn, "linespoints");
	free(name);
}

/* The samples' distribution; returns the end of the part that is drawn */
static int64_t cdf_data(FILE *out, const struct run *run,
			const struct metric *m, enum unit unit)
{
	size_t last = 0, n;
	int64_t *values = sorted_values(&run->samples[m->first], m->n, unit, &n);
	int64_t end;

	fprintf(out, "$p%u << EOD\n%lld 0\n", m->of.peer, (long long)values[0]);
	for (size_t i = 0; i < n; i++) {
		/* Where the value changes, and not too often */
		if (i < n - 1 && (values[i] == values[i + 1] ||
				  i - last < n / MAX_POINTS))
			continue;
		last = i;
		fprintf(out, "%lld %.3f\n", (long long)values[i],
			100.0 * (i + 1) / n);
	}
	fprintf(out, "EOD\n");
	end = values[(n * 995 + 999) / 1000 - 1];
	free(values);
	return end;
}

static void plot_cdf(FILE *out, const struct run *run, struct test test,
		     struct setup setup, enum unit unit)
{
	unsigned int contexts = shown_count(run, setup);
	bool drawn[MAX_PEERS] = { };
	int64_t end = 0;
	char *name;

	for (unsigned int p = 0; p < run->nr_peers; p++) {
		const struct metric *m = find_metric(run, p, test, contexts,
						     setup);
		int64_t e;

		if (!m || !m->stats[unit].n || run->peers[p].step)
			continue;
		drawn[p] = true;
		e = cdf_data(out, run, m, unit);
		if (e > end)
			end = e;
	}
	if (!drawn[run->ours])
		return;
	name = plot_name("cdf", test, setup);
	begin(out, 480, 360, name,
	      format("%s, with %s contexts", test_name(test),
		     figure(contexts, 0)));
	fprintf(out, "set xlabel '%s'\nset ylabel 'samples up to this figure, %%'\nset yrange [0:100]\n",
		unit_names[unit]);
	axis(out, 'x', end * 1.05 + 1);
	plot_lines(out, run, drawn, "steps");
	free(name);
}

/* A create and a destroy of each peer, one on the other */
static void plot_life(FILE *out, const struct run *run, struct setup setup,
		      enum unit unit)
{
	const struct test create = { .op = CREATE }, destroy = { .op = DESTROY };
	unsigned int contexts = shown_count(run, setup), n = 0;
	char *name = plot_name("life", create, setup);
	double most = 0;

	fprintf(out, "$d << EOD\n");
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		const struct stats *c, *d;

		c = find_stats(run, p, create, contexts, setup, unit);
		d = find_stats(run, p, destroy, contexts, setup, unit);
		if (!c || !d || run->peers[p].step)
			continue;
		n++;
		if (c->p50 + d->p50 > most)
			most = c->p50 + d->p50;
		fprintf(out, "\"%s%s\" %lld %lld \"%s\"\n", run->peers[p].name,
			run->peers[p].isolated ? "" : " (not isolated)",
			(long long)c->p50, (long long)d->p50,
			figure(c->p50 + d->p50, 0));
	}
	fprintf(out, "EOD\n");
	if (n) {
		begin(out, 980, 420, name,
		      format("create and destroy, with %s contexts, %s",
			     figure(contexts, 0), mode_names[setup.mode]));
		fprintf(out, "set xlabel 'peer'\nset ylabel 'p50, %s'\n",
			unit_names[unit]);
		axis(out, 'y', most * 1.12);
		fprintf(out, "set style data histogram\nset style histogram rowstacked\n");
		fprintf(out, "set style fill solid noborder\nset boxwidth 0.6\nset xtics rotate by -20 font ',11'\nset xrange [-0.6:%u.4]\n",
			n - 1);
		fprintf(out, "plot $d using 2:xtic(1) lc rgb '%s' title 'create', '' using 3 lc rgb '%s' title 'destroy', "
			"'' using 0:($2+$3):4 with labels offset 0,0.8 notitle\n",
			colours[0], colours[1]);
	}
	free(name);
}

static bool has_pairs(const struct run *run, unsigned int peer,
		      struct setup setup, enum unit unit)
{
	unsigned int contexts = shown_count(run, setup);

	for (size_t i = 0; i < run->nr_tests; i++)
		if (!is_life(run->tests[i].op) &&
		    pair_p50(run, peer, run->tests[i], contexts, setup, unit) > 0)
			return true;
	return false;
}

/* What a peer's pair costs, as a part of the direct device's */
static void plot_pairs(FILE *out, const struct run *run, struct setup setup,
		       enum unit unit)
{
	unsigned int contexts = shown_count(run, setup), rows = 0, n = 0;
	unsigned int direct = find_peer(run, DIRECT);
	char *name = plot_name("pairs", (struct test){ .op = MAP }, setup);

	fprintf(out, "$d << EOD\n");
	for (size_t i = 0; i < run->nr_tests; i++) {
		struct test test = run->tests[i];
		int64_t base = pair_p50(run, direct, test, contexts, setup, unit);

		if (is_life(test.op) || base <= 0)
			continue;
		rows++;
		fprintf(out, "\"%s\"", test_name(test));
		for (unsigned int p = 0; p < run->nr_peers; p++) {
			int64_t p50 = pair_p50(run, p, test, contexts, setup, unit);

			if (p50 < 0)
				fprintf(out, " NaN");
			else
				fprintf(out, " %.2f", 100.0 * p50 / base);
		}
		fprintf(out, "\n");
	}
	fprintf(out, "EOD\n");
	if (rows) {
		begin(out, 980, 380, name,
		      format("An operation and its inverse, compared with the direct device, with %s contexts, %s",
			     figure(contexts, 0), mode_names[setup.mode]));
		fprintf(out, "set xlabel 'operation'\nset ylabel 'p50 (%s), %% of direct'\n",
			unit_names[unit]);
		fprintf(out, "set style data histogram\nset style histogram clustered gap 1.5\n");
		fprintf(out, "set style fill solid noborder\nset yrange [0:*]\nplot ");
		for (unsigned int p = 0; p < run->nr_peers; p++)
			if (has_pairs(run, p, setup, unit))
				fprintf(out, "%s$d using %u:xtic(1) lc rgb '%s' title '%s'",
					n++ ? ", " : "", p + 2, colour(p),
					run->peers[p].name);
		fprintf(out, "\n");
	}
	free(name);
}

static int by_inclusive(const void *one, const void *two)
{
	const struct function *a = one, *b = two;

	return COMPARE(b->inclusive, a->inclusive) ?: strcmp(a->name, b->name);
}

/* Bars of functions, what each spends itself; of subsystems also in its helpers */
static void plot_shares(FILE *out, const struct function *functions, size_t nr,
			char *name, char *title, bool helpers, int64_t p50,
			enum unit unit)
{
	double most = 0;
	size_t n = 0;

	fprintf(out, "$d << EOD\n");
	for (size_t i = 0; i < nr && n < MAX_FUNCTIONS; i++) {
		const struct function *f = &functions[i];
		double share = helpers ? f->inclusive : f->self;

		if (share == 0)
			continue;
		n++;
		if (share > most)
			most = share;
		fprintf(out, "\"%s\" %.3f %.3f \"%.1f %%  %s\"\n", f->name, f->self,
			share, share, figure(share * p50 / 100, 0));
	}
	fprintf(out, "EOD\n");
	if (!n) {
		free(title);
		free(name);
		return;
	}
	begin(out, 600, 490, name, title);
	fprintf(out, "set style fill solid noborder\nset yrange [%zu.6:-0.6]\n", n - 1);
	fprintf(out, "set tics scale 0\nset ytics font ',11'\nset grid x noy\nset xrange [0:%g]\n", most * 1.6);
	fprintf(out, "set lmargin %u\nset xlabel '%% of the samples, and %s of the p50'\nset ylabel '%s'\n",
		helpers ? 24 : 38, unit_names[unit],
		helpers ? "subsystem" : "function");
	if (helpers)
		fprintf(out, "plot $d using ($3/2):0:($3/2):(0.36):ytic(1) with boxxyerror lc rgb '%s' title 'in helpers', "
			"'' using ($2/2):0:($2/2):(0.36) with boxxyerror lc rgb '%s' title 'in its own functions', ",
			colours[1], colours[0]);
	else
		fprintf(out, "unset key\nplot $d using ($2/2):0:($2/2):(0.36):ytic(1) with boxxyerror lc rgb '%s', ",
			colours[0]);
	fprintf(out, "'' using 3:0:4 with labels left offset 0.5,0 notitle\n");
	free(name);
}

static void plot_profile(FILE *out, const struct run *run, enum op op,
			 enum unit unit)
{
	unsigned int contexts = shown_count(run, run->setups[0]);
	const struct metric *m = NULL;
	struct profile p;

	/* The smallest size is what is profiled */
	for (size_t t = 0; t < run->nr_tests && !m; t++)
		if (run->tests[t].op == op)
			m = find_metric(run, run->ours, run->tests[t], contexts,
					run->setups[0]);
	if (!m || !profile_load(&p, run, run->ours, op))
		return;
	plot_shares(out, p.functions, p.nr,
		    format("functions-%s-self", op_names[op]),
		    format("%s: by function", test_name(m->of.test)), false,
		    m->stats[unit].p50, unit);
	qsort(p.subsystems, p.nr_subsystems, sizeof(*p.subsystems), by_inclusive);
	plot_shares(out, p.subsystems, p.nr_subsystems,
		    format("subsystems-%s", op_names[op]),
		    format("%s: by subsystem", test_name(m->of.test)), true,
		    m->stats[unit].p50, unit);
	profile_free(&p);
}

void write_plots(const struct run *run, enum unit unit)
{
	char *path = format("%s/plots.gp", run->dir);
	char *folder = format("%s/plots", run->dir);
	FILE *out = create_file(path);

	mkdir(folder, 0777);
	fprintf(out, "# gnuplot, in the folder that this is in\n");
	for (size_t s = 0; s < run->nr_setups; s++) {
		struct setup setup = run->setups[s];

		plot_life(out, run, setup, unit);
		plot_pairs(out, run, setup, unit);
		for (size_t t = 0; t < run->nr_tests; t++) {
			plot_scale(out, run, run->tests[t], setup, unit);
			plot_cdf(out, run, run->tests[t], setup, unit);
		}
	}
	for (enum op op = 0; op < NR_OPS; op++)
		plot_profile(out, run, op, unit);
	close_file(out, path);
	free(folder);
	free(path);
}
