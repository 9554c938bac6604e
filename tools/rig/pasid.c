// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that are PASIDs, with the driver of the SMMUv3. QEMU 7.2 has no substreams:
 * subdev-rig-ssids.ko makes the driver believe that there are, and QEMU takes the
 * stream table entry of a device that has them for a bad one. So there is no DMA here,
 * not even of the device itself. What the SMMU would do with one is read where it reads
 * that: in the stream table, the context descriptors and the page tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

/* As in machine.dts */
#define SSIDS		"rig-ssids"
#define DEVICE		SSIDS ":parent"
#define STREAM		0x400
#define PASIDS		8

#define SMMU		0x9050000
#define SMMU_DRIVER	"/sys/bus/platform/drivers/arm-smmu-v3"
#define GROUPS		"/sys/kernel/iommu_groups"

/* Registers and fields of Arm's architecture specification for the SMMUv3 */
#define STRTAB_BASE	0x80
#define STRTAB_CFG	0x88
#define ADDRESS		0xfffffffffffc0
#define STE_BYPASS	4
#define STE_S1		5
#define S1DSS_BYPASS	1
#define S1DSS_SSID0	2
#define CD_VALID	0x80000000

struct ste {
	uint64_t word[8];
};

/* A context descriptor; that of 0 is for DMA without a PASID */
struct cd {
	uint64_t word[8];
};

static bool same(const void *a, const void *b)
{
	return !memcmp(a, b, sizeof(struct cd));
}

static void read_ste(struct ste *ste)
{
	static volatile uint32_t *regs;
	unsigned int split;
	uint64_t table;

	if (!regs) {
		int fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);

		regs = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, SMMU);
		if (regs == MAP_FAILED)
			die("cannot map the registers of the SMMUv3: %s", strerror(errno));
		close(fd);
	}
	table = (regs[STRTAB_BASE / 4] | (uint64_t)regs[STRTAB_BASE / 4 + 1] << 32) & ADDRESS;
	split = regs[STRTAB_CFG / 4] >> 6 & 0x1f;
	/* One of two levels, whose first one has the addresses of tables */
	if ((regs[STRTAB_CFG / 4] >> 16 & 3) != 1)
		die("the stream table of the SMMUv3 has one level");
	read_memory(table + (STREAM >> split) * 8, &table, sizeof(table));
	memset(ste, 0, sizeof(*ste));
	if (table & 0x1f)
		read_memory((table & ADDRESS) + (STREAM & ((1 << split) - 1)) * sizeof(*ste),
			    ste, sizeof(*ste));
}

/* What is done with the DMA of the stream */
static unsigned int ste_config(const struct ste *ste)
{
	return ste->word[0] & 1 ? ste->word[0] >> 1 & 7 : 0;
}

/* What is done with that without a PASID, if there is a table of descriptors */
static unsigned int ste_s1dss(const struct ste *ste)
{
	return ste->word[1] & 3;
}

/* All of them are in one table */
static void read_cds(struct cd cds[PASIDS])
{
	struct ste ste;

	read_ste(&ste);
	memset(cds, 0, PASIDS * sizeof(*cds));
	if (ste_config(&ste) != STE_S1)
		return;
	check(!(ste.word[0] >> 4 & 3));
	check(1 << (ste.word[0] >> 59) == PASIDS);
	read_memory(ste.word[0] & ADDRESS, cds, PASIDS * sizeof(*cds));
}

static bool is_valid(const struct cd *cd)
{
	return cd->word[0] & CD_VALID;
}

static unsigned int asid(const struct cd *cd)
{
	return cd->word[0] >> 48;
}

static uint64_t tables(const struct cd *cd)
{
	return cd->word[1] & 0xffffffffffff0;
}

static bool is_blocked(unsigned int pasid)
{
	struct cd cds[PASIDS];

	read_cds(cds);
	return !is_valid(&cds[pasid]);
}

static bool none_is_left(void)
{
	for (unsigned int pasid = 1; pasid < PASIDS; pasid++)
		if (!is_blocked(pasid))
			return false;
	return !count_dir(SUBDEVS);
}

