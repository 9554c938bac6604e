// SPDX-License-Identifier: GPL-2.0-only
/*
 * fastrpc, on a DSP that is a module of the rig: it answers each message and does
 * nothing. Two of the engines do the DMA of two of its context banks.
 */
#include <errno.h>
#include <fcntl.h>
#include <misc/fastrpc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "users.h"

#define DEV		"/dev/fastrpc-adsp"
#define DSP		"dsp"
#define DSP_DRIVER	"/sys/bus/platform/drivers/subdev-rig-dsp"
#define CHANNEL		"dsp.fastrpcglink-apps-dsp.0.0"
#define CHANNEL_DRIVER	"/sys/bus/rpmsg/drivers/qcom,fastrpc"
#define BANK(n)		CHANNEL ":compute-cb@" #n

/* Those of users.dts: the streams of these engines are the first two banks' */
#define ENGINE_A	2
#define ENGINE_B	3
/* The memory that is given to the DSP, as its heap */
#define DSP_MEM		0x5f000000
#define DSP_MEM_SIZE	0x100000

#define SESSIONS_MAX	14
/* For the heap of a process on the DSP */
#define ADD_PAGES	0x1000
#define HEAP		(16 * PAGE)

/* The device of each session: of a bank with two, and of one with no IOMMU */
static const char * const session_device[] = {
	BANK(1), BANK(2), BANK(3), CHANNEL, BANK(6), BANK(6),
};

#define SESSIONS	ARRAY_SIZE(session_device)
/* Contexts: a bank each */
#define BANKS		4

/* What an open file has: a buffer that it can pass on */
struct session {
	int fd, buf_fd;
	size_t size;
	uint8_t *mem;
	struct mapping map;
};

static void load_fastrpc(void)
{
	static const char * const modules[] = {
		"qcom_tzmem", "qcom_pas", "qcom-scm", "rpmsg_core", "fastrpc", "subdev-rig-dsp",
	};

	load_modules(modules, ARRAY_SIZE(modules));
}

static int session_ioctl(struct session *s, unsigned long request, void *args)
{
	return ioctl(s->fd, request, args) ? -errno : 0;
}

static int session_alloc(struct session *s, int *fd)
{
	struct fastrpc_alloc_dma_buf args = { .size = s->size };
	int ret = session_ioctl(s, FASTRPC_IOCTL_ALLOC_DMA_BUFF, &args);

	*fd = args.fd;
	return ret;
}

/* Opens a session with a buffer of so many pages; 0 or a negative errno */
static int session_open(struct session *s, unsigned int pages)
{
	struct mapping maps[8];

	memset(s, 0, sizeof(*s));
	s->size = pages * PAGE;
	s->fd = open(DEV, O_RDWR | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	if (session_ioctl(s, FASTRPC_IOCTL_INIT_ATTACH, NULL))
		die("the DSP does not answer: %s", strerror(errno));
	trace_start();
	if (session_alloc(s, &s->buf_fd))
		die("no buffer for the DSP: %s", strerror(errno));
	if (trace_maps(maps, ARRAY_SIZE(maps)) != 1)
		die("allocating one buffer was not one mapping");
	s->map = maps[0];
	s->mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->buf_fd, 0);
	if (s->mem == MAP_FAILED)
		die("cannot map a buffer for the program: %s", strerror(errno));
	return 0;
}

static void session_close(struct session *s)
{
	munmap(s->mem, s->size);
	close(s->buf_fd);
	close(s->fd);
}

/* Maps the buffer of another one; 0 or a negative errno, and the mapping */
static int session_import(struct session *s, const struct session *from, struct mapping *map)
{
	struct fastrpc_mem_map args = { .fd = from->buf_fd, .length = from->size };
	struct mapping maps[8];
	unsigned int n;
	int ret;

	trace_start();
	ret = session_ioctl(s, FASTRPC_IOCTL_MEM_MAP, &args);
	if (ret)
		return ret;
	n = trace_maps(maps, ARRAY_SIZE(maps));
	while (n--) {
		/* The other one is the message's */
		if (!strcmp(maps[n].event, "dma_map_sg")) {
			*map = maps[n];
			return 0;
		}
	}
	return -ENOENT;
}

static int session_unimport(struct session *s, const struct session *from)
{
	struct fastrpc_mem_unmap args = { .fd = from->buf_fd, .length = from->size };

	return session_ioctl(s, FASTRPC_IOCTL_MEM_UNMAP, &args);
}

/* Gives the DSP memory that the kernel allocates */
static int session_add_heap(struct session *s)
{
	struct fastrpc_req_mmap args = { .flags = ADD_PAGES, .size = HEAP };

	return session_ioctl(s, FASTRPC_IOCTL_MMAP, &args);
}

static int session_remove_heap(struct session *s)
{
	struct fastrpc_req_munmap args = { .size = HEAP };

	return session_ioctl(s, FASTRPC_IOCTL_MUNMAP, &args);
}

