// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of buffers that are shared by contexts and with others, as dma-bufs
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

/*
 * Larger than a page, so that it is of several pieces in memory, and one in a context;
 * but not 64 KiB, as QEMU's RISC-V IOMMU does not know pages of that size
 */
#define SIZE	(15 * PAGE)

/*
 * Three contexts of which two share a buffer: that of the first, at the end of which
 * there is a page of what BYTE is. PAD makes its address another one in the second.
 */
struct trio {
	struct context owner, user, other;
	struct buffer shared, pad, page;
	uint64_t iova;
	int fd;
};

static bool open_trio(struct trio *t, uint8_t byte)
{
	check_errno(context_open(&t->owner), 0);
	check_errno(context_open(&t->user), 0);
	check_errno(context_open(&t->other), 0);
	check_errno(context_alloc(&t->owner, &t->shared, SIZE), 0);
	check_errno(context_alloc(&t->user, &t->pad, 2 * SIZE), 0);
	check_errno(context_alloc(&t->user, &t->page, PAGE), 0);
	t->fd = context_export(&t->owner, &t->shared);
	check(t->fd > 2);
	t->iova = 0;
	check_errno(context_import(&t->user, t->fd, &t->iova), SIZE);
	memset(t->shared.mem, byte, SIZE);
	return check(t->iova && t->iova != t->shared.iova);
}

static void close_trio(struct trio *t)
{
	context_close(&t->other);
	context_close(&t->user);
	context_close(&t->owner);
	close(t->fd);
}

/* What the engine of CTX reads at IOVA it writes to MINE: is that all BYTE? */
static bool reads(struct context *ctx, uint64_t iova, struct buffer *mine, uint8_t byte)
{
	memset(mine->mem, ~byte, PAGE);
	return !dma_to_engine(ctx, iova) && !dma_from_engine(ctx, mine->iova) &&
	       bytes_are(mine->mem, byte);
}

/* The context gets at the address neither for reading nor for writing */
static void check_no_access(struct context *ctx, uint64_t iova)
{
	context_forget_faults(ctx);
	check_errno(dma_to_engine(ctx, iova), 0);
	check(context_faulted(ctx, iova, false));
	context_forget_faults(ctx);
	check_errno(dma_from_engine(ctx, iova), 0);
	check(context_faulted(ctx, iova, true));
}

/*
 * What one context writes another one reads, from the same pages at an address of its
 * own, first page and last. A third one has neither address.
 */
void test_share(void)
{
	struct trio t;

	begin("dma_bufs_cross_contexts");
	if (open_trio(&t, 0x11)) {
		check(reads(&t.user, t.iova, &t.page, 0x11));
		memset(t.shared.mem + SIZE - PAGE, 0x22, PAGE);
		check(reads(&t.user, t.iova + SIZE - PAGE, &t.page, 0x22));
		/* The other way round, by DMA alone */
		memset(t.page.mem, 0x33, PAGE);
		check_errno(dma_to_engine(&t.user, t.page.iova), 0);
		check_errno(dma_from_engine(&t.user, t.iova + PAGE), 0);
		check_errno(dma_to_engine(&t.owner, t.shared.iova + PAGE), 0);
		check_errno(dma_from_engine(&t.owner, t.shared.iova), 0);
		check(bytes_are(t.shared.mem, 0x33));

		check_no_access(&t.other, t.iova);
		check_no_access(&t.other, t.shared.iova);
		check_no_access(&t.user, t.shared.iova);
		check_no_access(&t.owner, t.iova);
		check(bytes_are(t.shared.mem, 0x33));
	}
	close_trio(&t);
}

/*
 * The owner's context ends, and its file and the dma-buf's are closed: who has
 * imported it goes on, and another one can still import it. The memory is freed with
 * the last of them.
 */
void test_share_outlives(void)
{
	struct trio t;
	struct buffer mine;
	uint64_t iova = 0;
	unsigned int n;

	begin("dma_bufs_outlive_their_context");
	if (open_trio(&t, 0x44)) {
		n = t.owner.engine;
		context_close(&t.owner);
		check(!engine_gets_through(n));
		check(reads(&t.user, t.iova, &t.page, 0x44));
		check_errno(context_import(&t.other, t.fd, &iova), SIZE);
		close(t.fd);
		t.fd = -1;
		/* The engine has another context by now */
		check_errno(context_open(&t.owner), 0);
		check(t.owner.engine == n);
		check_no_access(&t.owner, t.shared.iova);

		check_errno(context_alloc(&t.other, &mine, PAGE), 0);
		memset(mine.mem, 0x55, PAGE);
		check_errno(dma_to_engine(&t.other, mine.iova), 0);
		check_errno(dma_from_engine(&t.other, iova), 0);
		check(reads(&t.user, t.iova, &t.page, 0x55));
		context_close(&t.user);
		check(reads(&t.other, iova, &mine, 0x55));
		check_errno(context_open(&t.user), 0);
	}
	close_trio(&t);
}