/* Where an access ends up: 0 if nowhere. PASID 0 is none */
static uint64_t walk(unsigned int pasid, uint64_t iova)
{
	struct cd cds[PASIDS];
	const struct cd *cd = &cds[pasid];

	read_cds(cds);
	if (!is_valid(cd))
		return 0;
	/* AArch64's tables with pages of 4 KiB, that of TTB0 alone */
	check((cd->word[0] >> 41 & 1) && !(cd->word[0] >> 6 & 3) && !(cd->word[0] >> 14 & 1));
	return walk_tables(tables(cd), 64 - (cd->word[0] & 0x3f), iova);
}

/* Whether DMA to this address looks into the caches, as an index of the memory types */
static unsigned int memory_type(unsigned int pasid, uint64_t iova)
{
	struct cd cds[PASIDS];
	const struct cd *cd = &cds[pasid];
	unsigned int shift;

	read_cds(cds);
	return find_entry(tables(cd), 64 - (cd->word[0] & 0x3f), iova, &shift) >> 2 & 7;
}

static bool reaches(unsigned int pasid, uint64_t iova, uint8_t byte)
{
	return memory_is(walk(pasid, iova), byte);
}

static int create_managed_pasid(struct subdev_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->parent, sizeof(rig->parent), "%s", DEVICE);
	return rig_do(rig, RIG_DEVM_CREATE_PASID);
}

static int do_device(const char *device, enum subdev_rig_op op)
{
	struct subdev_rig rig = {};

	snprintf(rig.parent, sizeof(rig.parent), "%s", device);
	return rig_do(&rig, op);
}

/*
 * A PASID is blocked until it has a context. Then its descriptor has an ASID and page
 * tables of its own. After destroy it is blocked. Neither create nor destroy touches the
 * entry of the stream, or the descriptors of others and of DMA without a PASID.
 */
static void test_descriptors(void)
{
	struct cd before[PASIDS], one[PASIDS], two[PASIDS], after[PASIDS];
	struct subdev_rig a, b;
	struct ste ste[2];
	char name[64];

	begin("a_pasid_in_the_descriptors");
	read_ste(&ste[0]);
	check(ste_config(&ste[0]) == STE_S1 && ste_s1dss(&ste[0]) == S1DSS_SSID0);
	read_cds(before);
	check(is_valid(&before[0]) && none_is_left());

	check_errno(create_pasid(&a, DEVICE), 0);
	if (!check(a.id && a.id < PASIDS))
		return;
	snprintf(name, sizeof(name), DEVICE ".pasid%u", a.id);
	check(!strcmp(a.name, name));
	check(exists(SUBDEVS "/%s", name));
	read_cds(one);
	check(is_valid(&one[a.id]));
	check(asid(&one[a.id]) && asid(&one[a.id]) != asid(&one[0]));
	check(tables(&one[a.id]) && tables(&one[a.id]) != tables(&one[0]));
	printf("# no PASID: ASID %u, tables at 0x%llx; PASID %u: ASID %u, tables at 0x%llx\n",
	       asid(&one[0]), (unsigned long long)tables(&one[0]), a.id, asid(&one[a.id]),
	       (unsigned long long)tables(&one[a.id]));

	check_errno(create_pasid(&b, DEVICE), 0);
	if (!check(b.id && b.id < PASIDS && b.id != a.id))
		return;
	read_cds(two);
	check(is_valid(&two[b.id]));
	check(asid(&two[b.id]) != asid(&two[0]) && asid(&two[b.id]) != asid(&two[a.id]));
	check(tables(&two[b.id]) != tables(&two[0]) && tables(&two[b.id]) != tables(&two[a.id]));
	for (unsigned int pasid = 0; pasid < PASIDS; pasid++)
		check(pasid == b.id || same(&two[pasid], &one[pasid]));

	check_errno(destroy(&a), 0);
	read_cds(after);
	check(!is_valid(&after[a.id]));
	for (unsigned int pasid = 0; pasid < PASIDS; pasid++)
		check(pasid == a.id || same(&after[pasid], &two[pasid]));
	check_errno(destroy(&b), 0);
	read_cds(after);
	check(!is_valid(&after[b.id]) && same(&after[0], &before[0]));
	read_ste(&ste[1]);
	check(same(&ste[1], &ste[0]));
	check(none_is_left());
}

