// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what a run left, and refuses what it does not understand: a figure out
 * of a half-written file is worse than none.
 */
#include <stdlib.h>
#include <string.h>

#include "data.h"

const char * const unit_names[] = { "instructions", "cycles", "ns" };
const char * const mode_names[] = { "strict", "lazy" };
const char * const key_names[] = { "kernel", "compiler", "config", "machine" };
const char * const op_names[] = {
	"create", "destroy", "create_newest", "destroy_newest", "create_shuffled",
	"destroy_shuffled", "create_used", "destroy_used", "create_map",
	"unmap_destroy", "map_first", "unmap_first", "map", "unmap", "map_sg",
	"unmap_sg", "map_sg_2m", "unmap_sg_2m", "map_sg_4k", "unmap_sg_4k", "alloc",
	"free", "alloc_noncontiguous", "free_noncontiguous", "import", "release",
	"sync_device", "sync_cpu", "reset",
};

const char * const command_names[] = {
	"CMD_SYNC", "CFGI", "TLBI", "PREFETCH", "other",
};

#define SAMPLES_HEADER \
	"peer,op,size,contexts,threads,mode,context,sample,warmup,instructions,cycles,ns"
#define MEMORY_HEADER	"peer,contexts,maps,slab_bytes,page_bytes,percpu_bytes"
#define PEERS_HEADER	"peer,isolated,note"
#define SWITCHES_HEADER	"peer,step,like,with"

enum op op_inverse(enum op op)
{
	return op < SYNC_DEVICE && op % 2 == 0 ? op + 1 : NR_OPS;
}

const char *size_name(unsigned long size)
{
	static char text[4][32];
	static unsigned int next;
	char *name = text[next++ % 4];

	if (!size)
		*name = 0;
	else if (size % (1 << 20) == 0)
		snprintf(name, sizeof(text[0]), "%lu MiB", size >> 20);
	else if (size % (1 << 10) == 0)
		snprintf(name, sizeof(text[0]), "%lu KiB", size >> 10);
	else
		snprintf(name, sizeof(text[0]), "%lu B", size);
	return name;
}

const char *figure(double value, unsigned int decimals)
{
	static char text[8][32];
	static unsigned int next;
	char *to = text[next++ % ARRAY_SIZE(text)], digits[32];
	size_t len = snprintf(digits, sizeof(digits), "%.*f", decimals, value);
	size_t whole = strcspn(digits, "."), n = 0;

	for (size_t i = 0; i < len && n < sizeof(text[0]) - 1; i++) {
		to[n++] = digits[i];
		if (i + 1 < whole && (whole - i - 1) % 3 == 0 &&
		    digits[i] != '-' && n < sizeof(text[0]) - 1)
			to[n++] = ',';
	}
	to[n] = 0;
	return to;
}

const char *percent(double a, double b, unsigned int decimals)
{
	static char text[8][32];
	static unsigned int next;
	char *to = text[next++ % ARRAY_SIZE(text)];

	snprintf(to, sizeof(text[0]), "%+.*f %%", decimals, 100 * a / b - 100);
	/* Not "-0.0" */
	if (!to[1 + strspn(to + 1, "0. %")])
		to[0] = '+';
	return to;
}

const char *test_name(struct test test)
{
	static char text[4][64];
	static unsigned int next;
	char *name = text[next++ % 4];

	snprintf(name, sizeof(text[0]), "%s%s%s", op_names[test.op],
		 test.size ? " " : "", size_name(test.size));
	return name;
}

char *setup_name(struct setup setup)
{
	if (setup.threads == 1)
		return format("%s invalidation", mode_names[setup.mode]);
	return format("%s invalidation, %u threads", mode_names[setup.mode],
		      setup.threads);
}

