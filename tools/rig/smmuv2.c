// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver of the SMMUv2 on registers that are RAM, see smmuv2.dtsi; alone, and
 * beside the SMMUv3 of the machine. There is no DMA of an SMMUv2: what it would do with
 * one is read in its registers, and in the page tables that they point at.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"

#define V2		"rig-v2"
#define V2_OTHER	"rig-v2-other"
#define V2_DEVICE	"rig-v2-device"
#define MASKS		"rig-masks"
#define TWO		"rig-two"
/* Keys in the iommu-map of rig-v2; its first one, and two of rig-two */
#define ID_OF_DEVICE	0x100
#define ID_TOO_LARGE	0x101
#define STREAM		0x400
#define ID_V3		0
#define ID_V2		0x100
#define STREAM_TWO	0x500

#define SMMU_DRIVER	"/sys/bus/platform/drivers/arm-smmu"

/* Register fields of Arm's architecture specification for the SMMUv2 */
#define SIZE		0x10000
#define CR0		0x0
#define CR0_CLIENTPD	0x1
#define CR0_USFCFG	0x400
#define IDR0		0x20
#define IDR1		0x24
#define IDR2		0x28
#define IDR7		0x3c
#define SMR(n)		(0x800 + 4 * (n))
#define SMR_VALID	0x80000000
#define S2CR(n)		(0xc00 + 4 * (n))
#define CBAR(n)		(0x1000 + 4 * (n))
#define CBA2R(n)	(0x1800 + 4 * (n))
#define SCTLR(n)	(0x8000 + 0x1000 * (n))
#define TTBR0(n)	(SCTLR(n) + 0x20)
#define TCR(n)		(SCTLR(n) + 0x30)
#define FSR(n)		(SCTLR(n) + 0x58)
#define FSR_TF		0x2
#define FAR(n)		(SCTLR(n) + 0x60)
#define FSYNR0(n)	(SCTLR(n) + 0x68)
#define FSYNR0_WNR	0x10
/* After the one for all that is no bank's */
#define INTERRUPT	1

#define BANKS		8
#define SMRS		16

struct smmu {
	const char *name;
	uint64_t address;
	volatile uint32_t *regs;
};

static struct smmu v2 = { .name = "60000000.smmu", .address = 0x60000000 };
static struct smmu masks = { .name = "60010000.smmu", .address = 0x60010000 };

/* What becomes of a DMA: the type in an S2CR */
enum fate { TRANSLATED, BYPASSES, FAULTS };

static void power_up(struct smmu *smmu)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);

	smmu->regs = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
						fd, smmu->address);
	if (smmu->regs == MAP_FAILED)
		die("cannot map the registers of %s: %s", smmu->name, strerror(errno));
	close(fd);
	for (unsigned int i = 0; i < SIZE / sizeof(*smmu->regs); i++)
		smmu->regs[i] = 0;
	/* Both stages, stream matching, coherent walks, 15 bits of a stream ID */
	smmu->regs[IDR0 / 4] = 1 << 30 | 1 << 29 | 1 << 28 | 1 << 27 | 1 << 26 | 1 << 16 |
			       1 << 14 | 15 << 9 | SMRS;
	/* Eight pages of 4 KiB before those of the banks */
	smmu->regs[IDR1 / 4] = 2 << 28 | BANKS;
	/* 48 bits on all sides, AArch64's tables with all granules */
	smmu->regs[IDR2 / 4] = 7 << 12 | 5 << 8 | 5 << 4 | 5;
	smmu->regs[IDR7 / 4] = 1 << 4;
}

static uint32_t reg(const struct smmu *smmu, unsigned int offset)
{
	return smmu->regs[offset / 4];
}

static uint64_t reg64(const struct smmu *smmu, unsigned int offset)
{
	return reg(smmu, offset) | (uint64_t)reg(smmu, offset + 4) << 32;
}

/* The SMR that has a stream, or -1. The hardware's choice is open where several have it */
static int find_smr(const struct smmu *smmu, uint16_t stream)
{
	int found = -1;

	for (int n = 0; n < SMRS; n++) {
		uint32_t smr = reg(smmu, SMR(n));
		uint32_t mask = smr >> 16 & 0x7fff;

		if (!(smr & SMR_VALID) || ((smr ^ stream) & 0x7fff & ~mask))
			continue;
		check(found < 0);
		found = n;
	}
	return found;
}

