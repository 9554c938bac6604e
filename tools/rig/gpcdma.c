// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tegra264's GPC DMA controller: each channel has a context. Its client is the
 * kernel's own dmatest, which maps for the device that the channel says. Nothing
 * moves the data, unless the test does with an engine that has the stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "users.h"

#define GPCDMA		"60400000.dma-controller"
#define GPCDMA_DRIVER	"/sys/bus/platform/drivers/tegra-gpcdma"
#define DMATEST		"/sys/module/dmatest/parameters"
#define DMA_CHANNELS	"/sys/class/dma"

/* Those of users.dts; the one whose stream is engine 4's, and one whose is none's */
#define CHANNEL_MASK	0xffffff5e
#define CHANNELS	29
#define WITH_ENGINE	6
#define ENGINE		4
#define WITHOUT_ENGINE	3

/* Registers of a channel, as in tegra186-gpc-dma.c */
#define REGS		0x60400000
#define REGS_CHANNEL(n)	(0x10000 + (n) * 0x10000)
#define REGS_SIZE	0x210000
#define CSR		0x0
#define CSR_ENB		(1u << 31)
#define STATUS		0x4
#define STATUS_EOC	(1u << 30)
#define SRC		0xc
#define DST		0x10
#define SRC_HIGH	0x14
#define DST_HIGH	0x18
#define MC_SEQ		0x1c
#define WCOUNT		0x24

/* Interrupts of the channels, in users.dts and for the GIC */
#define GICD		0x08000000
#define GICD_SIZE	0x10000
#define GICD_ISPENDR	0x200
#define INTID(n)	(32 + 144 + (n))

static volatile uint8_t *map_registers(uint64_t base, size_t size)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	volatile uint8_t *regs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, base);

	if (fd < 0 || regs == MAP_FAILED)
		die("cannot map registers: %s", strerror(errno));
	close(fd);
	return regs;
}

static volatile uint32_t *channel_reg(unsigned int channel, unsigned int reg)
{
	static volatile uint8_t *regs;

	if (!regs)
		regs = map_registers(REGS, REGS_SIZE);
	return (volatile uint32_t *)(regs + REGS_CHANNEL(channel) + reg);
}

static uint64_t channel_addr(unsigned int channel, unsigned int low, unsigned int high)
{
	return *channel_reg(channel, low) | (uint64_t)*channel_reg(channel, high) << 32;
}

static void raise_interrupt(unsigned int channel)
{
	static volatile uint8_t *gic;

	if (!gic)
		gic = map_registers(GICD, GICD_SIZE);
	*(volatile uint32_t *)(gic + GICD_ISPENDR + INTID(channel) / 32 * 4) =
		1u << INTID(channel) % 32;
}

static bool has_channel(unsigned int channel)
{
	return CHANNEL_MASK & 1u << channel;
}

/* The stream of a channel, as users.dts maps it */
static unsigned int channel_stream(unsigned int channel)
{
	return channel == WITH_ENGINE ? 0x28 : 0x400 + channel;
}

/* dmaengine counts the channels that there are */
static const char *channel_name(unsigned int channel)
{
	static char name[32];
	unsigned int n = 0, dma = 0;

	while (strcmp(link_name(DMA_CHANNELS "/dma%uchan0/device", dma), GPCDMA))
		if (++dma == 64)
			die("no DMA channel of " GPCDMA);
	for (unsigned int i = 0; i < channel; i++)
		n += has_channel(i);
	snprintf(name, sizeof(name), "dma%uchan%u", dma, n);
	return name;
}

static void set_dmatest(const char *name, const char *value)
{
	int ret = write_file(value, DMATEST "/%s", name);

	if (ret)
		die("dmatest does not take %s=%s: %s", name, value, strerror(-ret));
}

static void load_gpcdma(void)
{
	static const char * const modules[] = { "virt-dma", "tegra186-gpc-dma" };

	load_modules(modules, ARRAY_SIZE(modules));
}

static void load_dmatest(void)
{
	static const char * const modules[] = { "dmatest" };

	load_modules(modules, ARRAY_SIZE(modules));
	set_dmatest("iterations", "1");
	set_dmatest("norandom", "1");
	/* What an engine moves at a time */
	set_dmatest("test_buf_size", "4096");
	set_dmatest("transfer_size", "2048");
}

static bool dmatest_runs(void)
{
	return !strcmp(read_file(DMATEST "/run"), "Y");
}

static void start_dmatest(unsigned int channel, const char *timeout)
{
	set_dmatest("timeout", timeout);
	log_skip();
	trace_start();
	set_dmatest("channel", channel_name(channel));
	set_dmatest("run", "1");
}

/* The channel is free again then */
static void wait_for_dmatest(void)
{
	for (int i = 0; i < 1000 && dmatest_runs(); i++)
		sleep_ms(20);
	if (dmatest_runs())
		die("dmatest does not end");
}

/* Plays the hardware: moves what the channel is told to move, under an engine's stream */
static bool run_hardware(unsigned int channel, unsigned int engine)
{
	volatile uint32_t *csr = channel_reg(channel, CSR);

	for (int i = 0; !(*csr & CSR_ENB); i++) {
		if (i == 500)
			return false;
		sleep_ms(10);
	}
	if ((*channel_reg(channel, WCOUNT) + 1) * 4 != CHUNK)
		return false;
	engine_raw_start(engine, channel_addr(channel, SRC, SRC_HIGH), false);
	engine_raw_wait(engine);
	engine_raw_write(engine, channel_addr(channel, DST, DST_HIGH));
	*csr &= ~CSR_ENB;
	*channel_reg(channel, STATUS) = STATUS_EOC;
	raise_interrupt(channel);
	return true;
}

