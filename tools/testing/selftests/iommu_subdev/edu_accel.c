// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolated DMA contexts, end to end: each open file of /dev/edu-accel has an engine
 * that does DMA, and a sub-device of the IOMMU core for the engine's stream.
 *
 * It needs the driver in samples/iommu-subdev, an IOMMU whose driver reports faults
 * to sub-devices, and a machine with such an accelerator, for example QEMU with four
 * "edu" devices behind its SMMUv3: samples/iommu-subdev/README.rst has the devicetree.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../../samples/iommu-subdev/edu-accel.h"
#include "../kselftest_harness.h"

#define ACCEL		"/dev/edu-accel"
#define DRIVER		"/sys/bus/platform/drivers/edu-accel"
#define SUBDEVS		"/sys/bus/iommu_subdev/devices"
/* More files than there are engines, and those that do DMA */
#define MAX_CONTEXTS	64
#define MAX_USERS	4
#define FAULT_MS	500
/* Mapped for no context */
#define STRAY		0x123456000ULL

struct context {
	int fd;
	struct edu_accel_info info;
	/* A page that has the same IOVA in each context, and one that is in no other */
	struct edu_accel_alloc page, secret;
	__u8 *page_mem, *secret_mem;
};

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static int context_open(struct context *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->fd = open(ACCEL, O_RDWR | O_CLOEXEC);
	if (ctx->fd < 0)
		return -errno;
	return ioctl(ctx->fd, EDU_ACCEL_INFO, &ctx->info) ? -errno : 0;
}

static __u8 *buffer(struct context *ctx, struct edu_accel_alloc *alloc, size_t size)
{
	alloc->size = size;
	if (ioctl(ctx->fd, EDU_ACCEL_ALLOC, alloc))
		return MAP_FAILED;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->fd,
		    alloc->mmap_offset);
}

static void context_close(struct context *ctx)
{
	if (ctx->page_mem && ctx->page_mem != MAP_FAILED)
		munmap(ctx->page_mem, ctx->page.size);
	if (ctx->secret_mem && ctx->secret_mem != MAP_FAILED)
		munmap(ctx->secret_mem, ctx->secret.size);
	if (ctx->fd >= 0)
		close(ctx->fd);
	ctx->fd = -1;
}

/* All of the engine's memory, from or to @iova */
static int dma(struct context *ctx, __u64 iova, enum edu_accel_direction direction)
{
	struct edu_accel_run run = {
		.iova = iova,
		.length = ctx->info.memory_size,
		.direction = direction,
	};

	return ioctl(ctx->fd, EDU_ACCEL_RUN, &run) ? -errno : 0;
}

static bool has_fault(struct context *ctx, int ms)
{
	struct pollfd fd = { .fd = ctx->fd, .events = POLLPRI };

	return poll(&fd, 1, ms) == 1 && fd.revents & POLLPRI;
}

/* Does DMA at @iova, all of the engine's memory, give a fault there? */
static bool dma_faults(struct context *ctx, __u64 iova, enum edu_accel_direction direction)
{
	struct edu_accel_fault fault = {};

	/* The last ones of a transfer before may come late */
	while (has_fault(ctx, 50))
		ioctl(ctx->fd, EDU_ACCEL_FAULT, &fault);
	/* The engine does not notice */
	if (dma(ctx, iova, direction) || !has_fault(ctx, FAULT_MS) ||
	    ioctl(ctx->fd, EDU_ACCEL_FAULT, &fault))
		return false;
	return fault.count && fault.iova >= iova &&
	       fault.iova < iova + ctx->info.memory_size;
}

static bool has_memory_at(const struct context *ctx, __u64 iova)
{
	return iova - ctx->page.iova < ctx->page.size ||
	       iova - ctx->secret.iova < ctx->secret.size;
}

static void fill(__u8 *mem, size_t size, unsigned int who)
{
	for (size_t i = 0; i < size; i++)
		mem[i] = i * 7 + who + 1;
}

static bool holds(const __u8 *mem, size_t size, unsigned int who)
{
	for (size_t i = 0; i < size; i++)
		if (mem[i] != (__u8)(i * 7 + who + 1))
			return false;
	return true;
}

static bool is_zero(const __u8 *mem, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (mem[i])
			return false;
	return true;
}

