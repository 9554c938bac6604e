// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the life of a sub-device: what its parent's probe, its parent's power
 * and its IOMMU do to it, and what of it is used when it is dead
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

static const char *const kinds[RIG_KINDS] = {
	[RIG_COHERENT] = "coherent", [RIG_PAGES] = "pages", [RIG_SG] = "scattered",
};

/* What the DMA API says when it has no address to give */
static int map_error(unsigned int kind)
{
	return kind == RIG_COHERENT ? -ENOMEM : -EIO;
}

static int alloc(const struct subdev_rig *rig, struct subdev_rig *buf, unsigned int kind,
		 unsigned int size)
{
	*buf = *rig;
	buf->kind = kind;
	buf->size = size;
	buf->byte = 0xa0 + kind;
	buf->mask = 0;
	return rig_do(buf, RIG_ALLOC);
}

/* One bit for each buffer that was written since the last time */
static uint64_t written(void)
{
	struct subdev_rig rig = {};

	check_errno(rig_do(&rig, RIG_SCAN), 0);
	return rig.mask;
}

static uint64_t write_with_engine(unsigned int n, uint64_t address)
{
	engine_raw_write(n, address);
	return written();
}

/*
 * Maps a buffer at an address at which somebody else has memory, destroys the
 * context, or leaves that to the parent's unbind, and frees the buffer then.
 */
static void check_late_free(unsigned int kind, bool unbind)
{
	struct subdev_rig rig, buf, others = {};

	printf("# %s, then %s\n", kinds[kind], unbind ? "unbind" : "destroy");
	check_errno(rig_do(&others, RIG_OTHERS_ALLOC), 0);
	if (unbind)
		check_errno(create_managed(&rig, PARENT, ID_OF_ENGINE_0), 0);
	else
		check_errno(create(&rig, PARENT, ID_OF_ENGINE_0), 0);
	buf = rig;
	buf.kind = kind;
	buf.size = PAGE;
	buf.byte = 0xa5;
	/* The highest address that is left is the second page of the others */
	buf.mask = others.dma + 2 * PAGE - 1;
	check_errno(rig_do(&buf, RIG_ALLOC), 0);
	check(buf.dma == others.dma + PAGE);
	check(write_with_engine(0, buf.dma) == 1ULL << buf.buffer);

	if (unbind)
		check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
	else
		check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	check(!exists(SUBDEVS "/%s", rig.name));
	check(!write_with_engine(0, buf.dma));
	check_errno(rig_do(&buf, RIG_SYNC), 0);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(rig_do(&others, RIG_OTHERS_FREE), 0);
	check(!others.count);
	check(!engine_gets_through(0));
	check_errno(destroy(&rig), 0);
	check(!engine_gets_through(0));
	if (unbind)
		check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
}

/*
 * Memory may be freed after its context was destroyed, or after its parent's
 * driver was unbound, by whoever keeps a reference. It is freed then, and no other
 * memory is touched.
 */
void test_late_free(void)
{
	begin("memory_is_freed_after_its_context");
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++) {
		check_late_free(kind, false);
		check_late_free(kind, true);
	}
}

/*
 * Gives an address back, before the end of its context or after it, and asks for one
 * for as much memory.
 */
static void check_late_map(unsigned int kind, unsigned int size, bool unbind, bool late)
{
	struct subdev_rig rig, given_back, buf;

	check_errno(create_managed(&rig, PARENT, ID_FIRST), 0);
	check_errno(alloc(&rig, &given_back, RIG_PAGES, size), 0);
	if (!late)
		check_errno(rig_do(&given_back, RIG_FREE), 0);
	if (unbind)
		check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
	else
		check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	if (late)
		check_errno(rig_do(&given_back, RIG_FREE), 0);
	check_errno(alloc(&rig, &buf, kind, size), map_error(kind));
	if (unbind)
		check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
	check_errno(alloc(&rig, &buf, kind, size), map_error(kind));
	check_errno(destroy(&rig), 0);
}

/*
 * Nothing can be mapped when the context was destroyed, or the parent's driver
 * unbound: without a context an address would be one of physical memory.
 */