/* A worker frees the buffers of messages: let it end before, and before it is counted */
static void start_unmaps(void)
{
	sleep_ms(100);
	trace_start();
}

static unsigned int unmaps_of(const char *device)
{
	sleep_ms(100);
	return trace_unmaps(device);
}

/*
 * Each context bank is a context of its own, but for one that another device has,
 * and one without an IOMMU, which has the device of fastrpc. Passthrough is not for
 * them.
 */
static void test_banks(void)
{
	begin("fastrpc_has_contexts");
	log_skip();
	load_fastrpc();
	check(appears(DEV));
	check(subdevs_of(CHANNEL) == BANKS);
	check(exists(SUBDEVS "/" BANK(1)));
	check(!exists(SUBDEVS "/" BANK(4)));
	check(!exists(SUBDEVS "/" BANK(5)));
	check(exists(SUBDEVS "/" BANK(6)));
	check(!strcmp(domain_of(BANK(1)), "DMA"));
	check(!strcmp(domain_of(BANK(3)), "DMA"));
	check(log_has("leaving out", "compute-cb@4"));
}

/* A session has its bank, and only the stream of that gets to its buffers. */
static void test_sessions(void)
{
	struct session a, b;

	begin("fastrpc_keeps_sessions_apart");
	check_errno(session_open(&a, 1), 0);
	check_errno(session_open(&b, 2), 0);
	check(!strcmp(a.map.device, BANK(1)));
	check(!strcmp(b.map.device, BANK(2)));
	check(engine_reaches(ENGINE_A, a.mem, a.map.iova));
	check(engine_is_stopped(ENGINE_B, a.mem, a.map.iova));
	check(engine_reaches(ENGINE_B, b.mem, b.map.iova));
	check(engine_is_stopped(ENGINE_A, b.mem, b.map.iova));
	start_unmaps();
	session_close(&b);
	/* With the message that says good-bye */
	check(unmaps_of(BANK(2)) == 2);
	check(!engine_gets_through(ENGINE_B));
	check(engine_reaches(ENGINE_A, a.mem, a.map.iova));
	session_close(&a);
	check(!engine_gets_through(ENGINE_A));
}

/*
 * A buffer of one session that is mapped for another one as well is in the context
 * of that until it is unmapped there.
 */
static void test_imports(void)
{
	struct session a, b;
	struct mapping map = {};

	begin("fastrpc_maps_a_dma_buf_in_the_right_context");
	check_errno(session_open(&a, 1), 0);
	check_errno(session_open(&b, 1), 0);
	check_errno(session_import(&b, &a, &map), 0);
	check(!strcmp(map.device, BANK(2)));
	/* So it would be noticed if one were used for the other */
	check(map.iova != a.map.iova);
	check(engine_reaches(ENGINE_B, a.mem, map.iova));
	check(engine_is_stopped(ENGINE_A, a.mem, map.iova));
	check(engine_reaches(ENGINE_A, a.mem, a.map.iova));
	start_unmaps();
	check_errno(session_unimport(&b, &a), 0);
	check(unmaps_of(BANK(2)) == 2);
	check(engine_is_stopped(ENGINE_B, a.mem, map.iova));
	check(engine_reaches(ENGINE_A, a.mem, a.map.iova));
	session_close(&b);
	session_close(&a);
}

/* Memory that the DSP asks for comes from the context, and goes back. */
static void test_heap(void)
{
	struct mapping maps[8];
	struct session s;
	unsigned int n;

	begin("fastrpc_adds_memory_to_the_right_context");
	check_errno(session_open(&s, 1), 0);
	start_unmaps();
	check_errno(session_add_heap(&s), 0);
	n = trace_maps(maps, ARRAY_SIZE(maps));
	check(n == 2);
	while (n--)
		check(!strcmp(maps[n].device, BANK(1)));
	check_errno(session_remove_heap(&s), 0);
	check(unmaps_of(BANK(1)) == 3);
	session_close(&s);
}

static void check_sessions(unsigned int count, const char * const device[])
{
	struct session s[SESSIONS_MAX], extra;

	for (unsigned int i = 0; i < count; i++) {
		int ret = session_open(&s[i], 1);

		check_errno(ret, 0);
		if (ret || !s[i].mem)
			return;
		check(!strcmp(s[i].map.device, device[i]));
		/* What is not translated does not come from what is the DSP's own */
		if (!strcmp(device[i], CHANNEL))
			check(s[i].map.iova - DSP_MEM >= DSP_MEM_SIZE);
		memset(s[i].mem, i, PAGE);
	}
	check_errno(session_open(&extra, 1), -EBUSY);
	for (unsigned int i = 0; i < count; i++) {
		check(bytes_are(s[i].mem, i));
		session_close(&s[i]);
	}
	check_errno(session_open(&s[0], 1), 0);
	session_close(&s[0]);
}