static int sysfs_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int sysfs_read(char *to, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, to, size - 1);
	close(fd);
	if (len < 0)
		return -errno;
	to[len] = 0;
	to[strcspn(to, "\n")] = 0;
	return 0;
}

/* Every engine there is, each with a context; the first ones have buffers */
FIXTURE(accel) {
	struct context ctx[MAX_CONTEXTS];
	unsigned int nr_open, nr;
	/* What the open said that came after the last engine */
	int ret;
};

FIXTURE_SETUP(accel)
{
	size_t size = page_size();

	if (access(ACCEL, F_OK))
		SKIP(return, "there is no " ACCEL ": load edu-accel.ko on a machine that has one");
	if (access(ACCEL, R_OK | W_OK))
		SKIP(return, "only root can open " ACCEL);

	for (; self->nr_open < MAX_CONTEXTS; self->nr_open++) {
		self->ret = context_open(&self->ctx[self->nr_open]);
		if (self->ret)
			break;
	}
	self->nr = self->nr_open < MAX_USERS ? self->nr_open : MAX_USERS;
	if (self->nr < 2 && self->ret == -EBUSY)
		SKIP(return, "two engines are needed that nobody else uses");
	ASSERT_GE(self->nr, 2) {
		TH_LOG("open: %s", strerror(-self->ret));
	}

	for (unsigned int i = 0; i < self->nr; i++) {
		struct context *ctx = &self->ctx[i];

		ctx->page_mem = buffer(ctx, &ctx->page, size);
		ASSERT_NE(MAP_FAILED, ctx->page_mem);
		/*
		 * IOVAs are from the top down, aligned to the size rounded up. So each
		 * of these is below what the context before has.
		 */
		ctx->secret_mem = buffer(ctx, &ctx->secret, ((2 << i) - 1) * size);
		ASSERT_NE(MAP_FAILED, ctx->secret_mem);
		fill(ctx->secret_mem, ctx->info.memory_size, i);
	}
	for (unsigned int i = 0; i < self->nr; i++) {
		for (unsigned int j = 0; j < self->nr; j++) {
			if (i == j)
				continue;
			ASSERT_FALSE(has_memory_at(&self->ctx[i], self->ctx[j].secret.iova)) {
				TH_LOG("the tests need other addresses");
			}
		}
	}
}

FIXTURE_TEARDOWN(accel)
{
	while (self->nr_open)
		context_close(&self->ctx[--self->nr_open]);
}

/* Each file has an engine and a translated group of its own. */
TEST_F(accel, contexts_are_apart)
{
	char path[256], type[32], a[256], b[256];
	unsigned int i, j;
	ssize_t len;

	/* Nobody shares an engine */
	EXPECT_EQ(-EBUSY, self->ret);
	for (i = 0; i < self->nr_open; i++) {
		snprintf(path, sizeof(path), SUBDEVS "/%s/iommu_group/type",
			 self->ctx[i].info.name);
		ASSERT_EQ(0, sysfs_read(type, sizeof(type), path));
		EXPECT_EQ(0, strncmp(type, "DMA", 3));
		snprintf(path, sizeof(path), SUBDEVS "/%s/iommu_group",
			 self->ctx[i].info.name);
		len = readlink(path, a, sizeof(a) - 1);
		ASSERT_GT(len, 0);
		a[len] = 0;
		for (j = 0; j < i; j++) {
			EXPECT_NE(self->ctx[i].info.engine, self->ctx[j].info.engine);
			snprintf(path, sizeof(path), SUBDEVS "/%s/iommu_group",
				 self->ctx[j].info.name);
			len = readlink(path, b, sizeof(b) - 1);
			ASSERT_GT(len, 0);
			b[len] = 0;
			EXPECT_STRNE(a, b);
		}
	}
}

/* A context reaches its own buffers. */
TEST_F(accel, dma_works)
{
	for (unsigned int i = 0; i < self->nr; i++) {
		struct context *ctx = &self->ctx[i];

		EXPECT_EQ(0, dma(ctx, ctx->secret.iova, EDU_ACCEL_TO_ENGINE));
		EXPECT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_FROM_ENGINE));
		EXPECT_TRUE(holds(ctx->page_mem, ctx->info.memory_size, i));
		EXPECT_FALSE(has_fault(ctx, 50));
	}
}