static enum fate fate(const struct smmu *smmu, uint16_t stream, unsigned int *bank)
{
	int n = find_smr(smmu, stream);

	if (reg(smmu, CR0) & CR0_CLIENTPD)
		return BYPASSES;
	if (n < 0)
		return reg(smmu, CR0) & CR0_USFCFG ? FAULTS : BYPASSES;
	*bank = reg(smmu, S2CR(n)) & 0xff;
	return reg(smmu, S2CR(n)) >> 16 & 3;
}

static bool is_blocked(const struct smmu *smmu, uint16_t stream)
{
	unsigned int bank;

	return fate(smmu, stream, &bank) == FAULTS;
}

static bool bank_is_on(const struct smmu *smmu, unsigned int bank)
{
	return reg(smmu, SCTLR(bank)) & 1;
}

/* The bank of a stream that is translated, by stage 1 alone, or -1 */
static int bank_of(const struct smmu *smmu, uint16_t stream)
{
	unsigned int bank;

	if (fate(smmu, stream, &bank) != TRANSLATED || bank >= BANKS)
		return -1;
	if (!bank_is_on(smmu, bank) || (reg(smmu, CBAR(bank)) >> 16 & 3) != 1 ||
	    !(reg(smmu, CBA2R(bank)) & 1))
		return -1;
	return bank;
}

void read_memory(uint64_t address, void *to, size_t len)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, to, len, address) != (ssize_t)len)
		die("cannot read memory at 0x%llx", (unsigned long long)address);
	close(fd);
}

bool memory_is(uint64_t address, uint8_t byte)
{
	uint8_t mem[CHUNK];

	if (!address)
		return false;
	read_memory(address, mem, sizeof(mem));
	return bytes_are(mem, byte);
}

uint64_t find_entry(uint64_t table, unsigned int bits, uint64_t iova, unsigned int *shift)
{
	uint64_t entry;

	if (iova >> bits)
		return 0;
	for (*shift = 12; *shift + 9 < bits; *shift += 9)
		;
	for (;; *shift -= 9) {
		read_memory(table + (iova >> *shift & 0x1ff) * 8, &entry, sizeof(entry));
		if (!(entry & 1))
			return 0;
		/* A page, or a block */
		if (*shift == 12 || !(entry & 2))
			return entry;
		table = entry & 0xfffffffff000;
	}
}

uint64_t walk_tables(uint64_t table, unsigned int bits, uint64_t iova)
{
	unsigned int shift;
	uint64_t entry = find_entry(table, bits, iova, &shift);

	return entry ? (entry & 0xfffffffff000) + (iova & ((1ULL << shift) - 1)) : 0;
}

/* Where a stream's access to an address ends up: 0 if nowhere */
static uint64_t walk(const struct smmu *smmu, uint16_t stream, uint64_t iova)
{
	int bank = bank_of(smmu, stream);

	if (bank < 0)
		return 0;
	return walk_tables(reg64(smmu, TTBR0(bank)) & 0xfffffffff000,
			   64 - (reg(smmu, TCR(bank)) & 0x3f), iova);
}

/* Whether a stream reaches CHUNK such bytes at an address */
static bool reaches(const struct smmu *smmu, uint16_t stream, uint64_t iova, uint8_t byte)
{
	return memory_is(walk(smmu, stream, iova), byte);
}

int alloc_page(const struct subdev_rig *rig, struct subdev_rig *buf, uint8_t byte)
{
	*buf = *rig;
	buf->kind = RIG_PAGES;
	buf->size = PAGE;
	buf->byte = byte;
	buf->mask = 0;
	return rig_do(buf, RIG_ALLOC);
}

static int try_node(const char *parent, const char *name)
{
	struct subdev_rig rig;
	int ret = create_node(&rig, parent, name);

	if (!ret)
		destroy(&rig);
	return ret;
}

/* The errno, or what the operation counts */
static int do_device(const char *device, enum subdev_rig_op op)
{
	struct subdev_rig rig = {};
	int ret;

	snprintf(rig.parent, sizeof(rig.parent), "%s", device);
	ret = rig_do(&rig, op);
	return ret ?: (int)rig.count;
}

/* All that says which stream has which bank */
struct streams {
	uint32_t smr[SMRS], s2cr[SMRS];
};

