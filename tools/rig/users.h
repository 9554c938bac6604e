/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the drivers that use sub-devices share, see users.dts
 */
#ifndef _USERS_H
#define _USERS_H

#include "check.h"

/* A mapping that a driver has made, as the tracepoints of the DMA API tell it */
struct mapping {
	char event[24];
	char device[48];
	uint64_t iova;
};

void trace_start(void);
/* What was mapped or allocated since, at most MAX; then ended: unmapped or freed */
unsigned int trace_maps(struct mapping *maps, unsigned int max);
unsigned int trace_unmaps(const char *device);

/* Modules in the order that they need; dies if one cannot be loaded */
void load_modules(const char * const names[], unsigned int count);
void load_smmu(void);

/* A file, or device node, with a path that may come late */
bool appears(const char *path);
/* Whether engine N reads and writes MEM at an address; or does neither */
bool engine_reaches(unsigned int n, uint8_t *mem, uint64_t iova);
bool engine_is_stopped(unsigned int n, uint8_t *mem, uint64_t iova);
/* How many sub-devices a parent has, of IDs and nodes */
unsigned int subdevs_of(const char *parent);

/*
 * What each driver is tested with, in each boot: with the SMMU there; loaded before
 * the SMMU, which host1x_late loads, and after that; with an SMMU that is never
 * loaded, and not in the machine
 */
extern void (*const host1x_users[])(void);
extern void (*const host1x_passthrough[])(void);
extern void (*const host1x_late[])(void);
extern void (*const host1x_never[])(void);
extern void (*const host1x_none[])(void);
extern void (*const gpcdma_users[])(void);
extern void (*const gpcdma_waits[])(void);
extern void (*const gpcdma_late[])(void);
extern void (*const gpcdma_none[])(void);
extern void (*const fastrpc_users[])(void);
extern void (*const fastrpc_waits[])(void);
extern void (*const fastrpc_late[])(void);
extern void (*const fastrpc_none[])(void);
extern void (*const iris_users[])(void);
extern void (*const iris_waits[])(void);
extern void (*const iris_late[])(void);
extern void (*const iris_none[])(void);

#endif /* _USERS_H */