/* dmatest's summary of a transfer that ENGINE makes for CHANNEL */
static bool transfer_passes(unsigned int channel, unsigned int engine)
{
	start_dmatest(channel, "20000");
	check(run_hardware(channel, engine));
	wait_for_dmatest();
	*channel_reg(channel, STATUS) = 0;
	return log_has("summary 1 tests,", " 0 failures");
}

/* A buffer to read and one to write: both mapped for the channel, and unmapped */
static void check_maps(unsigned int channel)
{
	struct mapping maps[8];
	char want[48];

	snprintf(want, sizeof(want), GPCDMA ".%x", channel);
	check(trace_maps(maps, ARRAY_SIZE(maps)) == 2);
	for (unsigned int i = 0; i < 2; i++)
		check(!strcmp(maps[i].device, want));
	check(trace_unmaps(want) == 2);
}

/*
 * The controller has a context for each channel, but for those that are somebody
 * else's; its stream is programmed, and it is translated, with passthrough or not.
 */
static void test_channels(void)
{
	char name[48];

	begin("gpcdma_has_channels_with_contexts");
	load_gpcdma();
	check(appears(GPCDMA_DRIVER "/" GPCDMA));
	check(subdevs_of(GPCDMA) == CHANNELS);
	for (unsigned int i = 0; i < 32; i++) {
		unsigned int stream = channel_stream(i) & 0x7f;

		snprintf(name, sizeof(name), GPCDMA ".%x", i);
		check(exists(SUBDEVS "/%s", name) == has_channel(i));
		if (!has_channel(i))
			continue;
		check(!strcmp(domain_of(name), "DMA"));
		/* The register has seven bits, twice */
		check((*channel_reg(i, MC_SEQ) & 0x3fff) == (stream | stream << 7));
	}
}

/* A client of a channel maps in the context of that, and unmaps. */
static void test_clients(void)
{
	begin("gpcdma_clients_map_for_their_channel");
	load_dmatest();
	for (unsigned int i = 0; i < 32; i++) {
		if (!has_channel(i))
			continue;
		/* Nobody moves anything */
		start_dmatest(i, "20");
		wait_for_dmatest();
		check(log_has(channel_name(i), "test timed out"));
		check_maps(i);
	}
}

/* The stream of a channel gets to its buffers, that of another one does not. */
static void test_transfers(void)
{
	begin("gpcdma_transfers_under_the_right_stream");
	for (int i = 0; i < 3; i++) {
		check(transfer_passes(WITH_ENGINE, ENGINE));
		check_maps(WITH_ENGINE);
		check(!transfer_passes(WITHOUT_ENGINE, ENGINE));
		check_maps(WITHOUT_ENGINE);
	}
	check(!engine_gets_through(ENGINE));
}

/*
 * Unbound, the streams are blocked; bound again, all is as before. What is left of
 * it with the module is nothing.
 */
static void test_unbind(void)
{
	begin("gpcdma_unbinds_and_binds");
	for (int i = 0; i < 3; i++) {
		check_errno(write_file(GPCDMA, GPCDMA_DRIVER "/unbind"), 0);
		check(!subdevs_of(GPCDMA));
		check(!engine_gets_through(ENGINE));
		check_errno(write_file(GPCDMA, GPCDMA_DRIVER "/bind"), 0);
		check(subdevs_of(GPCDMA) == CHANNELS);
		check(transfer_passes(WITH_ENGINE, ENGINE));
		check_maps(WITH_ENGINE);
	}
	check_errno(unload_module("dmatest"), 0);
	check_errno(unload_module("tegra186_gpc_dma"), 0);
	check(!subdevs_of(GPCDMA));
	check(!engine_gets_through(ENGINE));
}

void (*const gpcdma_users[])(void) = {
	test_channels,
	test_clients,
	test_transfers,
	test_unbind,
	NULL
};

/* Where the SMMU's driver comes later, the controller waits for it. */
static void test_waits(void)
{
	begin("gpcdma_waits_for_the_smmu");
	load_gpcdma();
	sleep_ms(1000);
	check(!exists(GPCDMA_DRIVER "/" GPCDMA));
	check(!count_dir(SUBDEVS));
}

void (*const gpcdma_waits[])(void) = { test_waits, NULL };

/* When that has come, it is probed by itself. */
static void test_late(void)
{
	begin("gpcdma_comes_after_the_smmu");
	check(appears(GPCDMA_DRIVER "/" GPCDMA));
	check(subdevs_of(GPCDMA) == CHANNELS);
	load_dmatest();
	check(transfer_passes(WITH_ENGINE, ENGINE));
	check_maps(WITH_ENGINE);
}

void (*const gpcdma_late[])(void) = { test_late, NULL };

/*
 * It has to tell a stream ID even where nobody translates it, so without an SMMU it
 * is not probed, as it never was.
 */
static void test_none(void)
{
	begin("gpcdma_without_an_smmu");
	log_skip();
	load_gpcdma();
	sleep_ms(100);
	check(!exists(GPCDMA_DRIVER "/" GPCDMA));
	check(log_has(GPCDMA, "Missing iommu stream-id"));
	check(!subdevs_of(GPCDMA));
}

void (*const gpcdma_none[])(void) = { test_none, NULL };