/*
 * One address is one page for each PASID, and another one for DMA without a PASID. What
 * is mapped for one is reached with that alone, and not any more when it is unmapped.
 */
static void test_tables(void)
{
	struct subdev_rig rig[2], buf[2], low[2], own = { .parent = DEVICE };
	uint64_t page;

	begin("pasids_have_tables_of_their_own");
	check_errno(rig_do(&own, RIG_PARENT_BUFFER), 0);
	page = walk(0, own.dma);
	check(page);
	for (unsigned int i = 0; i < 2; i++) {
		check_errno(create_pasid(&rig[i], DEVICE), 0);
		check(!walk(rig[i].id, own.dma));
		check_errno(alloc_page(&rig[i], &buf[i], 0xb0 + i), 0);
	}
	check(buf[0].dma == own.dma && buf[1].dma == own.dma);
	check(walk(0, own.dma) == page);
	for (unsigned int i = 0; i < 2; i++) {
		check(reaches(rig[i].id, own.dma, 0xb0 + i));
		check(walk(rig[i].id, own.dma) != page);
		check(memory_type(rig[i].id, own.dma) == memory_type(0, own.dma));
		check(!walk(rig[i].id, own.dma + PAGE) && !walk(rig[i].id, own.dma - PAGE));
		/* Nor what the address would be without an IOMMU */
		check(!walk(rig[i].id, page));
	}

	/* At an address that only one of them has */
	for (unsigned int i = 0; i < 2; i++) {
		low[i] = rig[i];
		low[i].kind = RIG_PAGES;
		low[i].size = PAGE;
		low[i].byte = 0xc0 + i;
		low[i].mask = (1ULL << (30 + i)) - 1;
		check_errno(rig_do(&low[i], RIG_ALLOC), 0);
		check(reaches(rig[i].id, low[i].dma, 0xc0 + i));
	}
	check(!walk(rig[1].id, low[0].dma) && !walk(rig[0].id, low[1].dma));
	check(!walk(0, low[0].dma) && !walk(0, low[1].dma));

	check_errno(rig_do(&buf[0], RIG_FREE), 0);
	check(!walk(rig[0].id, own.dma));
	check(reaches(rig[1].id, own.dma, 0xb1) && walk(0, own.dma) == page);
	check_errno(rig_do(&low[0], RIG_FREE), 0);
	check_errno(destroy(&rig[0]), 0);
	check(!walk(rig[0].id, own.dma));
	check(reaches(rig[1].id, own.dma, 0xb1) && walk(0, own.dma) == page);
	check_errno(rig_do(&buf[1], RIG_FREE), 0);
	check_errno(rig_do(&low[1], RIG_FREE), 0);
	check_errno(destroy(&rig[1]), 0);
	check(walk(0, own.dma) == page);
	check(none_is_left());
}

/*
 * -ENOSPC: all PASIDs that the device can send have a context, and that is no news for
 * the log. A PASID is free again when its context is destroyed.
 */
static void test_full(void)
{
	struct subdev_rig rig[PASIDS], extra;
	unsigned int seen = 1;

	begin("enospc_without_a_free_pasid");
	for (unsigned int i = 1; i < PASIDS; i++) {
		check_errno(create_pasid(&rig[i], DEVICE), 0);
		check(rig[i].id < PASIDS && !(seen & 1 << rig[i].id));
		seen |= 1 << rig[i].id;
	}
	check(seen == (1 << PASIDS) - 1);
	log_skip();
	check_errno(create_pasid(&extra, DEVICE), -ENOSPC);
	check_errno(create_managed_pasid(&extra), -ENOSPC);
	check(!log_has(DEVICE, ""));
	check(count_dir(SUBDEVS) == PASIDS - 1);
	/* Also while somebody has a reference */
	check_errno(rig_do(&rig[3], RIG_DESTROY_KEEP), 0);
	check_errno(create_pasid(&extra, DEVICE), 0);
	check(extra.id == rig[3].id);
	check(!is_blocked(extra.id));
	check_errno(destroy(&rig[3]), 0);
	check(!is_blocked(extra.id));
	check_errno(destroy(&extra), 0);
	for (unsigned int i = 1; i < PASIDS; i++)
		if (i != 3)
			check_errno(destroy(&rig[i]), 0);
	check(none_is_left());
}