void test_late_map(void)
{
	begin("nothing_is_mapped_after_its_context");
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++)
		for (unsigned int size = PAGE; size <= 4 * PAGE; size *= 2)
			for (unsigned int how = 0; how < 4; how++)
				check_late_map(kind, size, how & 1, how & 2);
}

/*
 * An address that was given back is one that the context does not have: its DMA is
 * a fault of the right client.
 */
void test_freed(void)
{
	struct context ctx = { .engine = 0 };
	struct subdev_rig rig, buf, next;

	begin("dma_to_what_was_given_back_faults");
	check_errno(create(&rig, PARENT, ID_OF_ENGINE_0), 0);
	snprintf(ctx.name, sizeof(ctx.name), "%s", rig.name);
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++) {
		check_errno(alloc(&rig, &buf, kind, PAGE), 0);
		check_errno(alloc(&rig, &next, kind, PAGE), 0);
		check(write_with_engine(0, buf.dma) == 1ULL << buf.buffer);
		check_errno(rig_do(&buf, RIG_FREE), 0);
		log_await_faults();
		check(!write_with_engine(0, buf.dma));
		check(log_has_fault(&ctx));
		check(write_with_engine(0, next.dma) == 1ULL << next.buffer);
		check_errno(rig_do(&next, RIG_FREE), 0);
	}
	check_errno(destroy(&rig), 0);
}

/*
 * A file of the example that stays open over an unbind keeps what it has mapped,
 * until it is closed: nobody's DMA gets there, not even that of the same engine at
 * the same address. Then all of it is freed.
 */
void test_file_outlives(void)
{
	unsigned long before = 0, after;
	struct context old, new;
	struct buffer mine, big, theirs;

	begin("files_outlive_their_contexts");
	for (unsigned int i = 0; i < 8; i++) {
		/* The first round fills the allocators' caches */
		if (i == 1)
			before = meminfo("MemFree");
		check_errno(context_open(&old), 0);
		check_errno(context_alloc(&old, &mine, PAGE), 0);
		check_errno(context_alloc(&old, &big, 2 << 20), 0);
		memset(mine.mem, 0x55, PAGE);
		memset(big.mem, 0x66, big.size);

		check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
		check(!count_dir(SUBDEVS));
		engine_raw_write(old.engine, mine.iova);
		check(bytes_are(mine.mem, 0x55));
		check_errno(dma_to_engine(&old, mine.iova), -ENODEV);

		check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
		check_errno(context_open(&new), 0);
		check(new.engine == old.engine);
		check_errno(context_alloc(&new, &theirs, PAGE), 0);
		check(new.engine != old.engine || theirs.iova == mine.iova ||
		      cmdline("iommu.strict"));
		memset(theirs.mem, 0x77, PAGE);
		engine_raw_write(new.engine, theirs.iova);
		check(bytes_are(theirs.mem, 0));
		check(bytes_are(mine.mem, 0x55));
		check(bytes_are(big.mem + big.size - CHUNK, 0x66));

		/* Closing the old one takes nothing away from the new one */
		memset(theirs.mem, 0x88, PAGE);
		context_close(&old);
		check_errno(dma_to_engine(&new, theirs.iova), 0);
		memset(theirs.mem, 0, PAGE);
		check_errno(dma_from_engine(&new, theirs.iova), 0);
		check(bytes_are(theirs.mem, 0x88));
		context_close(&new);
		check(!engine_gets_through(0));
	}
	after = meminfo("MemFree");
	check(after + 4096 > before || exists(KMEMLEAK));
}

unsigned int count_probes(const char *parent, const uint32_t *ids, unsigned int n)
{
	struct subdev_rig rig = { .count = n };

	check_errno(write_file(parent, RIG_DRIVER "/unbind"), 0);
	snprintf(rig.parent, sizeof(rig.parent), "%s", parent);
	memcpy(rig.ids, ids, n * sizeof(*ids));
	check_errno(rig_do(&rig, RIG_DEFER), 0);
	/* A bind would not put it on the list of those that are probed again */
	write_file(parent, "/sys/bus/platform/drivers_probe");
	sleep_ms(2000);
	check(!count_dir(SUBDEVS));
	check_errno(rig_do(&rig, RIG_PROBE_END), 0);
	printf("# %s was probed %u times in 2 s\n", parent, rig.count);
	write_file(parent, RIG_DRIVER "/bind");
	check(exists(RIG_DRIVER "/%s", parent));
	return rig.count;
}