/* The same address is another page for each. */
TEST_F(accel, same_address)
{
	for (unsigned int i = 0; i < self->nr; i++) {
		EXPECT_EQ(self->ctx[0].page.iova, self->ctx[i].page.iova);
		fill(self->ctx[i].page_mem, self->ctx[i].info.memory_size, i);
	}
	for (unsigned int i = 0; i < self->nr; i++) {
		struct context *ctx = &self->ctx[i];

		EXPECT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_TO_ENGINE));
		memset(ctx->page_mem, 0, ctx->page.size);
		EXPECT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_FROM_ENGINE));
		EXPECT_TRUE(holds(ctx->page_mem, ctx->info.memory_size, i));
	}
}

/* No context reads or writes what another one has, and each is told of its tries. */
TEST_F(accel, no_other_reaches_it)
{
	for (unsigned int i = 0; i < self->nr; i++)
		for (unsigned int j = 0; j < self->nr; j++) {
			struct context *ctx = &self->ctx[i], *other = &self->ctx[j];
			size_t size = ctx->info.memory_size;

			if (i == j)
				continue;
			/* What is stopped reads as nothing */
			memset(ctx->page_mem, 0xff, ctx->page.size);
			ASSERT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_TO_ENGINE));
			EXPECT_TRUE(dma_faults(ctx, other->secret.iova, EDU_ACCEL_TO_ENGINE));
			ASSERT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_FROM_ENGINE));
			EXPECT_TRUE(is_zero(ctx->page_mem, size));

			EXPECT_TRUE(dma_faults(ctx, other->secret.iova, EDU_ACCEL_FROM_ENGINE));
			EXPECT_TRUE(holds(other->secret_mem, size, j));
			EXPECT_FALSE(has_fault(other, 0));
		}
}

/* An address that is mapped for none is stopped in both directions. */
TEST_F(accel, unmapped)
{
	for (unsigned int i = 0; i < self->nr; i++) {
		EXPECT_TRUE(dma_faults(&self->ctx[i], STRAY, EDU_ACCEL_TO_ENGINE));
		EXPECT_TRUE(dma_faults(&self->ctx[i], STRAY, EDU_ACCEL_FROM_ENGINE));
	}
}

/* The next user of an engine gets nothing of the last one. */
TEST_F(accel, next_user)
{
	struct context *ctx = &self->ctx[0];
	__u64 iova = ctx->secret.iova;
	unsigned int engine = ctx->info.engine;

	ASSERT_EQ(0, dma(ctx, ctx->secret.iova, EDU_ACCEL_TO_ENGINE));
	context_close(ctx);

	/* No other engine is free */
	ASSERT_EQ(0, context_open(ctx));
	EXPECT_EQ(engine, ctx->info.engine);
	ctx->page_mem = buffer(ctx, &ctx->page, page_size());
	ASSERT_NE(MAP_FAILED, ctx->page_mem);
	memset(ctx->page_mem, 0xff, ctx->page.size);
	EXPECT_EQ(0, dma(ctx, ctx->page.iova, EDU_ACCEL_FROM_ENGINE));
	EXPECT_TRUE(is_zero(ctx->page_mem, ctx->info.memory_size));
	EXPECT_TRUE(dma_faults(ctx, iova, EDU_ACCEL_FROM_ENGINE));
}

/* Memory that is mapped stays valid, and the engine is not free, until it is unmapped. */
TEST_F(accel, mapping_outlives_file)
{
	struct context *ctx = &self->ctx[0];
	__u8 *mem = ctx->secret_mem;
	struct context next;

	close(ctx->fd);
	ctx->fd = -1;
	EXPECT_TRUE(holds(mem, ctx->info.memory_size, 0));
	EXPECT_EQ(-EBUSY, context_open(&next));
	context_close(ctx);
	ctx->page_mem = NULL;
	ctx->secret_mem = NULL;
	EXPECT_EQ(0, context_open(&next));
	context_close(&next);
}

