// SPDX-License-Identifier: GPL-2.0-only
/*
 * DIR/report.html: one file with everything in it, for whoever has a browser
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "page.h"
#include "plots.h"
#include "stats.h"
#include "tables.h"

/*
 * The plots are black on nothing as gnuplot makes them: the page's colours get
 * into them from here. A flame graph keeps its own.
 */
static const char head[] =
	"<!doctype html>\n"
	"<html lang=en><meta charset=utf-8>\n"
	"<meta name=viewport content='width=device-width'>\n"
	"<title>iommu_subdev: what a context costs</title>\n"
	"<style>\n"
	":root{color-scheme:light dark;--bg:#fff;--fg:#1c1e21;--dim:#5b6068;--line:#d9dce1;--card:#f6f7f9}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e4e6e9;--dim:#9aa0a8;--line:#34383e;--card:#1d2024}}\n"
	"body{background:var(--bg);color:var(--fg);font:15px/1.5 sans-serif;max-width:1220px;margin:2em auto;padding:0 1em}\n"
	"h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.2em;margin-top:2.5em;border-bottom:1px solid var(--line)}\n"
	"figure{margin:1.2em 0}figcaption{font-weight:600;margin-bottom:.4em}figure p,.dim{color:var(--dim);font-size:.9em}\n"
	".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.88em}\n"
	"th,td{padding:.2em .8em;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}\n"
	"th{color:var(--dim);font-weight:600}.w{text-align:left}td.w{white-space:normal}td{vertical-align:top}\n"
	"tr:hover td{background:var(--card)}\n"
	".lead{font-size:1.1em}.lead b{font-size:1.25em}\n"
	".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(420px,1fr));gap:1em}\n"
	".grid svg,.wide svg{width:100%;height:auto;background:var(--card);border-radius:6px}\n"
	".wide{margin:1em 0}\n"
	"svg.plot{color:var(--fg)}svg.plot g[color]{color:inherit}\n"
	"svg.plot [fill=black]{fill:currentColor}svg.plot [stroke=black]{stroke:currentColor}\n"
	"iframe{width:100%;border:0;background:#fff;border-radius:6px}\n"
	"pre{background:var(--card);padding:1em;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em}\n"
	"summary{cursor:pointer;margin:1em 0;color:var(--dim)}\n"
	"</style>\n";

static void show(struct table *t, FILE *out)
{
	table_html(t, out);
}

static char *read_plot(const struct run *run, const char *name)
{
	char *path = format("%s/plots/%s.svg", run->dir, name), *text;

	text = read_text(path);
	free(path);
	return text;
}

/* gnuplot's: without its declaration and its title, which would be a tooltip */
static void plot(FILE *out, const struct run *run, char *name)
{
	char *text = read_plot(run, name), *svg, *body;

	svg = text ? strstr(text, "<svg") : NULL;
	body = svg ? strstr(svg, "</desc>") : NULL;
	if (body) {
		fprintf(out, "<svg class=plot role=img %.*s>",
			(int)strcspn(svg + 4, ">"), svg + 4);
		fputs(body + strlen("</desc>"), out);
	}
	free(text);
	free(name);
}

/* In a frame, as each comes with a script and with ids of its own */
static void flame_graph(FILE *out, const struct run *run, unsigned int peer,
			enum op op)
{
	char *name = format("flame-%s-%s", run->peers[peer].name, op_names[op]);
	char *text = read_plot(run, name), *svg, *box;
	unsigned int width, height;

	svg = text ? strstr(text, "<svg") : NULL;
	box = svg ? strstr(svg, "viewBox=\"0 0 ") : NULL;
	if (box && sscanf(box, "viewBox=\"0 0 %u %u", &width, &height) == 2) {
		fprintf(out, "<figure><iframe loading=lazy style='aspect-ratio:%u/%u' title='%s' srcdoc=\"",
			width, height, name);
		html(out, "<style>body{margin:0}svg{width:100%;height:auto}</style>");
		html(out, svg);
		fprintf(out, "\"></iframe></figure>\n");
	}
	free(text);
	free(name);
}

/* How ours is beside the best of the peers for which OF holds */
static bool write_best(FILE *out, const struct run *run, enum unit unit,
		       bool (*of)(const struct run *run, unsigned int peer),
		       const char *what)
{
	const struct test create = { .op = CREATE };
	struct setup setup = run->setups[0];
	unsigned int contexts = shown_count(run, setup), best = MAX_PEERS;
	int64_t ours, least = INT64_MAX;

	ours = pair_p50(run, run->ours, create, contexts, setup, unit);
	for (unsigned int p = 0; p < run->nr_peers; p++) {
		int64_t p50 = pair_p50(run, p, create, contexts, setup, unit);

		if (of(run, p) && p50 > 0 && p50 < least) {
			least = p50;
			best = p;
		}
	}
	if (ours < 0 || best == MAX_PEERS)
		return false;
	fprintf(out, "<p class=lead>Create and destroy of one isolated context: %s %s, <b>%s</b> compared with %s of the best peer %s (%s), with %s live contexts.\n",
		figure(ours, 0), unit_names[unit], percent(ours, least, 1),
		figure(least, 0), what, run->peers[best].name, figure(contexts, 0));
	return true;
}