static void read_streams(const struct smmu *smmu, struct streams *s)
{
	for (unsigned int n = 0; n < SMRS; n++) {
		s->smr[n] = reg(smmu, SMR(n));
		s->s2cr[n] = reg(smmu, S2CR(n));
		/* Of one that is not valid only that matters, and that it would fault */
		if (!(s->smr[n] & SMR_VALID))
			s->smr[n] = 0;
	}
}

/* Whether those that have streams are as they were, and the others block */
static bool streams_are(const struct smmu *smmu, const struct streams *want)
{
	struct streams now;

	read_streams(smmu, &now);
	return !memcmp(&now, want, sizeof(now));
}

/*
 * A stream is blocked until it has a context. Then it is translated by a bank of its
 * own, and reaches what the DMA API has mapped for it. After destroy it is blocked; the
 * bank goes on until nobody can unmap any more.
 */
static void test_registers(void)
{
	struct subdev_rig rig, buf, later;
	struct streams before;
	int bank, smr;

	begin("a_context_in_the_registers");
	read_streams(&v2, &before);
	check(find_smr(&v2, STREAM) < 0);
	check(is_blocked(&v2, STREAM));

	check_errno(create(&rig, V2, 0), 0);
	smr = find_smr(&v2, STREAM);
	bank = bank_of(&v2, STREAM);
	if (!check(smr >= 0 && bank >= 0))
		return;
	check(reg(&v2, SMR(smr)) == (SMR_VALID | STREAM));
	check(find_smr(&v2, STREAM + 1) < 0 && is_blocked(&v2, STREAM + 1));
	check(!walk(&v2, STREAM, 0));

	check_errno(alloc_page(&rig, &buf, 0xa1), 0);
	check(reaches(&v2, STREAM, buf.dma, 0xa1));
	check(!walk(&v2, STREAM, buf.dma + PAGE) && !walk(&v2, STREAM, buf.dma - PAGE));
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check(!walk(&v2, STREAM, buf.dma));

	check_errno(alloc_page(&rig, &buf, 0xa2), 0);
	check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	check(streams_are(&v2, &before));
	check(is_blocked(&v2, STREAM));
	check(bank_is_on(&v2, bank));
	check_errno(alloc_page(&rig, &later, 0xa3), -EIO);
	check_errno(rig_do(&buf, RIG_SYNC), 0);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	check(!bank_is_on(&v2, bank));
	check(streams_are(&v2, &before));
}

/*
 * Each context has a bank of its own, and with it page tables and addresses; the
 * streams of one context share one. What one has mapped no other reaches.
 */
static void test_banks(void)
{
	struct subdev_rig rig[2], pair, buf[3];

	begin("contexts_have_banks_of_their_own");
	check_errno(create(&rig[0], V2, 0), 0);
	check_errno(create(&rig[1], V2, 1), 0);
	check_errno(create_node(&pair, V2, "pair"), 0);
	check_errno(alloc_page(&rig[0], &buf[0], 0xb0), 0);
	check_errno(alloc_page(&rig[1], &buf[1], 0xb1), 0);
	check_errno(alloc_page(&pair, &buf[2], 0xb2), 0);
	check(buf[0].dma == buf[1].dma && buf[0].dma == buf[2].dma);
	check(reaches(&v2, STREAM, buf[0].dma, 0xb0));
	check(reaches(&v2, STREAM + 1, buf[0].dma, 0xb1));
	check(reaches(&v2, 0x420, buf[0].dma, 0xb2));
	check(reaches(&v2, 0x421, buf[0].dma, 0xb2));
	check(bank_of(&v2, STREAM) != bank_of(&v2, STREAM + 1));
	check(bank_of(&v2, 0x420) == bank_of(&v2, 0x421));
	check(bank_of(&v2, 0x420) != bank_of(&v2, STREAM));
	check(bank_of(&v2, 0x7f0) != bank_of(&v2, STREAM));

	check_errno(rig_do(&buf[1], RIG_FREE), 0);
	check(!walk(&v2, STREAM + 1, buf[0].dma));
	check(reaches(&v2, STREAM, buf[0].dma, 0xb0));
	check_errno(destroy(&rig[1]), 0);
	check(is_blocked(&v2, STREAM + 1));
	check(reaches(&v2, STREAM, buf[0].dma, 0xb0));
	check_errno(rig_do(&buf[0], RIG_FREE), 0);
	check_errno(rig_do(&buf[2], RIG_FREE), 0);
	check_errno(destroy(&rig[0]), 0);
	check_errno(destroy(&pair), 0);
	check(is_blocked(&v2, 0x420) && is_blocked(&v2, 0x421));
}

