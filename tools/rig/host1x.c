// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tegra234's host1x with a VIC behind it: each process that opens the VIC has a
 * context. Nothing is ever submitted: the VIC would have to run.
 */
#include <drm/tegra_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "users.h"

#define HOST1X		"60000000.host1x"
#define HOST1X_NODE	"host1x@60000000"
#define HOST1X_DRIVER	"/sys/bus/platform/drivers/tegra-host1x"
#define VIC		"60100000.vic"
#define VIC_CLASS	0x5d
#define FIRMWARE	"/lib/firmware/nvidia/tegra234"

/* Input IDs that users.dts maps, but for the one whose stream is the host bridge's */
#define CONTEXTS	5

/* What an open file of the VIC has: a buffer, mapped for the engine */
struct session {
	int fd;
	unsigned int context, mapping;
	uint8_t *mem;
	struct mapping map;
};

/* Firmware that never runs: only its header is looked at, for where contexts can be */
static void write_firmware(void)
{
	static const uint32_t header[64] = { 0x10de, 1, sizeof(header), 0x40, 0x80, 0x20 };
	int fd;

	mkdir("/lib", 0755);
	mkdir("/lib/firmware", 0755);
	mkdir("/lib/firmware/nvidia", 0755);
	mkdir(FIRMWARE, 0755);
	fd = open(FIRMWARE "/vic.bin", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, header, sizeof(header)) != sizeof(header))
		die("cannot write the VIC's firmware");
	close(fd);
}

static void load_host1x(void)
{
	static const char * const modules[] = {
		"i2c-core", "drm_panel_orientation_quirks", "drm", "drm_kms_helper",
		"drm_dp_aux_bus", "cec", "drm_display_helper", "host1x", "tegra-drm",
	};

	write_firmware();
	load_modules(modules, ARRAY_SIZE(modules));
}

/* The one that is there: a file that stays open keeps the number of its own */
static const char *render_node(void)
{
	static char path[32];

	for (int i = 0; i < 100; i++) {
		for (int n = 128; n < 136; n++) {
			snprintf(path, sizeof(path), "/dev/dri/renderD%d", n);
			if (exists("%s", path))
				return path;
		}
		sleep_ms(100);
	}
	return NULL;
}

static int session_ioctl(struct session *s, unsigned long request, void *args)
{
	return ioctl(s->fd, request, args) ? -errno : 0;
}

/* Opens the VIC and maps a buffer for it; 0 or a negative errno */
static int session_open(struct session *s)
{
	struct drm_tegra_channel_open open_args = { .host1x_class = VIC_CLASS };
	struct drm_tegra_gem_create create = { .size = PAGE };
	struct drm_tegra_channel_map map = { .flags = DRM_TEGRA_CHANNEL_MAP_READ_WRITE };
	struct drm_tegra_gem_mmap mmap_args = {};
	struct mapping maps[8];
	const char *node;
	unsigned int n;
	int ret;

	memset(s, 0, sizeof(*s));
	node = render_node();
	if (!node)
		return -ENODEV;
	s->fd = open(node, O_RDWR | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	ret = session_ioctl(s, DRM_IOCTL_TEGRA_CHANNEL_OPEN, &open_args);
	if (!ret)
		ret = session_ioctl(s, DRM_IOCTL_TEGRA_GEM_CREATE, &create);
	if (ret) {
		close(s->fd);
		return ret;
	}
	trace_start();
	map.context = open_args.context;
	map.handle = create.handle;
	mmap_args.handle = create.handle;
	if (session_ioctl(s, DRM_IOCTL_TEGRA_CHANNEL_MAP, &map) ||
	    session_ioctl(s, DRM_IOCTL_TEGRA_GEM_MMAP, &mmap_args))
		die("cannot map a buffer for the VIC: %s", strerror(errno));
	n = trace_maps(maps, ARRAY_SIZE(maps));
	if (n != 1)
		die("mapping one buffer made %u mappings", n);
	s->map = maps[0];
	s->context = map.context;
	s->mapping = map.mapping;
	s->mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, mmap_args.offset);
	if (s->mem == MAP_FAILED)
		die("cannot map a buffer for the program: %s", strerror(errno));
	return 0;
}