/* The driver is unbound while a buffer is shared: closing is all that is left to do. */
void test_share_unbound(void)
{
	struct trio t;
	int fd;

	begin("dma_bufs_outlive_the_driver");
	if (open_trio(&t, 0x66)) {
		check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
		for (unsigned int n = 0; n < ENGINES; n++)
			check(!engine_gets_through(n));
		check_errno(context_import(&t.other, t.fd, &t.iova), -ENODEV);
		check_errno(context_export(&t.owner, &t.shared), -ENODEV);
		check(bytes_are(t.shared.mem, 0x66));
		context_close(&t.owner);
		context_close(&t.other);
		check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
		/* The owner's engine has a new context, which shares it once more */
		check_errno(context_open(&t.owner), 0);
		fd = context_import(&t.owner, t.fd, &t.iova);
		check(fd == SIZE);
		check_errno(context_alloc(&t.owner, &t.page, PAGE), 0);
		check(reads(&t.owner, t.iova, &t.page, 0x66));
	}
	close_trio(&t);
}

static int heap_alloc(size_t size)
{
	struct dma_heap_allocation_data data = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int ret;

	if (heap < 0)
		return -errno;
	ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
	close(heap);
	return ret;
}

/* Of every page of a file in memory, in the wrong order */
static int udmabuf_of(int memfd, unsigned int pages)
{
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item list[SIZE / PAGE];
	} create = { .head = { .flags = UDMABUF_FLAGS_CLOEXEC, .count = pages } };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int ret;

	if (dev < 0)
		return -errno;
	for (unsigned int i = 0; i < pages; i++)
		create.list[i] = (struct udmabuf_create_item) {
			.memfd = memfd,
			.offset = (pages - 1 - i) * PAGE,
			.size = PAGE,
		};
	ret = ioctl(dev, UDMABUF_CREATE_LIST, &create);
	ret = ret < 0 ? -errno : ret;
	close(dev);
	return ret;
}

static void check_import(int fd, const char *what)
{
	struct context ctx;
	struct buffer mine;
	uint64_t iova = 0;
	uint8_t *mem;

	printf("# %s\n", what);
	if (!check(fd >= 0))
		return;
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(mem != MAP_FAILED);
	check_errno(context_open(&ctx), 0);
	check_errno(context_alloc(&ctx, &mine, PAGE), 0);
	check_errno(context_import(&ctx, fd, &iova), SIZE);
	close(fd);
	for (unsigned int i = 0; i < SIZE / PAGE && mem != MAP_FAILED; i++) {
		memset(mem + i * PAGE, i + 1, PAGE);
		check(reads(&ctx, iova + i * PAGE, &mine, i + 1));
		memset(mine.mem, 0x80 + i, PAGE);
		check_errno(dma_to_engine(&ctx, mine.iova), 0);
		check_errno(dma_from_engine(&ctx, iova + i * PAGE), 0);
		check(mem[i * PAGE] == 0x80 + i && mem[i * PAGE + CHUNK - 1] == 0x80 + i);
	}
	check_no_access(&ctx, iova + SIZE);
	if (mem != MAP_FAILED)
		munmap(mem, SIZE);
	context_close(&ctx);
}

/* The buffers of others: the system's heap, and pages of a file that lie anywhere. */
void test_share_others(void)
{
	int memfd = memfd_create("rig", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	begin("dma_bufs_of_others");
	check_import(heap_alloc(SIZE), "the system heap");
	check(memfd >= 0 && !ftruncate(memfd, SIZE) &&
	      !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	check_import(udmabuf_of(memfd, SIZE / PAGE), "udmabuf");
	close(memfd);
}

/* What cannot be shared gives an errno, and nothing is left. */
void test_share_errors(void)
{
	struct context ctx;
	struct buffer buf, wrong = { .iova = 0x1000 };
	uint64_t iova;
	int fd;

	begin("dma_bufs_that_are_none");
	check_errno(context_open(&ctx), 0);
	check_errno(context_alloc(&ctx, &buf, SIZE), 0);
	check_errno(context_export(&ctx, &wrong), -EINVAL);
	check_errno(context_import(&ctx, -1, &iova), -EBADF);
	check_errno(context_import(&ctx, ctx.fd, &iova), -EINVAL);
	/*
	 * Its own, a second time, several times, and with the dma-buf closed first.
	 * CONFIG_DMA_API_DEBUG warns if a page is mapped more than seven times.
	 */
	for (unsigned int i = 0; i < 5; i++) {
		fd = context_export(&ctx, &buf);
		check(fd > 2);
		check_errno(context_import(&ctx, fd, &iova), SIZE);
		check(iova != buf.iova);
		close(fd);
	}
	context_close(&ctx);
}
