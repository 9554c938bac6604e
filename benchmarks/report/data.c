// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what a run left, and refuses what it does not understand: a figure out
 * of a half-written file is worse than none.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

const char * const unit_names[] = { "instructions", "cycles", "ns" };
const char * const mode_names[] = { "strict", "lazy" };
const char * const key_names[] = { "kernel", "compiler", "config", "machine" };
const char * const op_names[] = {
	"create", "destroy", "create_newest", "destroy_newest", "create_shuffled",
	"destroy_shuffled", "map", "unmap", "map_sg", "unmap_sg", "alloc", "free",
	"sync_device", "sync_cpu",
};

#define SAMPLES_HEADER \
	"peer,op,size,contexts,threads,mode,context,sample,warmup,instructions,cycles,ns"
#define MEMORY_HEADER	"peer,contexts,slab_bytes,page_bytes,percpu_bytes"
#define PEERS_HEADER	"peer,isolated,note"

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "bench: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(BAD_INPUT);
}

void *grow(void *array, size_t *n, size_t size)
{
	/* Twice the room whenever it is a power of two and full */
	if (!(*n & (*n - 1))) {
		array = realloc(array, (*n ? *n * 2 : 1) * size);
		if (!array)
			die("out of memory");
	}
	memset((char *)array + *n * size, 0, size);
	++*n;
	return array;
}

char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		die("out of memory");
	return new;
}

char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		die("out of memory");
	return text;
}

FILE *create_file(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		die("cannot write %s: %s", path, strerror(errno));
	return file;
}

void close_file(FILE *file, const char *path)
{
	bool bad = ferror(file);

	if (fclose(file) || bad)
		die("cannot write %s: %s", path, strerror(errno));
}

char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &room, 0, file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

void csv_die(struct csv *csv, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "bench: %s:%zu: ", csv->path, csv->nr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(BAD_INPUT);
}

static bool csv_line(struct csv *csv)
{
	ssize_t len = getline(&csv->line, &csv->room, csv->file);

	if (len < 0) {
		if (ferror(csv->file))
			die("cannot read %s", csv->path);
		fclose(csv->file);
		free(csv->line);
		free(csv->field);
		return false;
	}
	csv->nr++;
	/* The runner ends every line: this one was not written to its end */
	if (!len || csv->line[len - 1] != '\n')
		csv_die(csv, "the last line is cut off; was the run interrupted?");
	csv->line[len - 1] = 0;
	return true;
}

bool csv_open(struct csv *csv, const char *path, const char *header, bool rest)
{
	memset(csv, 0, sizeof(*csv));
	csv->path = path;
	csv->rest = rest;
	csv->file = fopen(path, "r");
	if (!csv->file) {
		if (errno != ENOENT)
			die("cannot read %s: %s", path, strerror(errno));
		return false;
	}
	csv->fields = 1;
	for (const char *c = header; *c; c++)
		csv->fields += *c == ',';
	csv->field = calloc(csv->fields, sizeof(*csv->field));
	if (!csv->field)
		die("out of memory");
	do {
		if (!csv_line(csv))
			die("%s has no header", path);
	} while (csv->line[0] == '#');
	if (strcmp(csv->line, header))
		csv_die(csv, "the header is '%.100s', but it has to be '%s'",
			csv->line, header);
	return true;
}

bool csv_next(struct csv *csv)
{
	char *next;

	if (!csv_line(csv))
		return false;
	next = csv->line;
	for (unsigned int i = 0; i < csv->fields; i++) {
		bool last = i == csv->fields - 1;

		if (!next)
			csv_die(csv, "it has %u fields instead of %u", i,
				csv->fields);
		csv->field[i] = next;
		next = last && csv->rest ? NULL : strchr(next, ',');
		if (next)
			*next++ = 0;
	}
	if (next)
		csv_die(csv, "it has more than %u fields", csv->fields);
	return true;
}

int64_t csv_number(struct csv *csv, unsigned int field, bool optional)
{
	const char *text = csv->field[field];
	int64_t value;
	char *end;

	if (optional && !*text)
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (!isdigit(*text) || *end || errno)
		csv_die(csv, "field %u is '%.40s' instead of a number",
			field + 1, text);
	return value;
}

