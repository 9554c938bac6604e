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

/* Told apart by the colour-blind as well, on white and on black */
static const char * const colours[] = {
	"#0a84ff", "#e69f00", "#00a878", "#d55e00", "#b07aa1", "#8c8c8c",
	"#56b4e9", "#9c755f", "#a0a000",
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
	fprintf(out, "set xlabel offset 0,0.5\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(colours); i++)
		fprintf(out, "set linetype %u lc rgb '%s' lw %s pt 7 ps 0.5\n",
			i + 1, colours[i], i ? "1.3" : "2.4");
	free(title);
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

static void plot_scale(FILE *out, const struct run *run, struct test test,
		       struct setup setup, enum unit unit)
{
	bool drawn[MAX_PEERS] = { };
	unsigned int ours = 0;
	char *name;

	for (unsigned int p = 0; p < run->nr_peers; p++) {
		for (size_t c = 0; c < run->nr_counts; c++) {
			const struct metric *m = find_metric(run, p, test,
						run->counts[c], setup);

			if (!m || !m->stats[unit].n)
				continue;
			if (!drawn[p])
				fprintf(out, "$p%u << EOD\n", p);
			drawn[p] = true;
			ours += p == run->ours;
			fprintf(out, "%u %lld\n", run->counts[c],
				(long long)m->stats[unit].p50);
		}
		if (drawn[p])
			fprintf(out, "EOD\n");
	}
	if (ours < 2)
		return;
	name = plot_name("scale", test, setup);
	begin(out, 480, 360, name, format("%s: p50 in %s", test_name(test),
					  unit_names[unit]));
	fprintf(out, "set xlabel 'live contexts'\nset logscale x 2\nset yrange [0:*]\nset xtics (");
	for (size_t c = 0; c < run->nr_counts; c++)
		fprintf(out, "%s%u", c ? ", " : "", run->counts[c]);
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

/* Between labels, so that about five of them have room */
static int64_t step(int64_t end)
{
	static const int64_t nice[] = { 1, 2, 5 };

	for (int64_t ten = 1;; ten *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(nice); i++)
			if (ten * nice[i] * 6 > end)
				return ten * nice[i];
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

		if (!m || !m->stats[unit].n)
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
	      format("%s: %% of the samples not above, %u contexts",
		     test_name(test), contexts));
	fprintf(out, "set xlabel '%s'\nset yrange [0:100]\nset xrange [0:%lld]\nset xtics %lld\n",
		unit_names[unit], (long long)(end + end / 20 + 1),
		(long long)step(end));
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

	fprintf(out, "$d << EOD\n");
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		const struct metric *c, *d;

		c = find_metric(run, p, create, contexts, setup);
		d = find_metric(run, p, destroy, contexts, setup);
		if (!c || !d || !c->stats[unit].n || !d->stats[unit].n)
			continue;
		n++;
		fprintf(out, "\"%s%s\" %lld %lld\n", run->peers[p].name,
			run->peers[p].isolated ? "" : " (not isolated)",
			(long long)c->stats[unit].p50,
			(long long)d->stats[unit].p50);
	}
	fprintf(out, "EOD\n");
	if (n) {
		begin(out, 980, 380, name,
		      format("create and destroy: p50 in %s, %u contexts, %s",
			     unit_names[unit], contexts, mode_names[setup.mode]));
		fprintf(out, "set style data histogram\nset style histogram rowstacked\n");
		fprintf(out, "set style fill solid noborder\nset boxwidth 0.6\nset yrange [0:*]\nset offsets 0,0,graph 0.12,0\n");
		fprintf(out, "plot $d using 2:xtic(1) lc rgb '%s' title 'create', '' using 3 lc rgb '%s' title 'destroy', "
			"'' using 0:($2+$3):(sprintf('%%d', $2+$3)) with labels offset 0,0.8 notitle\n",
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
				fprintf(out, " %.4f", (double)p50 / base);
		}
		fprintf(out, "\n");
	}
	fprintf(out, "EOD\n");
	if (rows) {
		begin(out, 980, 380, name,
		      format("map + unmap and the like, the direct device is 1: p50 in %s, %u contexts, %s",
			     unit_names[unit], contexts, mode_names[setup.mode]));
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

	if (a->inclusive != b->inclusive)
		return a->inclusive < b->inclusive ? 1 : -1;
	return strcmp(a->name, b->name);
}

static void plot_functions(FILE *out, const struct profile *p, enum op op,
			   bool self, int64_t p50, enum unit unit)
{
	char *name = format("functions-%s-%s", op_names[op],
			    self ? "self" : "inclusive");
	double most = 0;
	size_t n = 0;

	fprintf(out, "$d << EOD\n");
	for (size_t i = 0; i < p->nr && n < MAX_FUNCTIONS; i++) {
		double share = self ? p->functions[i].self :
				      p->functions[i].inclusive;

		/* Neither who does nothing, nor who calls it all */
		if (share == 0 || (!self && share > 99.5))
			continue;
		n++;
		if (share > most)
			most = share;
		fprintf(out, "\"%s\" %.3f \"%.1f%%  %.0f\"\n",
			p->functions[i].name, share, share, share * p50 / 100);
	}
	fprintf(out, "EOD\n");
	if (!n) {
		free(name);
		return;
	}
	begin(out, 580, 470, name,
	      format("%s: %s", op_names[op], self ? "each function itself" :
		     "with all that it calls"));
	fprintf(out, "set style fill solid noborder\nunset key\nset yrange [%zu.6:-0.6]\n", n - 1);
	fprintf(out, "set tics scale 0\nset grid x noy\nset xrange [0:%g]\n", most * 1.6);
	fprintf(out, "set lmargin 32\nset xlabel '%%, and %s of the p50'\n",
		unit_names[unit]);
	fprintf(out, "plot $d using ($2/2):0:($2/2):(0.36):ytic(1) with boxxyerror lc rgb '%s', "
		"'' using 2:0:3 with labels left offset 0.5,0\n", colours[!self]);
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
	plot_functions(out, &p, op, true, m->stats[unit].p50, unit);
	qsort(p.functions, p.nr, sizeof(*p.functions), by_inclusive);
	plot_functions(out, &p, op, false, m->stats[unit].p50, unit);
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