void load_key(const char *dir, char **key, char **text)
{
	char *path = format("%s/key", dir), *line, *next;

	*text = read_text(path);
	if (!*text)
		die("there is no %s: not a folder with results. Run 'make bench' first",
		    path);
	memset(key, 0, NR_KEY * sizeof(*key));
	for (line = *text; *line; line = next) {
		size_t len = strcspn(line, "\n");

		next = line + len + (line[len] == '\n');
		for (unsigned int i = 0; i < NR_KEY; i++) {
			size_t name = strlen(key_names[i]);

			if (key[i] || strncmp(line, key_names[i], name) ||
			    strncmp(line + name, ": ", 2))
				continue;
			name += 2;
			key[i] = format("%.*s", (int)(len - name), line + name);
		}
	}
	for (unsigned int i = 0; i < NR_KEY; i++)
		if (!key[i] || !*key[i])
			die("%s has no line '%s: ...'", path, key_names[i]);
	free(path);
}

unsigned int find_peer(const struct run *run, const char *name)
{
	for (unsigned int i = 0; i < run->nr_peers; i++)
		if (!strcmp(run->peers[i].name, name))
			return i;
	return MAX_PEERS;
}

static unsigned int csv_peer(struct csv *csv, const struct run *run)
{
	unsigned int peer = find_peer(run, csv->field[0]);

	if (peer == MAX_PEERS)
		csv_die(csv, "peers.csv does not have '%.40s'", csv->field[0]);
	return peer;
}

static const char * const yes_or_no[] = { "0", "no", "1", "yes" };

static bool csv_yes(struct csv *csv, unsigned int field)
{
	return csv_word(csv, field, yes_or_no, ARRAY_SIZE(yes_or_no)) > 1;
}

static void load_peers(struct run *run)
{
	char *path = format("%s/peers.csv", run->dir);
	struct csv csv;

	if (!csv_open(&csv, path, PEERS_HEADER, true))
		die("there is no %s", path);
	while (csv_next(&csv)) {
		struct peer *peer = &run->peers[run->nr_peers];

		if (run->nr_peers == MAX_PEERS)
			csv_die(&csv, "more than %u peers", MAX_PEERS);
		if (find_peer(run, csv.field[0]) != MAX_PEERS)
			csv_die(&csv, "'%.40s' is there twice", csv.field[0]);
		peer->name = copy(csv.field[0]);
		peer->isolated = csv_yes(&csv, 1);
		peer->like = MAX_PEERS;
		peer->note = copy(csv.field[2]);
		run->nr_peers++;
	}
	run->ours = find_peer(run, OURS);
	if (run->ours == MAX_PEERS)
		die("%s does not have " OURS, path);
	free(path);
}

/* Of a run without peers that are like others there is none */
static void load_switches(struct run *run)
{
	char *path = format("%s/switches.csv", run->dir);
	struct csv csv;

	if (csv_open(&csv, path, SWITCHES_HEADER, true)) {
		while (csv_next(&csv)) {
			struct peer *peer = &run->peers[csv_peer(&csv, run)];

			peer->step = csv_yes(&csv, 1);
			peer->like = find_peer(run, csv.field[2]);
			peer->with = copy(csv.field[3]);
			if (peer->like == MAX_PEERS)
				csv_die(&csv, "peers.csv does not have '%.40s'",
					csv.field[2]);
		}
	}
	free(path);
}

static void load_memory(struct run *run)
{
	char *path = format("%s/memory.csv", run->dir);
	struct csv csv;

	if (csv_open(&csv, path, MEMORY_HEADER, false)) {
		while (csv_next(&csv)) {
			struct memory *m;

			run->memory = grow(run->memory, &run->nr_memory,
					   sizeof(*m));
			m = &run->memory[run->nr_memory - 1];
			m->peer = csv_peer(&csv, run);
			m->contexts = csv_count(&csv, 1, 1);
			m->maps = csv_count(&csv, 2, 0);
			m->slab = csv_signed(&csv, 3);
			m->page = csv_signed(&csv, 4);
			m->percpu = csv_signed(&csv, 5);
		}
	}
	free(path);
}

struct commands *load_commands(const char *dir, size_t *nr)
{
	char *path = format("%s/commands.csv", dir);
	struct commands *commands = NULL;
	struct csv csv;