/*
 * -EBUSY: the stream is that of another context, or of a device. Their registers are
 * not touched. A stream ID that the SMMU does not have is the driver's own error.
 */
static void test_busy(void)
{
	struct streams before;
	struct subdev_rig rig;

	begin("ebusy_for_a_stream_of_another");
	check(bank_of(&v2, 0x7f0) >= 0);
	check_errno(create(&rig, V2, 0), 0);
	read_streams(&v2, &before);
	check_errno(try_create(V2_OTHER, 0), -EBUSY);
	check_errno(try_create(V2, ID_OF_DEVICE), -EBUSY);
	check_errno(try_create(V2, ID_TOO_LARGE), -EINVAL);
	check(streams_are(&v2, &before));
	check_errno(destroy(&rig), 0);
	check_errno(try_create(V2_OTHER, 0), 0);
}

/*
 * A mask makes many streams one, which share an SMR and a bank. -EBUSY: a stream of
 * the new context lies in what another one matches, or the other way round, or its
 * streams lie in two others. The registers are as they were.
 */
static void test_masks(void)
{
	static const char * const refused[] = {
		"within", "around", "both", "first-new", "last-new",
	};
	struct subdev_rig range, other, buf;
	struct streams before;

	begin("ebusy_for_a_stream_that_a_mask_matches");
	check_errno(create_node(&range, MASKS, "range"), 0);
	check_errno(create_node(&other, MASKS, "other-range"), 0);
	check_errno(alloc_page(&range, &buf, 0xc1), 0);
	read_streams(&masks, &before);
	for (uint16_t stream = 0x100; stream < 0x110; stream++)
		check(reaches(&masks, stream, buf.dma, 0xc1));
	check(is_blocked(&masks, 0xff) && is_blocked(&masks, 0x110));
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
		printf("# %s\n", refused[i]);
		check_errno(try_node(MASKS, refused[i]), -EBUSY);
		check(streams_are(&masks, &before));
	}
	check(!walk(&masks, 0x200, buf.dma));
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&range), 0);
	check_errno(try_node(MASKS, "both"), -EBUSY);
	check_errno(try_node(MASKS, "first-new"), 0);
	check_errno(destroy(&other), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++)
		check_errno(try_node(MASKS, refused[i]), 0);
	check(is_blocked(&masks, 0x100) && is_blocked(&masks, 0x200));
}

/*
 * A cell of the iommu-map can be the mask. 6.12 refuses such maps.
 */
static void test_mask_in_map(void)
{
	struct subdev_rig rig, other, buf;
	struct utsname kernel;

	begin("a_mask_in_the_map");
	uname(&kernel);
	if (!strncmp(kernel.release, "6.12", 4)) {
		check_errno(try_create(MASKS, 0), -EINVAL);
		return;
	}
	check_errno(create(&rig, MASKS, 0), 0);
	check_errno(create(&other, MASKS, 1), 0);
	check_errno(alloc_page(&rig, &buf, 0xc2), 0);
	check(reaches(&masks, 0x100, buf.dma, 0xc2));
	check(reaches(&masks, 0x10f, buf.dma, 0xc2));
	check(is_blocked(&masks, 0x110));
	check(bank_of(&masks, 0x200) >= 0 && !walk(&masks, 0x200, buf.dma));
	check_errno(try_node(MASKS, "within"), -EBUSY);
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	check_errno(destroy(&other), 0);
}

/*
 * -ENOSPC: there is no free bank, and nothing in the log. A context that is destroyed
 * has one until nobody has a reference. Devices have banks, too.
 */
static void test_banks_full(void)
{
	struct subdev_rig rig[BANKS - 1], extra;
	struct streams before;

	begin("enospc_without_a_free_bank");
	for (unsigned int i = 0; i < BANKS - 1; i++)
		check_errno(create(&rig[i], V2, i), 0);
	read_streams(&v2, &before);
	for (unsigned int i = 0; i < 3; i++)
		check_errno(create(&extra, V2, BANKS), -ENOSPC);
	check_errno(try_node(V2, "pair"), -ENOSPC);
	check(streams_are(&v2, &before));
	check_errno(rig_do(&rig[3], RIG_DESTROY_KEEP), 0);
	check(is_blocked(&v2, STREAM + 3));
	check_errno(create(&extra, V2, BANKS), -ENOSPC);
	check_errno(destroy(&rig[3]), 0);
	check_errno(create(&rig[3], V2, BANKS), 0);
	for (unsigned int i = 0; i < BANKS - 1; i++)
		check_errno(destroy(&rig[i]), 0);
}

