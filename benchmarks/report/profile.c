// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folded stacks, one a line: "outermost;…;innermost N". The innermost function
 * spent N samples itself, and each one above it, once, by what it called.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

#define MAX_DEPTH	256

static struct function *find(struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->nr; i++)
		if (!strcmp(p->functions[i].name, name))
			return &p->functions[i];
	p->functions = grow(p->functions, &p->nr, sizeof(*p->functions));
	p->functions[p->nr - 1].name = copy(name);
	return &p->functions[p->nr - 1];
}

bool profile_calls(const struct profile *p, const struct function *a,
		   const struct function *b)
{
	for (size_t i = 0; i < p->nr_calls; i++) {
		const struct call *call = &p->calls[i];

		if ((call->caller == a->name && call->callee == b->name) ||
		    (call->caller == b->name && call->callee == a->name))
			return true;
	}
	return false;
}

static void add_call(struct profile *p, const char *caller, const char *callee)
{
	for (size_t i = 0; i < p->nr_calls; i++)
		if (p->calls[i].caller == caller && p->calls[i].callee == callee)
			return;
	p->calls = grow(p->calls, &p->nr_calls, sizeof(*p->calls));
	p->calls[p->nr_calls - 1] = (struct call){ caller, callee };
}

/* A stack that a function is in twice counts once for it */
static bool seen(char * const *stack, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		if (!strcmp(stack[i], stack[depth]))
			return true;
	return false;
}

static void add_stack(struct profile *p, char *line, uint64_t n)
{
	char *stack[MAX_DEPTH], *save = NULL, *name, *caller = NULL;
	struct function *f;
	unsigned int depth = 0;

	for (name = strtok_r(line, ";", &save); name && depth < MAX_DEPTH;
	     name = strtok_r(NULL, ";", &save)) {
		/* perf's mark of what is the kernel's */
		char *mark = strstr(name, "_[k]");

		if (mark && !mark[4])
			*mark = 0;
		stack[depth] = name;
		f = find(p, name);
		if (!seen(stack, depth))
			f->inclusive += n;
		if (caller)
			add_call(p, caller, f->name);
		caller = f->name;
		depth++;
	}
	if (depth)
		find(p, stack[depth - 1])->self += n;
	p->samples += n;
}

static int by_self(const void *one, const void *two)
{
	const struct function *a = one, *b = two;

	if (a->self != b->self)
		return a->self < b->self ? 1 : -1;
	return strcmp(a->name, b->name);
}

bool profile_load(struct profile *p, const struct run *run, unsigned int peer,
		  enum op op)
{
	char *path = format("%s/profile-%s-%s.folded", run->dir,
			    run->peers[peer].name, op_names[op]);
	FILE *file = fopen(path, "r");
	size_t room = 0, nr = 0;
	char *line = NULL;

	memset(p, 0, sizeof(*p));
	if (!file) {
		free(path);
		return false;
	}
	while (getline(&line, &room, file) > 0) {
		char *number = strrchr(line, ' '), *end = NULL;
		uint64_t n = number ? strtoull(number + 1, &end, 10) : 0;

		nr++;
		if (!n || !isdigit(number[1]) || *end != '\n')
			die("%s:%zu: it does not end with a number of samples",
			    path, nr);
		*number = 0;
		add_stack(p, line, n);
	}
	free(line);
	fclose(file);
	for (size_t i = 0; i < p->nr; i++) {
		p->functions[i].self *= 100.0 / p->samples;
		p->functions[i].inclusive *= 100.0 / p->samples;
	}
	if (p->nr)
		qsort(p->functions, p->nr, sizeof(*p->functions), by_self);
	free(path);
	return p->samples;
}

void profile_free(struct profile *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->functions[i].name);
	free(p->functions);
	free(p->calls);
}
