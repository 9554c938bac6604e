// SPDX-License-Identifier: GPL-2.0-only
/*
 * report DIR: the figures of a run on the terminal, and DIR/summary.csv with
 * all of them. ../README.rst says how to read them.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "plots.h"
#include "stats.h"
#include "tables.h"

static const char usage[] =
	"usage: report [OPTION...] DIR, a folder with the results of a run\n"
	"  --baseline=PATH  the folder of the baselines; by default benchmarks/baseline\n"
	"  --contexts       also show each peer at each number of contexts\n"
	"  --each           also show each single context\n"
	"  --unit=U         instructions, cycles or ns; by default the first that was measured\n"
	"  --plots          write DIR/plots.gp for gnuplot, and nothing else\n"
	"  --page           write DIR/report.html, and nothing else";

static void write_line(FILE *out, const struct run *run, const struct metric *m,
		       const char *context, enum unit unit,
		       const struct stats *s, size_t warmup, size_t interrupted)
{
	if (!s->n)
		return;
	fprintf(out, "%s,%s,%lu,%u,%u,%s,%s,%s,%zu,%zu,%zu,%lld,%lld,%lld,%lld,%.1f\n",
		run->peers[m->of.peer].name, op_names[m->of.test.op],
		m->of.test.size, m->of.contexts, m->of.threads,
		mode_names[m->of.mode], context, unit_names[unit], s->n, warmup,
		interrupted, (long long)s->p50, (long long)s->p90, (long long)s->p99,
		(long long)s->max, s->mean);
}

static void write_summary(const struct run *run)
{
	char *path = format("%s/summary.csv", run->dir);
	FILE *out = create_file(path);

	fprintf(out, "peer,op,size,contexts,threads,mode,context,unit,samples,warmup,interrupted,p50,p90,p99,max,mean\n");
	for (size_t i = 0; i < run->nr_metrics; i++) {
		const struct metric *m = &run->metrics[i];

		for (unsigned int u = 0; u < NR_UNITS; u++) {
			unsigned int context;
			size_t n;

			write_line(out, run, m, "all", u, &m->stats[u],
				   m->warmup, m->interrupted);
			if (!m->stats[u].n)
				continue;
			for (size_t from = 0; from < m->n; from += n) {
				struct stats s;
				char name[16];

				n = context_samples(run, m, from, &context);
				s = stats_of(&run->samples[m->first + from], n, u);
				snprintf(name, sizeof(name), "%u", context);
				write_line(out, run, m, name, u, &s, 0, 0);
			}
		}
	}
	close_file(out, path);
	free(path);
}

static void print_report(const struct run *run, const struct baseline *base,
			 enum unit unit, bool contexts, bool each)
{
	char *skipped = skipped_text(run);

	printf("%s\n", run->key_text);
	for (size_t i = 0; i < run->nr_setups; i++)
		show_overview(run, base, run->setups[i], unit, table_text, stdout);
	show_commands(run, table_text, stdout);
	show_switches(run, unit, table_text, stdout);
	show_memory(run, table_text, stdout);
	show_trace(run, table_text, stdout);
	if (contexts)
		show_all(run, unit, false, table_text, stdout);
	if (each)
		show_all(run, unit, true, table_text, stdout);
	show_peers(run, table_text, stdout);
	if (skipped)
		printf("Not measured, because this machine cannot:\n%s\n", skipped);
	free(skipped);
	write_counts(run, stdout);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "baseline", required_argument, NULL, 'b' },
		{ "contexts", no_argument, NULL, 'c' },
		{ "each", no_argument, NULL, 'e' },
		{ "unit", required_argument, NULL, 'u' },
		{ "plots", no_argument, NULL, 'p' },
		{ "page", no_argument, NULL, 'h' },
		{ }
	};
	bool contexts = false, each = false, plots = false, page = false;
	const char *root = "benchmarks/baseline";
	struct baseline base = { };
	enum unit unit = NR_UNITS;
	char *dir, *why = NULL;
	struct run run;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			root = optarg;
			break;
		case 'c':
			contexts = true;
			break;
		case 'e':
			each = true;
			break;
		case 'u':
			for (unit = 0; unit < NR_UNITS; unit++)
				if (!strcmp(optarg, unit_names[unit]))
					break;
			if (unit == NR_UNITS)
				die("there is no unit '%s'\n%s", optarg, usage);
			break;
		case 'p':
			plots = true;
			break;
		case 'h':
			page = true;
			break;
		default:
			die("%s", usage);
		}
	}
	if (optind != argc - 1)
		die("%s", usage);

	run_load(&run, argv[optind]);
	if (unit == NR_UNITS)
		unit = main_unit(&run);
	dir = unit == INSTRUCTIONS ? find_baseline(&run, root, &why) : NULL;
	if (dir)
		load_baseline(&base, dir);
	if (plots) {
		write_plots(&run, unit);
	} else if (page) {
		write_page(&run, dir ? &base : NULL, unit);
	} else {
		print_report(&run, dir ? &base : NULL, unit, contexts, each);
		write_summary(&run);
		printf("All figures: %s/summary.csv\n", run.dir);
	}
	free(dir);
	free(why);
	return PASSED;
}