/*
 * Create has no effect on the probe that calls it: a probe that defers afterwards is
 * called once, until something changes.
 */
void test_deferring_probe(void)
{
	static const uint32_t ids[] = { ID_FIRST, ID_FIRST + 1 };

	begin("probe_that_defers_runs_once");
	check(count_probes(PARENT, ids, 1) == 1);
	check(count_probes(PARENT, ids, 2) == 1);
	check_errno(try_create(PARENT, ID_FIRST), 0);
}

/*
 * The same when it is the second create that defers: its IOMMU never comes.
 */
void test_deferring_create(void)
{
	static const uint32_t ids[] = { ID_THERE, ID_NEVER };

	begin("probe_whose_second_create_defers_runs_once");
	check(count_probes(ABSENT, ids, 2) == 1);
	check_errno(try_create(ABSENT, ID_THERE), 0);
	check_errno(try_create(ABSENT, ID_NEVER), -EPROBE_DEFER);
}

static int do_pm(const char *device, enum subdev_rig_op op, struct subdev_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->parent, sizeof(rig->parent), "%s", device);
	return rig_do(rig, op);
}

static unsigned int usage(const char *device)
{
	struct subdev_rig rig;

	check_errno(do_pm(device, RIG_PM_USAGE, &rig), 0);
	return rig.count;
}

/* As the driver core calls it */
const char *iommu_name(void)
{
	return has_virtio_iommu() ? VIOMMU : strchr(devices->smmu, ':') + 1;
}

/*
 * The IOMMU is powered while the parent has contexts, and when the parent's driver
 * has been unbound its usage count is what it was before the bind.
 */
void test_usage_counts(void)
{
	const char *iommu = iommu_name();
	struct subdev_rig rig, other;
	unsigned int parents, before;

	begin("usage_counts_are_given_back");
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
	check_errno(do_pm(iommu, RIG_PM_ENABLE, &rig), 0);
	before = usage(iommu);
	parents = usage(PARENT);
	for (unsigned int round = 0; round < 3; round++) {
		check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
		check_errno(try_create(PARENT, ID_FIRST), 0);
		check_errno(create(&rig, PARENT, ID_FIRST), 0);
		check_errno(create_managed(&other, PARENT, ID_FIRST + 1), 0);
		check(usage(iommu) > before);
		check_errno(destroy(&rig), 0);
		check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
		printf("# after unbind %u the usage count of %s is %u\n", round + 1, iommu,
		       usage(iommu));
		check(usage(iommu) == before);
		check(usage(PARENT) == parents);
		check_errno(destroy(&other), 0);
	}
	check_errno(do_pm(iommu, RIG_PM_DISABLE, &rig), 0);
	check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
}

static void check_suspended(const char *device)
{
	check(!strcmp(read_file("/sys/bus/platform/devices/%s/power/runtime_status", device),
		      "suspended"));
}

/*
 * Create does not resume a parent that is suspended, and its context can be used
 * for mappings meanwhile.
 */
void test_suspended_parent(void)
{
	struct subdev_rig pm, rig, managed, buf;
	struct context ctx;
	struct buffer mine;
	unsigned int n;

	begin("create_leaves_the_parent_suspended");
	check_errno(do_pm(PARENT, RIG_PM_ENABLE, &pm), 0);
	check_suspended(PARENT);
	n = usage(PARENT);
	check_errno(create(&rig, PARENT, ID_OF_ENGINE_0), 0);
	check_errno(create_managed(&managed, PARENT, ID_FIRST), 0);
	check_suspended(PARENT);
	check_errno(alloc(&rig, &buf, RIG_COHERENT, PAGE), 0);
	check(write_with_engine(0, buf.dma) == 1ULL << buf.buffer);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&managed), 0);
	check_errno(destroy(&rig), 0);
	check_suspended(PARENT);
	check_errno(do_pm(PARENT, RIG_PM_USAGE, &pm), 0);
	check(pm.count == n);
	check(!pm.resumes);
	check_errno(do_pm(PARENT, RIG_PM_DISABLE, &pm), 0);

	/* The example's driver has no runtime PM, so nothing keeps it suspended */
	check_errno(do_pm(ACCEL, RIG_PM_ENABLE, &pm), 0);
	check_errno(context_open(&ctx), 0);
	check_errno(context_alloc(&ctx, &mine, PAGE), 0);
	memset(mine.mem, 0x55, PAGE);
	check_errno(dma_from_engine(&ctx, mine.iova), 0);
	check(bytes_are(mine.mem, 0));
	context_close(&ctx);
	check_suspended(ACCEL);
	check_errno(do_pm(ACCEL, RIG_PM_DISABLE, &pm), 0);
}

