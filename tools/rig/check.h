/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the contract share
 */
#ifndef _CHECK_H
#define _CHECK_H

#include <sys/types.h>

#include "rig.h"

/* Nodes of machine.dts whose driver is the rig's */
#define PARENT		(devices->parent)
#define NO_MAP		(devices->no_map)
#define ABSENT		(devices->absent)
#define RIG_DRIVER	"/sys/bus/platform/drivers/subdev-rig-parent"

/* Keys in rig-parent's iommu-map */
#define ID_FIRST	0
#define ID_COUNT_MAX	256
#define ID_UNMAPPED	0x500
#define ID_DISABLED	0x1000
#define ID_OF_ENGINE_0	0x2000
#define ID_OF_PCI	0x2001
#define ID_OF_ENGINE_1	0x2002
#define ID_OUT_OF_RANGE	0x3000
/* Keys in rig-absent's: of the IOMMU that never comes, and of the machine's own */
#define ID_NEVER	0
#define ID_THERE	1

#define EPROBE_DEFER	517

/*
 * A test is a function in the list of a suite, see suites[] in check.c. It begins
 * with its name; its result is printed when it returns.
 */
void begin(const char *name);

/* A check within a test: the test goes on in any case */
bool check_line(bool ok, int line, const char *file, const char *what);
#define check(cond)	check_line(cond, __LINE__, __FILE_NAME__, #cond)

void check_errno_line(int ret, int want, int line, const char *file, const char *what);
#define check_errno(call, want)	check_errno_line(call, want, __LINE__, __FILE_NAME__, #call)

/* Each returns create's errno; the sub-device is rig->handle */
int create(struct subdev_rig *rig, const char *parent, unsigned int id);
int create_managed(struct subdev_rig *rig, const char *parent, unsigned int id);
int create_node(struct subdev_rig *rig, const char *parent, const char *name);
int destroy(struct subdev_rig *rig);
/* For the errno: a success is undone */
int try_create(const char *parent, unsigned int id);

int create_pasid(struct subdev_rig *rig, const char *parent);
int try_pasid(const char *parent);

/* What the driver of the IOMMU makes of a stream ID that there is not */
int no_such_stream(void);

bool bytes_are(const uint8_t *mem, uint8_t byte);
/* True if engine N, which nobody has, can write to memory */
bool engine_gets_through(unsigned int n);

/* Runs a function that never returns */
pid_t child(void (*run)(void));
/* Ends it; true if it has not ended by itself */
bool end_child(pid_t pid);

/* Loads the IOMMUs' drivers, the rig's module and the example */
void start_all(void);

/* The value of a line of /proc/meminfo, in kB */
unsigned long meminfo(const char *name);

/* life.c */
/* What rig_do() calls the machine's IOMMU */
const char *iommu_name(void);
void test_late_free(void);
void test_late_map(void);
void test_file_outlives(void);
void test_freed(void);
/* How often a probe that creates N contexts and then defers is called in 2 s */
unsigned int count_probes(const char *parent, const uint32_t *ids, unsigned int n);
void test_deferring_probe(void);
void test_deferring_create(void);
void test_usage_counts(void);
void test_suspended_parent(void);
void test_resuming_parent(void);
void test_late_neighbour(void);
void test_iommu_goes(void);
void test_iommu_pulled_out(void);

/* fault.c */
void test_fault_told(void);
void test_fault_storm(void);
void test_fault_ends(void);
void test_fault_race(void);

/* share.c */
void test_share(void);
void test_share_outlives(void);
void test_share_unbound(void);
void test_share_others(void);
void test_share_errors(void);

/* session.c */
void test_session_next(void);
void test_session_left(void);
void test_session_unbound(void);
void test_session_cost(void);

/* sleep.c */
void test_sleep(void);
void test_sleep_callbacks(void);
void test_resumed_often(void);

/* again.c */
void test_untouched(void);

/* smmuv2.c: what each boot begins with, and its tests */
void start_smmuv2(void);
void start_two_smmus(void);
extern void (*const smmuv2[])(void);
extern void (*const smmuv2_bypass[])(void);
extern void (*const two_smmus[])(void);

/* A kernel with CONFIG_DEVMEM */
void read_memory(uint64_t address, void *to, size_t len);
/* Are CHUNK such bytes there? Nothing is at 0 */
bool memory_is(uint64_t address, uint8_t byte);
/* A page of BYTE that is mapped for RIG */
int alloc_page(const struct subdev_rig *rig, struct subdev_rig *buf, uint8_t byte);
/*
 * What an address of so many bits is translated to, 0 for nothing: by page tables as
 * AArch64 has them, with pages of 4 KiB
 */
uint64_t walk_tables(uint64_t table, unsigned int bits, uint64_t iova);
/* The entry of the tables that says so, for 1 << *SHIFT bytes, or 0 */
uint64_t find_entry(uint64_t table, unsigned int bits, uint64_t iova, unsigned int *shift);

/* pasid.c */
void start_pasid(void);
extern void (*const pasids[])(void);
extern void (*const pasids_passthrough[])(void);

/* random.c */
void test_random(void);

#endif /* _CHECK_H */