	*nr = 0;
	if (csv_open(&csv, path, COMMANDS_HEADER, false)) {
		while (csv_next(&csv)) {
			struct commands *c;

			commands = grow(commands, nr, sizeof(*c));
			c = &commands[*nr - 1];
			c->peer = copy(csv.field[0]);
			c->of.test.op = csv_word(&csv, 1, op_names, NR_OPS);
			c->of.test.size = csv_count(&csv, 2, 0);
			c->of.contexts = csv_count(&csv, 3, 1);
			c->of.threads = 1;
			c->of.mode = csv_word(&csv, 4, mode_names, NR_MODES);
			for (unsigned int k = 0; k < NR_COMMANDS; k++)
				c->n[k] = csv_count(&csv, 5 + k, 0);
		}
	}
	free(path);
	return commands;
}

const struct commands *find_commands(const struct commands *commands, size_t nr,
				     const char *peer, const struct id *of)
{
	for (size_t i = 0; i < nr; i++) {
		const struct commands *c = &commands[i];

		if (!strcmp(c->peer, peer) && c->of.test.op == of->test.op &&
		    c->of.test.size == of->test.size && c->of.mode == of->mode &&
		    (!of->contexts || c->of.contexts == of->contexts))
			return c;
	}
	return NULL;
}

int by_id(const struct id *a, const struct id *b)
{
	int ret = COMPARE(a->test.op, b->test.op);

	ret = ret ?: COMPARE(a->test.size, b->test.size);
	ret = ret ?: COMPARE(a->mode, b->mode);
	ret = ret ?: COMPARE(a->threads, b->threads);
	ret = ret ?: COMPARE(a->peer, b->peer);
	return ret ?: COMPARE(a->contexts, b->contexts);
}

static int by_sample(const void *one, const void *two)
{
	const struct sample *a = one, *b = two;
	int ret = by_id(&a->of, &b->of);

	ret = ret ?: COMPARE(a->why, b->why);
	ret = ret ?: COMPARE(a->context, b->context);
	return ret ?: COMPARE(a->nr, b->nr);
}

static void load_samples(struct run *run)
{
	static const char * const why[] = { "0", "1", "2" };
	char *path = format("%s/samples.csv", run->dir);
	struct csv csv;

	if (!csv_open(&csv, path, SAMPLES_HEADER, false))
		die("there is no %s. Run 'make bench' first", path);
	while (csv_next(&csv)) {
		struct sample *s;

		run->samples = grow(run->samples, &run->nr_samples, sizeof(*s));
		s = &run->samples[run->nr_samples - 1];
		s->of.peer = csv_peer(&csv, run);
		s->of.test.op = csv_word(&csv, 1, op_names, NR_OPS);
		s->of.test.size = csv_count(&csv, 2, 0);
		s->of.contexts = csv_count(&csv, 3, 1);
		s->of.threads = csv_count(&csv, 4, 1);
		s->of.mode = csv_word(&csv, 5, mode_names, NR_MODES);
		s->context = csv_count(&csv, 6, 0);
		s->nr = csv_count(&csv, 7, 0);
		s->why = csv_word(&csv, 8, why, ARRAY_SIZE(why));
		for (unsigned int u = 0; u < NR_UNITS; u++)
			s->value[u] = csv_number(&csv, 9 + u, true);
	}
	if (!run->nr_samples)
		die("%s has no samples", path);
	qsort(run->samples, run->nr_samples, sizeof(*run->samples), by_sample);
	free(path);
}

void read_run(struct run *run, const char *dir)
{
	memset(run, 0, sizeof(*run));
	run->dir = dir;
	load_key(dir, run->key, &run->key_text);
	load_peers(run);
	load_switches(run);
	load_samples(run);
	load_memory(run);
	run->commands = load_commands(dir, &run->nr_commands);
	for (size_t i = 0; run->commands && i < run->nr_commands; i++)
		if (find_peer(run, run->commands[i].peer) == MAX_PEERS)
			die("%s/commands.csv: peers.csv does not have '%.40s'", dir,
			    run->commands[i].peer);
}

char *skipped_text(const struct run *run)
{
	char *path = format("%s/skipped.txt", run->dir);
	char *text = read_text(path);

	free(path);
	return text;
}