/*
 * The same when there is no free SMR: all streams of a node get one, or none does.
 */
static void test_smrs_full(void)
{
	struct subdev_rig many, rig[3];
	struct streams before;

	begin("enospc_without_a_free_smr");
	check_errno(create_node(&many, V2, "many"), 0);
	for (unsigned int i = 0; i < 2; i++)
		check_errno(create(&rig[i], V2, i), 0);
	read_streams(&v2, &before);
	/* One is left, and one is the device's */
	check_errno(try_node(V2, "pair"), -ENOSPC);
	check(streams_are(&v2, &before));
	check_errno(create(&rig[2], V2, 2), 0);
	check_errno(try_create(V2, 3), -ENOSPC);
	check(is_blocked(&v2, STREAM + 3));
	check_errno(destroy(&many), 0);
	check_errno(try_node(V2, "pair"), 0);
	for (unsigned int i = 0; i < 3; i++)
		check_errno(destroy(&rig[i]), 0);
}

/*
 * -EOPNOTSUPP: the device has PASIDs, and the driver of the SMMUv2 has no domain for one.
 */
static void test_no_pasids(void)
{
	struct streams before;

	begin("eopnotsupp_for_a_pasid");
	read_streams(&v2, &before);
	check_errno(try_pasid(V2_DEVICE), -EOPNOTSUPP);
	check(streams_are(&v2, &before));
	check(!count_dir(SUBDEVS));
}

/* A bank that stops a write tells the driver, as the hardware does */
static void fault(const struct smmu *smmu, unsigned int bank, uint64_t iova)
{
	struct subdev_rig rig = { .id = INTERRUPT };

	snprintf(rig.parent, sizeof(rig.parent), "%s", smmu->name);
	/* What the driver has written to clear them is still there, in RAM */
	for (unsigned int n = 0; n < BANKS; n++)
		smmu->regs[FSR(n) / 4] = n == bank ? FSR_TF : 0;
	smmu->regs[FAR(bank) / 4] = iova;
	smmu->regs[FAR(bank) / 4 + 1] = iova >> 32;
	smmu->regs[FSYNR0(bank) / 4] = FSYNR0_WNR;
	check_errno(rig_do(&rig, RIG_INTERRUPT), 0);
	sleep_ms(100);
	smmu->regs[FSR(bank) / 4] = 0;
}

/*
 * The driver of a context is told of the faults of its own bank, and the log is: with
 * the address, and that it was a write.
 */
static void test_fault(void)
{
	struct subdev_rig rig, other;
	int bank;

	begin("a_fault_is_that_of_its_context");
	check_errno(create(&rig, V2, 0), 0);
	check_errno(create(&other, V2, 1), 0);
	check_errno(rig_do(&rig, RIG_END_BY_FAULT), 0);
	check_errno(rig_do(&other, RIG_END_BY_FAULT), 0);
	bank = bank_of(&v2, STREAM);
	log_skip();
	fault(&v2, bank, 0x123456789000);
	check(log_has(rig.name, "write fault at IOVA 0x123456789000"));
	check(!exists(SUBDEVS "/%s", rig.name) && is_blocked(&v2, STREAM));
	check(exists(SUBDEVS "/%s", other.name) && bank_of(&v2, STREAM + 1) >= 0);
	/* Nobody is told any more, though the bank is still there */
	fault(&v2, bank, 0x2000);
	check(exists(SUBDEVS "/%s", other.name));
	bank = bank_of(&v2, STREAM + 1);
	fault(&v2, bank, 0x3000);
	check(!exists(SUBDEVS "/%s", other.name));
	check_errno(destroy(&rig), 0);
	check_errno(destroy(&other), 0);
}

/*
 * -EXDEV: the node has streams of two SMMUs, also if these are of one kind.
 */