/*
 * A parent may create contexts while it resumes.
 */
void test_resuming_parent(void)
{
	struct subdev_rig pm;

	begin("create_in_runtime_resume");
	check_errno(do_pm(PARENT, RIG_PM_ENABLE, &pm), 0);
	pm.id = ID_FIRST;
	check_errno(rig_do(&pm, RIG_PM_CREATE), 0);
	check_suspended(PARENT);
	check_errno(do_pm(PARENT, RIG_PM_USAGE, &pm), 0);
	check(pm.resumes == 1);
	check_errno(do_pm(PARENT, RIG_PM_DISABLE, &pm), 0);
	check(!count_dir(SUBDEVS));
}

/*
 * A device that is added later for the stream of a context does not get it, and the
 * context does not notice. Once the context is destroyed such a device does.
 */
void test_late_neighbour(void)
{
	struct subdev_rig rig, buf;

	begin("a_later_device_does_not_get_the_stream");
	check(exists(HOST_BRIDGE "/iommu_group"));
	check_errno(write_file("1", HOST_BRIDGE "/remove"), 0);
	check_errno(create(&rig, PARENT, ID_OF_PCI), 0);
	check_errno(pci_rescan(), 0);
	check(exists(HOST_BRIDGE));
	check(!exists(HOST_BRIDGE "/iommu_group"));
	check(!strncmp(domain_of(rig.name), "DMA", 3));
	check_errno(alloc(&rig, &buf, RIG_PAGES, PAGE), 0);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	check_errno(write_file("1", HOST_BRIDGE "/remove"), 0);
	check_errno(pci_rescan(), 0);
	check(exists(HOST_BRIDGE "/iommu_group"));
	check_errno(try_create(PARENT, ID_OF_PCI), -EBUSY);
}

/* Where an engine writes for ever: to memory of the test, and to a context's */
static unsigned int hammer_engine;
static uint64_t hammer_addresses[2];

static void hammer(void)
{
	for (unsigned int i = 0;; i++)
		engine_raw_write(hammer_engine, hammer_addresses[i % 2]);
}

#define ROUNDS	3

