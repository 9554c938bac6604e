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

/* The first that fits; a function that none fits is a helper of its caller */
static const struct {
	const char *prefix, *subsystem;
} subsystems[] = {
	{ "iommu_subdev_", "sub-devices" },
	{ "arm_smmu_", "SMMU driver" },
	{ "arm_lpae_", "page tables" },
	{ "arm_64_lpae_", "page tables" },
	{ "alloc_io_pgtable", "page tables" },
	{ "free_io_pgtable", "page tables" },
	{ "visit_iova_", "page tables" },
	{ "iommu_dma_", "DMA API" },
	{ "iommu_get_dma_", "DMA API" },
	{ "iommu_put_dma_", "DMA API" },
	{ "iommu_setup_dma_", "DMA API" },
	{ "dma_", "DMA API" },
	{ "alloc_iova", "DMA API" },
	{ "free_iova", "DMA API" },
	{ "iova_", "DMA API" },
	{ "put_iova_", "DMA API" },
	{ "iommu_", "IOMMU core" },
	{ "of_iommu_", "IOMMU core" },
	{ "dev_iommu_", "IOMMU core" },
	{ "kernfs_", "sysfs" },
	{ "sysfs_", "sysfs" },
	{ "internal_create_group", "sysfs" },
	{ "kobject_", "kobjects, uevents" },
	{ "kset_", "kobjects, uevents" },
	{ "dynamic_kobj_", "kobjects, uevents" },
	{ "add_uevent_", "kobjects, uevents" },
	{ "of_", "devicetree" },
	{ "fwnode_", "devicetree" },
	{ "device_", "driver core" },
	{ "dev_", "driver core" },
	{ "bus_", "driver core" },
	{ "class_", "driver core" },
	{ "devres_", "driver core" },
	{ "driver_", "driver core" },
	{ "really_probe", "driver core" },
	{ "get_device", "driver core" },
	{ "put_device", "driver core" },
	{ "platform_", "driver core" },
	{ "klist_", "driver core" },
	{ "dpm_", "power management" },
	{ "pm_", "power management" },
	{ "rcu_", "RCU, interrupts" },
	{ "handle_softirqs", "RCU, interrupts" },
	{ "bench_", "the benchmark" },
};

static const char *subsystem(const char *name)
{
	while (*name == '_')
		name++;
	for (unsigned int i = 0; i < ARRAY_SIZE(subsystems); i++)
		if (!strncmp(name, subsystems[i].prefix, strlen(subsystems[i].prefix)))
			return subsystems[i].subsystem;
	return NULL;
}

static struct function *find(struct function **functions, size_t *nr,
			     const char *name)
{
	for (size_t i = 0; i < *nr; i++)
		if (!strcmp((*functions)[i].name, name))
			return &(*functions)[i];
	*functions = grow(*functions, nr, sizeof(**functions));
	(*functions)[*nr - 1].name = copy(name);
	return &(*functions)[*nr - 1];
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
	struct function *f, *inner;
	const char *of = NULL;
	unsigned int depth = 0;

	for (name = strtok_r(line, ";", &save); name && depth < MAX_DEPTH;
	     name = strtok_r(NULL, ";", &save)) {
		/* perf's mark of what is the kernel's */
		char *mark = strstr(name, "_[k]");

		if (mark && !mark[4])
			*mark = 0;
		stack[depth] = name;
		f = find(&p->functions, &p->nr, name);
		if (!seen(stack, depth))
			f->inclusive += n;
		if (caller)
			add_call(p, caller, f->name);
		caller = f->name;
		depth++;
	}
	p->samples += n;
	if (!depth)
		return;
	find(&p->functions, &p->nr, stack[depth - 1])->self += n;
	for (unsigned int i = depth; i && !of; i--)
		of = subsystem(stack[i - 1]);
	inner = find(&p->subsystems, &p->nr_subsystems, of ?: "the benchmark");
	inner->inclusive += n;
	if (subsystem(stack[depth - 1]))
		inner->self += n;
}

static int by_self(const void *one, const void *two)
{
	const struct function *a = one, *b = two;

	if (a->self != b->self)
		return a->self < b->self ? 1 : -1;
	return strcmp(a->name, b->name);
}

static void in_percent(struct function *functions, size_t nr, uint64_t samples)
{
	for (size_t i = 0; i < nr; i++) {
		functions[i].self *= 100.0 / samples;
		functions[i].inclusive *= 100.0 / samples;
	}
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
	in_percent(p->functions, p->nr, p->samples);
	in_percent(p->subsystems, p->nr_subsystems, p->samples);
	if (p->nr)
		qsort(p->functions, p->nr, sizeof(*p->functions), by_self);
	free(path);
	return p->samples;
}

static void free_functions(struct function *functions, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(functions[i].name);
	free(functions);
}

void profile_free(struct profile *p)
{
	free_functions(p->functions, p->nr);
	free_functions(p->subsystems, p->nr_subsystems);
	free(p->calls);
}
