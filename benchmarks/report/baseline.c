// SPDX-License-Identifier: GPL-2.0-only
/*
 * A baseline is what is kept of a good run
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

const char * const kept_names[NR_KEPT] = { "mid", "mean", "p90" };

char *find_baseline(const struct run *run, const char *root, char **why)
{
	char *key[NR_KEY], *text, *found = NULL;
	DIR *dir = opendir(root);
	struct dirent *entry;

	if (!dir && errno != ENOENT)
		die("cannot read the baselines in %s: %s", root, strerror(errno));
	while (dir && !found && (entry = readdir(dir))) {
		bool equal = true;

		if (entry->d_name[0] == '.')
			continue;
		found = format("%s/%s", root, entry->d_name);
		load_key(found, key, &text);
		for (unsigned int i = 0; i < NR_KEY; i++) {
			if (!strcmp(key[i], run->key[i]))
				continue;
			if (equal)
				append(why, "baseline %s is of another", entry->d_name);
			append(why, "%s %s: %s, this run's is %s",
			       equal ? "" : ";", key_names[i], key[i],
			       run->key[i]);
			equal = false;
		}
		for (unsigned int i = 0; i < NR_KEY; i++)
			free(key[i]);
		free(text);
		if (!equal) {
			append(why, "\n");
			free(found);
			found = NULL;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

void load_baseline(struct baseline *base, const char *dir)
{
	char *path = format("%s/metrics.csv", dir);
	struct csv csv;

	if (!csv_open(&csv, path, METRICS_HEADER, false))
		die("there is no %s", path);
	while (csv_next(&csv)) {
		struct base_metric *m;

		base->metrics = grow(base->metrics, &base->nr_metrics, sizeof(*m));
		m = &base->metrics[base->nr_metrics - 1];
		m->peer = copy(csv.field[0]);
		m->of.test.op = csv_word(&csv, 1, op_names, NR_OPS);
		m->of.test.size = csv_number(&csv, 2, false);
		m->of.contexts = csv_number(&csv, 3, false);
		m->of.threads = 1;
		m->of.mode = csv_word(&csv, 4, mode_names, NR_MODES);
		for (unsigned int k = 0; k < NR_KEPT; k++)
			m->kept[k] = csv_double(&csv, 5 + k);
	}
	free(path);

	base->commands = load_commands(dir, &base->nr_commands);

	path = format("%s/functions.csv", dir);
	if (csv_open(&csv, path, FUNCTIONS_HEADER, false)) {
		while (csv_next(&csv)) {
			struct base_function *f;

			base->functions = grow(base->functions,
					       &base->nr_functions, sizeof(*f));
			f = &base->functions[base->nr_functions - 1];
			f->op = csv_word(&csv, 0, op_names, NR_OPS);
			f->name = copy(csv.field[1]);
			f->self = csv_double(&csv, 2);
		}
	}
	free(path);
}

const struct base_metric *find_base(const struct baseline *base,
					   const char *peer, const struct id *of)
{
	for (size_t i = 0; i < base->nr_metrics; i++) {
		const struct base_metric *b = &base->metrics[i];

		if (!strcmp(b->peer, peer) && b->of.test.op == of->test.op &&
		    b->of.test.size == of->test.size && b->of.mode == of->mode &&
		    b->of.contexts == of->contexts && b->of.threads == of->threads)
			return b;
	}
	return NULL;
}