/* The IOMMU is removed under two files and a context with buffers, and comes back */
static void check_iommu_goes(unsigned int round)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct subdev_rig kept, bufs[RIG_KINDS];
	struct context ctx[2], again;
	struct buffer mine, theirs;
	pid_t hammering;

	if (page == MAP_FAILED)
		die("no memory");
	memset(page, 0x44, PAGE);
	check_errno(context_open(&ctx[0]), 0);
	check_errno(context_open(&ctx[1]), 0);
	check_errno(context_alloc(&ctx[1], &mine, PAGE), 0);
	check_errno(create(&kept, PARENT, ID_FIRST), 0);
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++)
		check_errno(alloc(&kept, &bufs[kind], kind, 4 * PAGE), 0);
	hammer_engine = ctx[1].engine;
	hammer_addresses[0] = physical_address(page);
	hammer_addresses[1] = mine.iova;
	hammering = child(hammer);
	memset(mine.mem, 0x55, PAGE);
	for (unsigned int i = 0; i < 50 && bytes_are(mine.mem, 0x55); i++)
		sleep_ms(100);
	check(bytes_are(mine.mem, 0));

	log_skip();
	check_errno(viommu_remove(), 0);
	/* Its users are told before it goes */
	check(log_has_in_order("driver left", "device removed"));
	check(!exists(VIOMMU_PCI));
	check(!exists(ACCEL_DRIVER "/%s", ACCEL));
	check(!exists(RIG_DRIVER "/%s", PARENT));
	check(!count_dir(SUBDEVS));
	check_errno(dma_to_engine(&ctx[1], mine.iova), -ENODEV);
	memset(mine.mem, 0x55, PAGE);
	sleep_ms(1000);
	check(bytes_are(mine.mem, 0x55));
	check(end_child(hammering));
	engine_raw_wait(hammer_engine);
	check(bytes_are(mine.mem, 0x55));
	check(bytes_are(page, 0x44));
	for (unsigned int n = 0; n < ENGINES; n++)
		check(!engine_gets_through(n));
	check(!written());

	/* Nobody gets a context meanwhile, not even with a driver */
	check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
	check_errno(try_create(PARENT, ID_FIRST), -EPROBE_DEFER);
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++) {
		struct subdev_rig late;

		check_errno(alloc(&kept, &late, kind, PAGE), map_error(kind));
		check_errno(rig_do(&bufs[kind], RIG_SYNC), 0);
	}

	/* The buffers are freed while there is no IOMMU, or when it is back */
	if (round % 2) {
		check_errno(pci_rescan(), 0);
		check(has_virtio_iommu());
	}
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++)
		check_errno(rig_do(&bufs[kind], RIG_FREE), 0);
	check_errno(destroy(&kept), 0);
	check(bytes_are(mine.mem, 0x55));
	context_close(&ctx[1]);
	if (!(round % 2))
		check_errno(pci_rescan(), 0);

	check(has_virtio_iommu());
	check(exists(VIOMMU_PCI "/of_node"));
	check_errno(try_create(PARENT, ID_FIRST), 0);
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	check_errno(context_open(&again), 0);
	check_errno(context_alloc(&again, &theirs, PAGE), 0);
	memset(theirs.mem, 0x66, PAGE);
	check_errno(dma_to_engine(&ctx[0], theirs.iova), -ENODEV);
	context_close(&ctx[0]);
	check_errno(dma_to_engine(&again, theirs.iova), 0);
	memset(theirs.mem, 0, PAGE);
	check_errno(dma_from_engine(&again, theirs.iova), 0);
	check(bytes_are(theirs.mem, 0x66));
	context_close(&again);
	for (unsigned int n = 0; n < ENGINES; n++)
		check(!engine_gets_through(n));
	munmap(page, PAGE);
}

/*
 * The IOMMU can be unplugged while contexts live and engines run. The parents'
 * drivers are unbound before: users get ENODEV, no DMA gets anywhere, and what is
 * mapped stays until it is freed. When the IOMMU is back, so are the contexts.
 */
void test_iommu_goes(void)
{
	begin("iommu_goes_and_comes");
	/* sysfs cannot unbind the driver under its users */
	check(!exists(VIOMMU_DRIVER "/bind"));
	check(!exists(VIOMMU_DRIVER "/unbind"));
	for (unsigned int round = 0; round < ROUNDS; round++)
		check_iommu_goes(round);
}

/*
 * The IOMMU looks as if it was pulled out while it has requests that it has not been
 * told of, as the unmaps with iommu.strict=0 are. Nobody waits for it.
 */
void test_iommu_pulled_out(void)
{
	struct subdev_rig rig, buf, pull = { .parent = VIOMMU_SLOT };

	begin("iommu_is_pulled_out");
	check_errno(create_managed(&rig, PARENT, ID_FIRST), 0);
	for (unsigned int i = 0; i < 10; i++) {
		check_errno(alloc(&rig, &buf, RIG_PAGES, PAGE), 0);
		check_errno(rig_do(&buf, RIG_FREE), 0);
	}
	check_errno(rig_do(&pull, RIG_PULL_OUT), 0);
	check_errno(viommu_remove(), 0);
	check(!exists(VIOMMU_PCI));
	check(!count_dir(SUBDEVS));
	check_errno(destroy(&rig), 0);

	check_errno(pci_rescan(), 0);
	check(has_virtio_iommu());
	check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	check_errno(try_create(PARENT, ID_FIRST), 0);
	for (unsigned int n = 0; n < ENGINES; n++)
		check(!engine_gets_through(n));
}
