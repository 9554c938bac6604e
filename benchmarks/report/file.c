// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text, and files of it: what cannot be read or written ends the program
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

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

char *vformat(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		die("out of memory");
	return text;
}

char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	return text;
}

void append(char **text, const char *fmt, ...)
{
	char *more, *both;
	va_list ap;

	va_start(ap, fmt);
	more = vformat(fmt, ap);
	va_end(ap);
	both = format("%s%s", *text ? *text : "", more);
	free(more);
	free(*text);
	*text = both;
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

unsigned int csv_count(struct csv *csv, unsigned int field, unsigned int min)
{
	int64_t value = csv_number(csv, field, false);

	if (value < min || value > 1 << 30)
		csv_die(csv, "field %u is %lld, out of range", field + 1,
			(long long)value);
	return value;
}

int64_t csv_signed(struct csv *csv, unsigned int field)
{
	bool minus = csv->field[field][0] == '-';
	int64_t value;

	csv->field[field] += minus;
	value = csv_number(csv, field, false);
	return minus ? -value : value;
}

double csv_double(struct csv *csv, unsigned int field)
{
	char *end;
	double value = strtod(csv->field[field], &end);

	if (end == csv->field[field] || *end || !(value >= 0))
		csv_die(csv, "field %u is '%.40s' instead of a number",
			field + 1, csv->field[field]);
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