static unsigned int csv_count(struct csv *csv, unsigned int field,
			      unsigned int min)
{
	int64_t value = csv_number(csv, field, false);

	if (value < min || value > 1 << 30)
		csv_die(csv, "field %u is %lld, out of range", field + 1,
			(long long)value);
	return value;
}

unsigned int csv_word(struct csv *csv, unsigned int field,
		      const char * const *words, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(csv->field[field], words[i]))
			return i;
	csv_die(csv, "field %u is '%.40s', which is not known here", field + 1,
		csv->field[field]);
}

enum op op_inverse(enum op op)
{
	return op < SYNC_DEVICE && op % 2 == 0 ? op + 1 : NR_OPS;
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

static void load_peers(struct run *run)
{
	static const char * const words[] = { "0", "no", "1", "yes" };
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
		peer->isolated = csv_word(&csv, 1, words, ARRAY_SIZE(words)) > 1;
		peer->note = copy(csv.field[2]);
		run->nr_peers++;
	}
	run->ours = find_peer(run, OURS);
	if (run->ours == MAX_PEERS)
		die("%s does not have " OURS, path);
	free(path);
}

/* What is left of the pages can be less than nothing */
static int64_t csv_signed(struct csv *csv, unsigned int field)
{
	bool minus = csv->field[field][0] == '-';
	int64_t value;

	csv->field[field] += minus;
	value = csv_number(csv, field, false);
	return minus ? -value : value;
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
			m->slab = csv_number(&csv, 2, false);
			m->page = csv_signed(&csv, 3);
			m->percpu = csv_number(&csv, 4, false);
		}
	}
	free(path);
}

#define COMPARE(a, b)	(((a) > (b)) - ((a) < (b)))

static int by_id(const struct id *a, const struct id *b)
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

static int by_value(const void *one, const void *two)
{
	const int64_t *a = one, *b = two;

	return COMPARE(*a, *b);
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

/* Nearest rank: the smallest sample that is not below P percent of them */
static int64_t percentile(const int64_t *sorted, size_t n, unsigned int p)
{
	return sorted[(n * p + 99) / 100 - 1];
}

struct stats stats_of(const struct sample *samples, size_t n, enum unit unit)
{
	static int64_t *values;
	static size_t room;
	struct stats s = { };
	double sum = 0;

	if (n > room) {
		room = n;
		values = realloc(values, room * sizeof(*values));
		if (!values)
			die("out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		if (samples[i].value[unit] < 0)
			continue;
		values[s.n++] = samples[i].value[unit];
		sum += samples[i].value[unit];
	}
	if (!s.n)
		return s;
	qsort(values, s.n, sizeof(*values), by_value);
	s.p50 = percentile(values, s.n, 50);
	s.p90 = percentile(values, s.n, 90);
	s.p99 = percentile(values, s.n, 99);
	s.max = values[s.n - 1];
	s.mean = sum / s.n;
	for (size_t i = s.n / 4; i < s.n - s.n / 4; i++)
		s.mid += values[i];
	s.mid /= s.n - 2 * (s.n / 4);
	return s;
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
	memset(run, 0, sizeof(*run));
	run->dir = dir;
	load_key(dir, run->key, &run->key_text);
	load_peers(run);
	load_samples(run);
	load_memory(run);
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

bool is_rival(const struct run *run, unsigned int peer)
{
	const struct peer *p = &run->peers[peer];

	return peer != run->ours && p->isolated && strcmp(p->name, DIRECT) &&
	       strcmp(p->name, FLOOR);
}

static bool find_pair(const struct run *run, unsigned int peer, struct test test,
		      unsigned int contexts, struct setup setup, enum unit unit,
		      const struct stats *pair[2])
{
	struct test inverse = { op_inverse(test.op), test.size };
	const struct metric *a, *b;

	a = find_metric(run, peer, test, contexts, setup);
	b = find_metric(run, peer, inverse, contexts, setup);
	if (!a || !b || !a->stats[unit].n || !b->stats[unit].n)
		return false;
	pair[0] = &a->stats[unit];
	pair[1] = &b->stats[unit];
	return true;
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

const char *test_name(struct test test)
{
	static char text[4][64];
	static unsigned int next;
	char *name = text[next++ % 4];

	snprintf(name, sizeof(text[0]), "%s%s%s", op_names[test.op],
		 test.size ? " " : "", size_name(test.size));
	return name;
}