/* There are as many sessions as the banks that can be had say, and no more. */
static void test_all_sessions(void)
{
	begin("fastrpc_ebusy_without_a_session");
	check_sessions(SESSIONS, session_device);
}

static void remove_dsp(bool driver)
{
	if (driver)
		check_errno(write_file(CHANNEL, CHANNEL_DRIVER "/unbind"), 0);
	else
		check_errno(write_file(DSP, DSP_DRIVER "/unbind"), 0);
}

static void add_dsp(bool driver)
{
	if (driver)
		check_errno(write_file(CHANNEL, CHANNEL_DRIVER "/bind"), 0);
	else
		check_errno(write_file(DSP, DSP_DRIVER "/bind"), 0);
	check(appears(DEV));
}

/*
 * The DSP goes, or its driver, while files are open: the streams are blocked at
 * once, nothing is mapped any more, and what is unmapped later does no harm. When it
 * comes back all is as before, also while old files are still open.
 */
static void test_removed(bool driver)
{
	struct session a, b, s;
	struct mapping map = {};
	int fd;

	check_errno(session_open(&a, 1), 0);
	check_errno(session_open(&b, 2), 0);
	check_errno(session_add_heap(&a), 0);
	check_errno(session_import(&b, &a, &map), 0);
	check(engine_reaches(ENGINE_A, a.mem, a.map.iova));
	check(engine_reaches(ENGINE_B, a.mem, map.iova));
	remove_dsp(driver);
	check(!exists(DEV));
	check(!subdevs_of(CHANNEL));
	check(engine_is_stopped(ENGINE_A, a.mem, a.map.iova));
	check(engine_is_stopped(ENGINE_B, a.mem, map.iova));
	check(!engine_gets_through(ENGINE_A));
	check_errno(session_alloc(&a, &fd), -ENOMEM);
	check_errno(session_ioctl(&a, FASTRPC_IOCTL_INIT_ATTACH, NULL), -EPIPE);
	check_errno(session_remove_heap(&a), -EPIPE);
	memset(a.mem, 0x77, PAGE);
	start_unmaps();
	session_close(&b);
	/* Its own buffer and that of the other one */
	check(unmaps_of(BANK(2)) == 2);
	check(bytes_are(a.mem, 0x77));
	add_dsp(driver);
	check(subdevs_of(CHANNEL) == BANKS);
	check_errno(session_open(&s, 1), 0);
	check(!strcmp(s.map.device, BANK(1)));
	check(engine_reaches(ENGINE_A, s.mem, s.map.iova));
	check(bytes_are(a.mem, 0x77));
	start_unmaps();
	session_close(&a);
	check(unmaps_of(BANK(1)) == 2);
	check(engine_reaches(ENGINE_A, s.mem, s.map.iova));
	session_close(&s);
}

static void test_driver_unbound(void)
{
	begin("fastrpc_unbinds_with_files_open");
	for (int i = 0; i < 3; i++)
		test_removed(true);
}

static void test_dsp_removed(void)
{
	begin("fastrpc_loses_its_dsp_with_files_open");
	for (int i = 0; i < 3; i++)
		test_removed(false);
	check_sessions(SESSIONS, session_device);
}

void (*const fastrpc_users[])(void) = {
	test_banks,
	test_sessions,
	test_imports,
	test_heap,
	test_all_sessions,
	test_driver_unbound,
	test_dsp_removed,
	NULL
};

/* Where the SMMU's driver comes later, fastrpc waits for it. */
static void test_waits(void)
{
	begin("fastrpc_waits_for_the_smmu");
	load_fastrpc();
	sleep_ms(1000);
	check(!exists(DEV));
	check(!exists(CHANNEL_DRIVER "/" CHANNEL));
	check(!count_dir(SUBDEVS));
}

void (*const fastrpc_waits[])(void) = { test_waits, NULL };

/*
 * When that has come, it is probed by itself: it had not assigned the memory of the
 * DSP yet, which firmware does only once.
 */
static void test_late(void)
{
	begin("fastrpc_comes_after_the_smmu");
	if (!check(appears(DEV)))
		return;
	check(subdevs_of(CHANNEL) == BANKS);
	check_sessions(SESSIONS, session_device);
}

void (*const fastrpc_late[])(void) = { test_late, NULL };

/* Without an SMMU there are all sessions, on the device of fastrpc. */
static void test_none(void)
{
	static const char * const device[] = {
		CHANNEL, CHANNEL, CHANNEL, CHANNEL, CHANNEL, CHANNEL, CHANNEL,
	};

	begin("fastrpc_without_an_smmu");
	load_fastrpc();
	check(appears(DEV));
	check(!subdevs_of(CHANNEL));
	check_sessions(ARRAY_SIZE(device), device);
}

void (*const fastrpc_none[])(void) = { test_none, NULL };