static void test_span(void)
{
	struct streams before[2];

	begin("exdev_for_two_smmus_of_a_kind");
	read_streams(&v2, &before[0]);
	read_streams(&masks, &before[1]);
	check_errno(try_node(V2, "span"), -EXDEV);
	check(streams_are(&v2, &before[0]));
	check(streams_are(&masks, &before[1]));
}

static unsigned int module_users(void)
{
	return read_file("/sys/module/arm_smmu/refcnt")[0] - '0';
}

/*
 * Root cannot unbind the driver of the SMMU, nor remove its module while there is a
 * context, or somebody may unmap what was mapped for one.
 */
static void test_module(void)
{
	unsigned int before = module_users();
	struct subdev_rig rig;

	begin("the_driver_stays_under_its_contexts");
	check(exists(SMMU_DRIVER "/%s", v2.name));
	check(!exists(SMMU_DRIVER "/unbind"));
	check_errno(create(&rig, V2, 0), 0);
	check(module_users() == before + 1);
	check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
	check(module_users() == before + 1);
	check_errno(unload_module("arm_smmu"), -EWOULDBLOCK);
	check_errno(destroy(&rig), 0);
	check(module_users() == before);
}

/*
 * The SMMU is powered while the parent is that has contexts, from the first of them to
 * its unbind: the link of the parent sees to that, and no context has one.
 */
static void test_power(void)
{
	struct subdev_rig rig;
	int before;

	begin("the_smmu_is_powered_with_the_parent");
	check_errno(write_file(V2, RIG_DRIVER "/unbind"), 0);
	check_errno(do_device(v2.name, RIG_PM_ENABLE), 0);
	before = do_device(v2.name, RIG_PM_USAGE);
	check_errno(write_file(V2, RIG_DRIVER "/bind"), 0);
	check(do_device(v2.name, RIG_PM_USAGE) == before);
	check_errno(create(&rig, V2, 0), 0);
	check(do_device(v2.name, RIG_PM_USAGE) == before + 1);
	check(exists("/sys/class/devlink/platform:%s--platform:" V2, v2.name));
	check(!exists("/sys/class/devlink/platform:%s--iommu_subdev:%s", v2.name, rig.name));
	check_errno(destroy(&rig), 0);
	check(do_device(v2.name, RIG_PM_USAGE) == before + 1);
	check_errno(write_file(V2, RIG_DRIVER "/unbind"), 0);
	check(do_device(v2.name, RIG_PM_USAGE) == before);
	check_errno(do_device(v2.name, RIG_PM_DISABLE), 0);
	check_errno(write_file(V2, RIG_DRIVER "/bind"), 0);
}

/* From now on the probe of a parent creates two contexts, with managed memory */
static void probe_creates(const char *parent, uint32_t first, uint32_t second)
{
	struct subdev_rig rig = { .count = 2, .ids = { first, second } };

	snprintf(rig.parent, sizeof(rig.parent), "%s", parent);
	check_errno(write_file(parent, RIG_DRIVER "/unbind"), 0);
	check_errno(rig_do(&rig, RIG_PROBE), 0);
	/* A bind would not put it on the list of those that are probed again */
	write_file(parent, "/sys/bus/platform/drivers_probe");
}

/* Not any more; what has become of it */
static void probe_created(const char *parent, unsigned int probes, unsigned int intact)
{
	struct subdev_rig rig = {};

	check_errno(rig_do(&rig, RIG_PROBE_END), 0);
	check(rig.count == probes);
	check(rig.intact == intact);
	write_file(parent, RIG_DRIVER "/unbind");
	check_errno(write_file(parent, RIG_DRIVER "/bind"), 0);
	check(!count_dir(SUBDEVS));
}

/*
 * What is managed on a context is there in its parent's remove(), and ends after that,
 * whether it is the parent that is unbound or the SMMU goes. Then the streams are
 * blocked, as long as the SMMU is on. Both can come back.
 */