static void session_close(struct session *s)
{
	munmap(s->mem, PAGE);
	close(s->fd);
}

/* Another process with a session of its own, which lasts until it is told to end */
struct other {
	pid_t pid;
	int to, from;
	struct mapping map;
	int ret;
};

static void other_open(struct other *o)
{
	int to[2], from[2];
	struct session s;
	char status;
	int ret;

	if (pipe(to) || pipe(from))
		die("cannot make a pipe");
	o->pid = fork();
	if (o->pid < 0)
		die("cannot fork");
	if (!o->pid) {
		close(to[1]);
		close(from[0]);
		ret = session_open(&s);
		if (!ret)
			memset(s.mem, 0xb0, PAGE);
		if (write(from[1], &ret, sizeof(ret)) != sizeof(ret) ||
		    write(from[1], &s.map, sizeof(s.map)) != sizeof(s.map) ||
		    read(to[0], &status, 1) != 1)
			_exit(1);
		/* Nothing may have reached it */
		_exit(!ret && !bytes_are(s.mem, 0xb0));
	}
	close(to[0]);
	close(from[1]);
	o->to = to[1];
	o->from = from[0];
	if (read(o->from, &o->ret, sizeof(o->ret)) != sizeof(o->ret) ||
	    read(o->from, &o->map, sizeof(o->map)) != sizeof(o->map))
		die("the other process has died");
}

/* True if its memory is as it was */
static bool other_close(struct other *o)
{
	int status;

	if (write(o->to, "", 1) != 1)
		return false;
	close(o->to);
	waitpid(o->pid, &status, 0);
	close(o->from);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/*
 * host1x has a context for each input ID that firmware maps, gaps or not, but for
 * one whose stream somebody else has.
 */
static void test_contexts(void)
{
	begin("host1x_has_contexts");
	load_smmu();
	log_skip();
	load_host1x();
	check(render_node());
	check(subdevs_of(HOST1X) == CONTEXTS);
	check(exists(SUBDEVS "/" HOST1X ".1"));
	check(!exists(SUBDEVS "/" HOST1X ".2"));
	check(exists(SUBDEVS "/" HOST1X ".7"));
	/* A gap is no ID that firmware does not map */
	check(!log_has("no iommu-map translation", HOST1X_NODE));
	/* As a device with iommus has it, with passthrough or not */
	check(!strcmp(domain_of(HOST1X ".0"), "DMA"));
}

/*
 * Two processes have a context each: the right one is mapped in, and only its own
 * stream gets there.
 */
static void test_processes(void)
{
	struct session mine;
	struct other other;

	begin("host1x_keeps_processes_apart");
	check_errno(session_open(&mine), 0);
	other_open(&other);
	check_errno(other.ret, 0);
	check(!strcmp(mine.map.device, HOST1X ".0"));
	check(!strcmp(other.map.device, HOST1X ".1"));
	check(engine_reaches(0, mine.mem, mine.map.iova));
	check(engine_is_stopped(1, mine.mem, mine.map.iova));
	/* The other's address is the other's, or nobody's, here */
	engine_raw_write(0, other.map.iova);
	check(other_close(&other));
	check(engine_reaches(0, mine.mem, mine.map.iova));
	session_close(&mine);
	check(trace_unmaps(HOST1X ".0") == 1);
}

/* What a process mapped is gone from its context before the next one has that. */
static void test_reused(void)
{
	struct drm_tegra_channel_close args;
	struct session first, second;

	begin("host1x_hands_on_empty_contexts");
	check_errno(session_open(&first), 0);
	check(engine_reaches(0, first.mem, first.map.iova));
	args.context = first.context;
	check_errno(session_ioctl(&first, DRM_IOCTL_TEGRA_CHANNEL_CLOSE, &args), 0);
	check(trace_unmaps(HOST1X ".0") == 1);
	check(engine_is_stopped(0, first.mem, first.map.iova));
	check_errno(session_open(&second), 0);
	check(!strcmp(second.map.device, first.map.device));
	check(engine_reaches(0, second.mem, second.map.iova));
	check(bytes_are(first.mem, 0));
	session_close(&second);
	session_close(&first);
}

/* One context for each process: the one that finds none is told so. */
static void test_all_contexts(void)
{
	struct other others[CONTEXTS];
	struct session s;

	begin("host1x_ebusy_without_a_context");
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		other_open(&others[i]);
		check_errno(others[i].ret, 0);
		for (unsigned int k = 0; k < i; k++)
			check(strcmp(others[i].map.device, others[k].map.device));
	}
	check_errno(session_open(&s), -EBUSY);
	for (unsigned int i = 0; i < CONTEXTS; i++)
		check(other_close(&others[i]));
	check_errno(session_open(&s), 0);
	session_close(&s);
}