/*
 * -EINVAL: the parent is a context itself. -ENODEV: it is behind no IOMMU, though its
 * contexts can be. -EOPNOTSUPP: firmware gives it no PASIDs.
 */
static void test_refused(void)
{
	struct subdev_rig rig, sub;

	begin("errors_of_bad_parents");
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	/* The rig finds no sub-device by its name */
	check_errno(create_pasid(&sub, rig.name), -ENOTTY);
	check_errno(destroy(&rig), 0);
	check_errno(try_pasid(PARENT), -ENODEV);
	check_errno(try_pasid(NO_MAP), -ENODEV);
	check_errno(write_file(DEVICE, RIG_DRIVER "/unbind"), 0);
	check_errno(try_pasid(DEVICE), -EINVAL);
	check_errno(write_file(DEVICE, RIG_DRIVER "/bind"), 0);
	check_errno(try_pasid(DEVICE), 0);
	check(none_is_left());
}

/*
 * -EPERM: nobody else gets the DMA of the parent, or of the PASID, while there is a
 * context, nor can root change what is translated.
 */
static void test_claims(void)
{
	unsigned int groups = count_dir(GROUPS);
	struct subdev_rig rig, buf;

	begin("eperm_for_who_claims_the_dma");
	check_errno(create_pasid(&rig, DEVICE), 0);
	check_errno(alloc_page(&rig, &buf, 0xd0), 0);
	check_errno(rig_do(&rig, RIG_CLAIM_GROUP), -EPERM);
	check_errno(do_device(DEVICE, RIG_CLAIM_PARENT), -EPERM);
	check_errno(write_file("identity", "/sys/bus/platform/devices/" DEVICE
			       "/iommu_group/type"), -EPERM);
	/* That of the PASID cannot be written: it is in no folder */
	check(count_dir(GROUPS) == groups);
	check(rig_do(&rig, RIG_OWN_DOMAIN) < 0);
	check(reaches(rig.id, buf.dma, 0xd0));
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	check(none_is_left());
}

/*
 * Memory may be unmapped and freed after its context was destroyed, by whoever keeps a
 * reference, also when another context has the PASID. Nothing can be mapped then.
 */
static void test_late(void)
{
	struct subdev_rig rig, next, buf[RIG_KINDS], later, others;

	begin("memory_is_freed_after_its_context");
	check_errno(create_pasid(&rig, DEVICE), 0);
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++) {
		buf[kind] = rig;
		buf[kind].kind = kind;
		buf[kind].size = PAGE;
		buf[kind].byte = 0xe0 + kind;
		check_errno(rig_do(&buf[kind], RIG_ALLOC), 0);
		check(reaches(rig.id, buf[kind].dma, 0xe0 + kind));
	}
	check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	check(!exists(SUBDEVS "/%s", rig.name));
	check(is_blocked(rig.id));
	check_errno(alloc_page(&rig, &later, 0xef), -EIO);

	check_errno(create_pasid(&next, DEVICE), 0);
	check(next.id == rig.id);
	check_errno(alloc_page(&next, &others, 0xee), 0);
	check(others.dma == buf[0].dma);
	for (unsigned int kind = 0; kind < RIG_KINDS; kind++) {
		check_errno(rig_do(&buf[kind], RIG_SYNC), 0);
		check_errno(rig_do(&buf[kind], RIG_FREE), 0);
	}
	check_errno(destroy(&rig), 0);
	check(reaches(next.id, others.dma, 0xee));
	check_errno(rig_do(&others, RIG_FREE), 0);
	check_errno(destroy(&next), 0);
	check(none_is_left());
}

/*
 * Unbind destroys what the driver has forgotten, which is warned of, and what is
 * managed. Nothing holds the parent's group after that: somebody else can claim it. What
 * is mapped is unmapped later.
 */