static void write_lead(FILE *out, const struct run *run, enum unit unit)
{
	if (write_best(out, run, unit, is_posted, "as merged or posted") |
	    write_best(out, run, unit, is_rival, "with the switches of ours"))
		fprintf(out, "<p>What each peer leaves out is in <a href='#peers'>its note</a>.\n");
}

/* The plots of one kind, those of the first setup open */
static void write_plots_of(FILE *out, const struct run *run, const char *kind)
{
	for (size_t s = 0; s < run->nr_setups; s++) {
		struct setup setup = run->setups[s];
		char *name = setup_name(setup);

		fprintf(out, "<details%s><summary>%s</summary><div class=grid>\n",
			s ? "" : " open", name);
		for (size_t t = 0; t < run->nr_tests; t++)
			plot(out, run, plot_name(kind, run->tests[t], setup));
		fprintf(out, "</div></details>\n");
		free(name);
	}
}

static void write_check(FILE *out, const struct run *run)
{
	char *samples = format("%s/samples.csv", run->dir);
	char *path = format("%s/check.ktap", run->dir);
	char *text = read_text(path);
	struct stat checked, measured;

	/* What it said of another run is of no interest */
	if (text && !stat(path, &checked) && !stat(samples, &measured) &&
	    checked.st_mtime >= measured.st_mtime) {
		fprintf(out, "<details><summary>Output of the gate</summary><pre>");
		html(out, text);
		fprintf(out, "</pre></details>\n");
	}
	free(text);
	free(path);
	free(samples);
}

static void write_all(FILE *out, const struct run *run)
{
	fprintf(out, "<h2 id=all>All figures</h2>\n");
	for (unsigned int u = 0; u < NR_UNITS; u++) {
		bool have = false;

		for (size_t i = 0; i < run->nr_metrics; i++)
			have = have || run->metrics[i].stats[u].n;
		if (!have)
			continue;
		fprintf(out, "<details><summary>%s</summary>\n", unit_names[u]);
		show_all(run, u, false, show, out);
		fprintf(out, "</details>\n");
	}
	fprintf(out, "<p class=dim>The figures of each context are in summary.csv, and all samples in samples.csv.\n");
}

void write_page(const struct run *run, const struct baseline *base,
		enum unit unit)
{
	char *path = format("%s/report.html", run->dir);
	char *skipped = skipped_text(run);
	FILE *out = create_file(path);

	fputs(head, out);
	fprintf(out, "<h1>iommu_subdev: what a context costs</h1>\n");
	write_lead(out, run, unit);
	fprintf(out, "<pre>");
	html(out, run->key_text);
	fprintf(out, "</pre>\n<p class=dim>");
	write_counts(run, out);
	if (!base)
		fprintf(out, "No baseline has this key, so no change since a baseline is shown.\n");
	fprintf(out, "<h2>Figures</h2>\n");
	for (size_t i = 0; i < run->nr_setups; i++) {
		char *name = setup_name(run->setups[i]);

		fprintf(out, "<details%s><summary>%s</summary>\n",
			i ? "" : " open", name);
		show_overview(run, base, run->setups[i], unit, show, out);
		fprintf(out, "<div class=wide>");
		plot(out, run, plot_name("life", (struct test){ .op = CREATE },
					 run->setups[i]));
		fprintf(out, "</div><div class=wide>");
		plot(out, run, plot_name("pairs", (struct test){ .op = MAP },
					 run->setups[i]));
		fprintf(out, "</div></details>\n");
		free(name);
	}
	show_commands(run, show, out);
	show_switches(run, unit, show, out);
	show_memory(run, show, out);
	fprintf(out, "<h2 id=peers>The peers</h2>\n");
	show_peers(run, show, out);
	if (skipped) {
		fprintf(out, "<p>Not measured, because this machine cannot:<pre>");
		html(out, skipped);
		fprintf(out, "</pre>\n");
	}
	free(skipped);
	write_check(out, run);
	fprintf(out, "<h2>Where the instructions go</h2><div class=grid>\n");
	for (enum op op = 0; op < NR_OPS; op++) {
		plot(out, run, format("functions-%s-self", op_names[op]));
		plot(out, run, format("subsystems-%s", op_names[op]));
	}
	fprintf(out, "</div>\n<p class=dim>The name of a function tells its subsystem. Locks, allocations, strings and IDs count for the innermost subsystem that called them. A sample is taken when interrupts are enabled again: _raw_spin_unlock_irqrestore includes what ran with interrupts disabled. ");
	fprintf(out, "In a flame graph the width of a box is its part of the samples. Click on a box to zoom in.\n");
	for (enum op op = 0; op < NR_OPS; op++)
		flame_graph(out, run, run->ours, op);
	fprintf(out, "<details><summary>Flame graphs of the peers</summary>\n");
	for (enum op op = 0; op < NR_OPS; op++)
		for (unsigned int p = 0; p < run->nr_peers; p++)
			if (p != run->ours)
				flame_graph(out, run, p, op);
	fprintf(out, "</details>\n<h2>Growth with the number of live contexts</h2>\n<p class=dim>Where lines coincide, that of " OURS " is on top.\n");
	write_plots_of(out, run, "scale");
	fprintf(out, "<h2>Distribution of each operation</h2>\n");
	fprintf(out, "<p class=dim>Up to the 99.5th percentile. The largest sample is in the column \"max\".\n");
	write_plots_of(out, run, "cdf");
	show_trace(run, show, out);
	write_all(out, run);
	close_file(out, path);
	free(path);
}
