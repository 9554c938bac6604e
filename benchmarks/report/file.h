/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _FILE_H
#define _FILE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define COMPARE(a, b)	(((a) > (b)) - ((a) < (b)))

/* How a program ends */
enum { PASSED, FAILED, BAD_INPUT, NOT_COMPARED };

/* Ends with BAD_INPUT and says why */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Room for one more than N at ARRAY, which is returned; N counts it */
void *grow(void *array, size_t *n, size_t size);
char *copy(const char *text);
char *vformat(const char *fmt, va_list ap);
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* More text at the end of *TEXT, which may be NULL */
void append(char **text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
FILE *create_file(const char *path);
void close_file(FILE *file, const char *path);
/* NULL when there is none, and when it is not there */
char *read_text(const char *path);

/*
 * A file of lines with FIELDS comma-separated fields, the last of which may
 * have commas when REST is set. Dies on a line that is not like that. Before
 * the header there can be comments.
 */
struct csv {
	const char *path;
	FILE *file;
	char *line, **field;
	size_t room, nr;
	unsigned int fields;
	bool rest;
};

/* False when the file is not there */
bool csv_open(struct csv *csv, const char *path, const char *header, bool rest);
bool csv_next(struct csv *csv);
/* An optional number that is not there is -1 */
int64_t csv_number(struct csv *csv, unsigned int field, bool optional);
/* One that may be less than nothing */
int64_t csv_signed(struct csv *csv, unsigned int field);
double csv_double(struct csv *csv, unsigned int field);
unsigned int csv_count(struct csv *csv, unsigned int field, unsigned int min);
unsigned int csv_word(struct csv *csv, unsigned int field,
		      const char * const *words, unsigned int n);
void csv_die(struct csv *csv, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

#endif /* _FILE_H */