static void test_unbind_parent(void)
{
	struct subdev_rig forgotten, managed, buf[2];
	struct cd before[PASIDS], after[PASIDS];

	begin("unbind_ends_forgotten_and_managed");
	read_cds(before);
	check_errno(create_pasid(&forgotten, DEVICE), 0);
	check_errno(create_managed_pasid(&managed), 0);
	check_errno(alloc_page(&forgotten, &buf[0], 0xf0), 0);
	check_errno(alloc_page(&managed, &buf[1], 0xf1), 0);
	check_errno(rig_do(&managed, RIG_MANAGED_BUFFER), 0);
	log_skip();
	check_errno(write_file(DEVICE, RIG_DRIVER "/unbind"), 0);
	check(log_count("left", forgotten.name) == 1);
	check(!log_has("left", managed.name));
	check(none_is_left());
	read_cds(after);
	check(same(&after[0], &before[0]));
	check_errno(do_device(DEVICE, RIG_CLAIM_PARENT), 0);
	check_errno(write_file(DEVICE, RIG_DRIVER "/bind"), 0);
	for (unsigned int i = 0; i < 2; i++) {
		check_errno(rig_do(&buf[i], RIG_SYNC), 0);
		check_errno(rig_do(&buf[i], RIG_FREE), 0);
	}
	check_errno(destroy(&forgotten), 0);
	check_errno(rig_do(&managed, RIG_DESTROY_KEEP), 0);
	check_errno(destroy(&managed), 0);
	check_errno(try_pasid(DEVICE), 0);

	/* The same without a context, and with one that was destroyed */
	check_errno(write_file(DEVICE, RIG_DRIVER "/unbind"), 0);
	check_errno(do_device(DEVICE, RIG_CLAIM_PARENT), 0);
	check_errno(write_file(DEVICE, RIG_DRIVER "/bind"), 0);
}

/*
 * The device itself goes, with its driver bound and with contexts, which end before the
 * SMMU's driver releases it.
 */
static void test_removed(void)
{
	struct subdev_rig rig, managed, buf;
	struct ste ste;

	begin("the_parent_is_removed");
	check_errno(create_pasid(&rig, DEVICE), 0);
	check_errno(create_managed_pasid(&managed), 0);
	check_errno(alloc_page(&rig, &buf, 0xf2), 0);
	check_errno(write_file(SSIDS, "/sys/bus/platform/drivers/subdev-rig-ssids/unbind"), 0);
	check(!exists("/sys/bus/platform/devices/" DEVICE));
	check(!count_dir(SUBDEVS));
	read_ste(&ste);
	check(ste_config(&ste) != STE_S1);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	check_errno(destroy(&managed), 0);
	check_errno(write_file(SSIDS, "/sys/bus/platform/drivers/subdev-rig-ssids/bind"), 0);
	check_errno(try_pasid(DEVICE), 0);
	check(none_is_left());
}

static unsigned int module_users(void)
{
	return read_file("/sys/module/arm_smmu_v3/refcnt")[0] - '0';
}

/*
 * Root cannot unbind the driver of the SMMU, nor remove its module while there is a
 * context, or somebody may unmap what was mapped for one. The parent is powered with it.
 */
static void test_driver_stays(void)
{
	unsigned int before = module_users();
	struct subdev_rig rig;

	begin("the_driver_stays_under_its_pasids");
	check(!exists(SMMU_DRIVER "/unbind"));
	check_errno(create_pasid(&rig, DEVICE), 0);
	check(module_users() > before);
	check(exists("/sys/class/devlink/platform:9050000.smmuv3--platform:" DEVICE));
	check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	check(module_users() > before);
	check_errno(unload_module("arm_smmu_v3"), -EWOULDBLOCK);
	check_errno(destroy(&rig), 0);
	check(module_users() == before);
}

static int measure(const char *what, const char *device, enum subdev_rig_op op,
		   struct subdev_rig_cost *cost)
{
	struct subdev_rig rig = {};
	int ret;