static void test_unbind_v2(void)
{
	unsigned int banks_on = 0;
	struct subdev_rig rig;

	begin("remove_finds_its_contexts");
	probe_creates(V2, 0, 1);
	check(bank_of(&v2, STREAM) >= 0 && bank_of(&v2, STREAM + 1) >= 0);
	check_errno(write_file(V2, RIG_DRIVER "/unbind"), 0);
	check(is_blocked(&v2, STREAM) && is_blocked(&v2, STREAM + 1));
	check_errno(write_file(V2, RIG_DRIVER "/bind"), 0);
	check(bank_of(&v2, STREAM) >= 0 && bank_of(&v2, STREAM + 1) >= 0);

	check_errno(do_device(v2.name, RIG_UNBIND), 0);
	check(!exists(RIG_DRIVER "/" V2));
	check(!count_dir(SUBDEVS));
	for (unsigned int n = 0; n < BANKS; n++)
		banks_on += bank_is_on(&v2, n);
	check(!banks_on);
	check(find_smr(&v2, STREAM) < 0 && find_smr(&v2, STREAM + 1) < 0);
	probe_created(V2, 2, 4);

	check_errno(try_create(V2, 0), -EPROBE_DEFER);
	check_errno(do_device(v2.name, RIG_BIND), 0);
	check_errno(create(&rig, V2, 0), 0);
	check(bank_of(&v2, STREAM) >= 0);
	check_errno(destroy(&rig), 0);
	check(is_blocked(&v2, STREAM));
	write_file(V2_DEVICE, RIG_DRIVER "/bind");
	check(exists(RIG_DRIVER "/" V2_DEVICE));
	check(bank_of(&v2, 0x7f0) >= 0);
}

/*
 * -EOPNOTSUPP: with disable_bypass=0 the SMMU lets through what nobody has, which a
 * stream would be after destroy. Devices are translated all the same.
 */
static void test_disable_bypass(void)
{
	struct streams before;
	unsigned int bank;

	begin("eopnotsupp_with_disable_bypass_0");
	read_streams(&v2, &before);
	check(fate(&v2, STREAM, &bank) == BYPASSES);
	check(bank_of(&v2, 0x7f0) >= 0);
	check_errno(try_create(V2, 0), -EOPNOTSUPP);
	check_errno(try_node(V2, "pair"), -EOPNOTSUPP);
	check_errno(try_node(MASKS, "range"), -EOPNOTSUPP);
	check(streams_are(&v2, &before));
	check(!count_dir(SUBDEVS));
}

/* modprobe would pass on what the command line has for it */
static void load_smmuv2(void)
{
	const char *disable = cmdline("arm-smmu.disable_bypass");
	char params[32] = "";
	int ret;

	if (disable)
		snprintf(params, sizeof(params), "disable_bypass=%.1s", disable);
	power_up(&v2);
	power_up(&masks);
	ret = load_module_with("arm_smmu", params);
	if (ret)
		die("cannot load arm_smmu.ko: %s", strerror(-ret));
	if (!exists(SMMU_DRIVER "/%s", v2.name) || !exists(SMMU_DRIVER "/%s", masks.name))
		die("the driver of the SMMUv2 has not taken the registers");
}

static void load_rig(void)
{
	int ret = load_module("subdev-rig");

	if (ret)
		die("cannot load subdev-rig.ko: %s", strerror(-ret));
}

void start_smmuv2(void)
{
	load_smmuv2();
	load_rig();
}

/* The driver of the SMMUv2 comes when test_late_one wants it */
void start_two_smmus(void)
{
	int ret = load_module("arm_smmu_v3");

	if (ret)
		die("cannot load arm_smmu_v3.ko: %s", strerror(-ret));
	engines_power_up();
	load_rig();
}

/*
 * A parent with IDs of two SMMUs, of which one has no driver yet: its probe gets a
 * context of the other, then -EPROBE_DEFER, and is not called again until that driver
 * comes. Then it is, once, and gets both.
 */
static void test_late_one(void)
{
	static const uint32_t ids[] = { ID_V3, ID_V2 };

	begin("eprobe_defer_until_both_are_there");
	check(count_probes(TWO, ids, 2) == 1);
	check_errno(try_create(TWO, ID_V3), 0);
	check_errno(try_create(TWO, ID_V2), -EPROBE_DEFER);
	check_errno(try_node(TWO, "span"), -EPROBE_DEFER);
	check_errno(try_node(TWO, "span-back"), -EPROBE_DEFER);
	check(!engine_gets_through(0));

	probe_creates(TWO, ID_V3, ID_V2);
	sleep_ms(2000);
	check(!exists(RIG_DRIVER "/" TWO));
	load_smmuv2();
	for (unsigned int i = 0; i < 20 && !exists(RIG_DRIVER "/" TWO); i++)
		sleep_ms(100);
	check(exists(SUBDEVS "/" TWO ".0") && exists(SUBDEVS "/" TWO ".100"));
	check(bank_of(&v2, STREAM_TWO) >= 0);
	check_errno(write_file(TWO, RIG_DRIVER "/unbind"), 0);
	check(is_blocked(&v2, STREAM_TWO) && !engine_gets_through(0));
	probe_created(TWO, 2, 2);
}