/*
 * host1x is unbound while files are open and have contexts: the streams are blocked at
 * once. Bound again it is as before. The files stay open: to close one with a channel
 * is a fault in host1x_channel_put() then, which is in the driver with and without
 * sub-devices.
 */
static void test_unbind(void)
{
	struct session old, s;

	begin("host1x_unbinds_with_files_open");
	for (int i = 0; i < 3; i++) {
		check_errno(session_open(&old), 0);
		check(engine_reaches(0, old.mem, old.map.iova));
		check_errno(write_file(HOST1X, HOST1X_DRIVER "/unbind"), 0);
		check(!subdevs_of(HOST1X));
		check(engine_is_stopped(0, old.mem, old.map.iova));
		check(!engine_gets_through(0));
		check_errno(write_file(HOST1X, HOST1X_DRIVER "/bind"), 0);
		check(render_node());
		check(subdevs_of(HOST1X) == CONTEXTS);
		check_errno(session_open(&s), 0);
		check(engine_reaches(0, s.mem, s.map.iova));
		session_close(&s);
	}
}

void (*const host1x_users[])(void) = {
	test_contexts,
	test_processes,
	test_reused,
	test_all_contexts,
	test_unbind,
	NULL
};

/*
 * Contexts are translated with iommu.passthrough=1 as well. There vic_exit() frees its
 * firmware as if it came from the DMA API, which is no fault of contexts, so host1x
 * cannot be unbound.
 */
void (*const host1x_passthrough[])(void) = {
	test_contexts,
	test_processes,
	test_reused,
	test_all_contexts,
	NULL
};

/* Where the SMMU's driver comes later, host1x waits for it. */
static void test_late(void)
{
	struct session s;

	begin("host1x_waits_for_the_smmu");
	load_host1x();
	sleep_ms(1000);
	check(!exists(HOST1X_DRIVER "/" HOST1X));
	check(!count_dir(SUBDEVS));
	load_smmu();
	check(render_node());
	/* The node is there a moment before it can be opened */
	sleep_ms(100);
	check(subdevs_of(HOST1X) == CONTEXTS);
	check_errno(session_open(&s), 0);
	check(!strcmp(s.map.device, HOST1X ".0"));
	session_close(&s);
}

void (*const host1x_late[])(void) = { test_late, NULL };

static void check_works_without(void)
{
	struct session s;

	check(render_node());
	check(exists(HOST1X_DRIVER "/" HOST1X));
	check(!subdevs_of(HOST1X));
	check_errno(session_open(&s), 0);
	check(!strcmp(s.map.device, VIC));
	session_close(&s);
}

/*
 * Where it never comes, the driver core gives up waiting, and host1x goes on with
 * no contexts, as everybody goes on without an IOMMU.
 */
static void test_never(void)
{
	begin("host1x_goes_on_without_the_smmu");
	load_host1x();
	check(!exists(HOST1X_DRIVER "/" HOST1X));
	sleep_ms(3000);
	check_works_without();
}

void (*const host1x_never[])(void) = { test_never, NULL };

/* Nor does it need an SMMU in the machine. */
static void test_none(void)
{
	begin("host1x_without_an_smmu");
	load_host1x();
	check_works_without();
}

void (*const host1x_none[])(void) = { test_none, NULL };