	snprintf(rig.parent, sizeof(rig.parent), "%s", device);
	ret = rig_do(&rig, op);
	*cost = rig.cost;
	printf("# %s: create %llu, destroy %llu, map %llu, unmap %llu instructions\n", what,
	       cost->create, cost->destroy, cost->map, cost->unmap);
	return ret;
}

/*
 * A PASID costs no more than 0.6 of a stream to create and destroy. To map and to unmap
 * costs what it costs the device itself, to the instruction.
 */
static void test_cost(void)
{
	struct subdev_rig_cost stream, pasid, own;

	begin("a_pasid_costs_less_than_a_stream");
	check_errno(measure("a stream", PARENT, RIG_COST, &stream), 0);
	check_errno(measure("a PASID", DEVICE, RIG_COST_PASID, &pasid), 0);
	check_errno(measure("the device itself", DEVICE, RIG_COST_PARENT, &own), 0);
	printf("# create and destroy: %llu %% of a stream\n",
	       100 * (pasid.create + pasid.destroy) / (stream.create + stream.destroy));
	check(10 * (pasid.create + pasid.destroy) <= 6 * (stream.create + stream.destroy));
	check(pasid.map == own.map && pasid.unmap == own.unmap);
}

/*
 * With iommu.passthrough=1 the DMA of the parent without a PASID bypasses the SMMU, and
 * a PASID is translated. When the last one ends, there is nothing but the bypass.
 */
static void test_pasid_passthrough(void)
{
	struct subdev_rig rig[2], buf[2];
	struct ste before, ste;
	struct cd cds[PASIDS];

	begin("a_pasid_is_translated_with_passthrough");
	read_ste(&before);
	check(ste_config(&before) == STE_BYPASS);
	for (unsigned int i = 0; i < 2; i++) {
		check_errno(create_pasid(&rig[i], DEVICE), 0);
		read_ste(&ste);
		check(ste_config(&ste) == STE_S1 && ste_s1dss(&ste) == S1DSS_BYPASS);
		check_errno(alloc_page(&rig[i], &buf[i], 0xb0 + i), 0);
	}
	read_cds(cds);
	check(!is_valid(&cds[0]));
	check(buf[0].dma == buf[1].dma);
	check(reaches(rig[0].id, buf[0].dma, 0xb0) && reaches(rig[1].id, buf[1].dma, 0xb1));
	check(!walk(rig[0].id, walk(rig[0].id, buf[0].dma)));
	check_errno(write_file("DMA", "/sys/bus/platform/devices/" DEVICE "/iommu_group/type"),
		    -EPERM);
	check_errno(rig_do(&buf[0], RIG_FREE), 0);
	check_errno(destroy(&rig[0]), 0);
	check(is_blocked(rig[0].id) && reaches(rig[1].id, buf[1].dma, 0xb1));
	check_errno(write_file(DEVICE, RIG_DRIVER "/unbind"), 0);
	read_ste(&ste);
	check(same(&ste, &before));
	check_errno(do_device(DEVICE, RIG_CLAIM_PARENT), 0);
	check_errno(rig_do(&buf[1], RIG_FREE), 0);
	check_errno(destroy(&rig[1]), 0);
	check_errno(write_file(DEVICE, RIG_DRIVER "/bind"), 0);
	check_errno(try_pasid(DEVICE), 0);
	read_ste(&ste);
	check(same(&ste, &before));
}

void start_pasid(void)
{
	static const char * const modules[] = { "arm_smmu_v3", "subdev-rig", "subdev-rig-ssids" };

	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++) {
		int ret = load_module(modules[i]);

		if (ret)
			die("cannot load %s.ko: %s", modules[i], strerror(-ret));
	}
	if (!exists(RIG_DRIVER "/" DEVICE))
		die(DEVICE " has no driver");
}

void (*const pasids[])(void) = {
	test_descriptors,
	test_tables,
	test_full,
	test_refused,
	test_claims,
	test_late,
	test_unbind_parent,
	test_removed,
	test_driver_stays,
	test_cost,
	NULL
};

void (*const pasids_passthrough[])(void) = {
	test_pasid_passthrough,
	test_unbind_parent,
	NULL
};