/*
 * A context on each: the DMA of an engine behind the SMMUv3 reaches what is mapped for
 * its own, and the stream of the SMMUv2 what is mapped for that, at the same address.
 */
static void test_on_both(void)
{
	struct subdev_rig v3_rig, v2_rig, v3_buf, v2_buf, scan = {};

	begin("a_context_on_each_smmu");
	check_errno(create(&v3_rig, TWO, ID_V3), 0);
	check_errno(create(&v2_rig, TWO, ID_V2), 0);
	check_errno(alloc_page(&v3_rig, &v3_buf, 0xd3), 0);
	check_errno(alloc_page(&v2_rig, &v2_buf, 0xd2), 0);
	check(v3_buf.dma == v2_buf.dma);
	check(reaches(&v2, STREAM_TWO, v2_buf.dma, 0xd2));
	engine_raw_write(0, v3_buf.dma);
	check_errno(rig_do(&scan, RIG_SCAN), 0);
	check(scan.mask == 1ULL << v3_buf.buffer);

	/* Neither is touched by the end of the other */
	check_errno(rig_do(&v2_buf, RIG_FREE), 0);
	check_errno(destroy(&v2_rig), 0);
	check(is_blocked(&v2, STREAM_TWO));
	engine_raw_write(0, v3_buf.dma);
	check_errno(rig_do(&scan, RIG_SCAN), 0);
	check(scan.mask == 1ULL << v3_buf.buffer);
	check_errno(create(&v2_rig, TWO, ID_V2), 0);
	check_errno(rig_do(&v3_buf, RIG_FREE), 0);
	check_errno(destroy(&v3_rig), 0);
	check(!engine_gets_through(0));
	check(bank_of(&v2, STREAM_TWO) >= 0);
	check_errno(destroy(&v2_rig), 0);
}

/*
 * -EXDEV: the node has a stream of each. Both stay blocked, and are free.
 */
static void test_span_two(void)
{
	struct streams before;

	begin("exdev_for_two_smmus");
	read_streams(&v2, &before);
	check_errno(try_node(TWO, "span"), -EXDEV);
	check_errno(try_node(TWO, "span-back"), -EXDEV);
	check(streams_are(&v2, &before));
	check(is_blocked(&v2, 0x510) && !engine_gets_through(2));
}

/*
 * Whichever of the two goes, the parent is unbound before, and finds its contexts on
 * both. No DMA gets anywhere. The other one still serves, and both do when it is back.
 */
static void test_one_goes(void)
{
	struct subdev_rig rig;

	begin("remove_finds_its_contexts_on_both");
	probe_creates(TWO, ID_V3, ID_V2);
	check(exists(RIG_DRIVER "/" TWO));
	check_errno(do_device(v2.name, RIG_UNBIND), 0);
	check(!exists(RIG_DRIVER "/" TWO));
	check(!count_dir(SUBDEVS));
	check(!engine_gets_through(0));
	probe_created(TWO, 1, 2);
	check_errno(create(&rig, TWO, ID_V3), 0);
	check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
	engine_raw_write(0, rig.dma);
	check_errno(rig_do(&rig, RIG_WRITTEN), 0);
	check(rig.count == CHUNK);
	check_errno(destroy(&rig), 0);
	check_errno(try_create(TWO, ID_V2), -EPROBE_DEFER);
	check_errno(do_device(v2.name, RIG_BIND), 0);
	check_errno(try_create(TWO, ID_V2), 0);
	check(is_blocked(&v2, STREAM_TWO) && !engine_gets_through(0));
}

void (*const smmuv2[])(void) = {
	test_registers,
	test_banks,
	test_busy,
	test_masks,
	test_mask_in_map,
	test_banks_full,
	test_smrs_full,
	test_span,
	test_no_pasids,
	test_fault,
	test_module,
	test_power,
	test_unbind_v2,
	NULL
};

void (*const smmuv2_bypass[])(void) = { test_disable_bypass, NULL };

void (*const two_smmus[])(void) = {
	test_late_one,
	test_on_both,
	test_span_two,
	test_one_goes,
	NULL
};