/* A dma-buf is reached by the context that imports it, and by no other. */
TEST_F(accel, dma_buf)
{
	struct context *from = &self->ctx[0], *to = &self->ctx[1];
	struct edu_accel_export export = { .iova = from->secret.iova };
	struct edu_accel_import import = {};

	ASSERT_EQ(0, ioctl(from->fd, EDU_ACCEL_EXPORT, &export));
	import.fd = export.fd;
	ASSERT_EQ(0, ioctl(to->fd, EDU_ACCEL_IMPORT, &import));
	close(export.fd);
	EXPECT_EQ(from->secret.size, import.size);

	/* It outlives the context that it is from */
	context_close(from);
	from->page_mem = NULL;
	from->secret_mem = NULL;
	EXPECT_EQ(0, dma(to, import.iova, EDU_ACCEL_TO_ENGINE));
	EXPECT_EQ(0, dma(to, to->page.iova, EDU_ACCEL_FROM_ENGINE));
	EXPECT_TRUE(holds(to->page_mem, to->info.memory_size, 0));

	for (unsigned int i = 2; i < self->nr; i++) {
		struct context *other = &self->ctx[i];

		EXPECT_NE(has_memory_at(other, import.iova),
			  dma_faults(other, import.iova, EDU_ACCEL_TO_ENGINE));
		EXPECT_EQ(0, dma(other, other->page.iova, EDU_ACCEL_FROM_ENGINE));
		EXPECT_FALSE(holds(other->page_mem, other->info.memory_size, 0));
	}
}

/* Root cannot turn the isolation off while it is used. */
TEST_F(accel, group_is_owned)
{
	char path[256];

	snprintf(path, sizeof(path), SUBDEVS "/%s/iommu_group/type", self->ctx[0].info.name);
	EXPECT_EQ(-EPERM, sysfs_write(path, "identity"));
	/* Nor replace the domain under the buffers */
	EXPECT_EQ(-EPERM, sysfs_write(path, "DMA"));
	EXPECT_EQ(0, dma(&self->ctx[0], self->ctx[0].page.iova, EDU_ACCEL_TO_ENGINE));
	EXPECT_TRUE(dma_faults(&self->ctx[0], STRAY, EDU_ACCEL_FROM_ENGINE));
}

/* An unbind ends the contexts of open files; what they have mapped stays valid. */
TEST_F(accel, unbind)
{
	struct context *ctx = &self->ctx[0];
	struct edu_accel_alloc alloc = { .size = page_size() };
	char name[64], path[256], *dot;
	struct context next;
	int ret;

	/* PARENT.ID */
	snprintf(name, sizeof(name), "%s", ctx->info.name);
	dot = strrchr(name, '.');
	ASSERT_NE(NULL, dot);
	*dot = 0;
	ret = sysfs_write(DRIVER "/unbind", name);
	if (ret == -EACCES)
		SKIP(return, "only root can unbind the driver");
	ASSERT_EQ(0, ret);

	/* The driver is bound again before anything can end the test */
	snprintf(path, sizeof(path), SUBDEVS "/%s", ctx->info.name);
	EXPECT_NE(0, access(path, F_OK));
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_ALLOC, &alloc));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, dma(ctx, ctx->page.iova, EDU_ACCEL_TO_ENGINE));
	ASSERT_EQ(0, sysfs_write(DRIVER "/bind", name));

	EXPECT_EQ(-ENODEV, dma(ctx, ctx->page.iova, EDU_ACCEL_TO_ENGINE));
	EXPECT_TRUE(holds(ctx->secret_mem, ctx->info.memory_size, 0));
	/* The files of before do not keep the engines */
	EXPECT_EQ(0, context_open(&next));
	context_close(&next);
}

/* What is wrong is refused. */
TEST_F(accel, arguments)
{
	struct context *ctx = &self->ctx[0];
	struct edu_accel_alloc alloc = { .size = page_size() + 1 };
	struct edu_accel_import import = { .fd = -1 };
	struct edu_accel_export export = { .iova = STRAY };
	struct edu_accel_run run = { .iova = ctx->page.iova, .length = 1,
				     .offset = ctx->info.memory_size };

	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_ALLOC, &alloc));
	EXPECT_EQ(EINVAL, errno);
	alloc.size = 0;
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_ALLOC, &alloc));
	EXPECT_EQ(EINVAL, errno);
	alloc.size = page_size();
	alloc.flags = 1;
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_ALLOC, &alloc));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_RUN, &run));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_EXPORT, &export));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(ctx->fd, EDU_ACCEL_IMPORT, &import));
	EXPECT_EQ(EBADF, errno);
}

TEST_HARNESS_MAIN
