// SPDX-License-Identifier: GPL-2.0-only
/*
 * The accelerator as its users see it
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../samples/iommu-subdev/edu-accel.h"
#include "rig.h"

int context_open(struct context *ctx)
{
	struct edu_accel_info info = {};
	int ret;

	ctx->nr_mapped = 0;
	ctx->fd = open(ACCEL_DEV, O_RDWR | O_CLOEXEC);
	if (ctx->fd < 0)
		return -errno;
	if (ioctl(ctx->fd, EDU_ACCEL_INFO, &info)) {
		ret = -errno;
		context_close(ctx);
		return ret;
	}
	ctx->engine = info.engine;
	ctx->input_id = info.input_id;
	snprintf(ctx->name, sizeof(ctx->name), "%s", info.name);
	return 0;
}

void context_close(struct context *ctx)
{
	while (ctx->nr_mapped) {
		struct buffer *buf = &ctx->mapped[--ctx->nr_mapped];

		munmap(buf->mem, buf->size);
	}
	if (ctx->fd >= 0)
		close(ctx->fd);
	ctx->fd = -1;
}

int context_alloc(struct context *ctx, struct buffer *buf, size_t size)
{
	struct edu_accel_alloc alloc = { .size = size };

	if (ioctl(ctx->fd, EDU_ACCEL_ALLOC, &alloc))
		return -errno;
	buf->iova = alloc.iova;
	buf->size = size;
	buf->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->fd,
			alloc.mmap_offset);
	if (buf->mem == MAP_FAILED)
		return -errno;
	if (ctx->nr_mapped == ARRAY_SIZE(ctx->mapped))
		die("more buffers than context_close() can unmap");
	ctx->mapped[ctx->nr_mapped++] = *buf;
	return 0;
}

int context_export(struct context *ctx, const struct buffer *buf)
{
	struct edu_accel_export export = { .iova = buf->iova };

	return ioctl(ctx->fd, EDU_ACCEL_EXPORT, &export) ? -errno : export.fd;
}

int context_import(struct context *ctx, int fd, uint64_t *iova)
{
	struct edu_accel_import import = { .fd = fd };

	if (ioctl(ctx->fd, EDU_ACCEL_IMPORT, &import))
		return -errno;
	*iova = import.iova;
	return import.size;
}

static int dma(struct context *ctx, uint64_t iova, unsigned int direction)
{
	struct edu_accel_run run = {
		.iova = iova,
		.length = CHUNK,
		.direction = direction,
	};

	return ioctl(ctx->fd, EDU_ACCEL_RUN, &run) ? -errno : 0;
}

int dma_to_engine(struct context *ctx, uint64_t iova)
{
	return dma(ctx, iova, EDU_ACCEL_TO_ENGINE);
}

int dma_from_engine(struct context *ctx, uint64_t iova)
{
	return dma(ctx, iova, EDU_ACCEL_FROM_ENGINE);
}

bool context_has_fault(struct context *ctx, unsigned int ms)
{
	struct pollfd fd = { .fd = ctx->fd, .events = POLLPRI };

	return poll(&fd, 1, ms) == 1 && fd.revents == POLLPRI;
}

static uint64_t get_fault(struct context *ctx, struct edu_accel_fault *fault)
{
	memset(fault, 0xff, sizeof(*fault));
	if (ioctl(ctx->fd, EDU_ACCEL_FAULT, fault))
		die("EDU_ACCEL_FAULT: %s", strerror(errno));
	return fault->count;
}

void context_forget_faults(struct context *ctx)
{
	struct edu_accel_fault fault;

	while (context_has_fault(ctx, 50))
		get_fault(ctx, &fault);
}

bool context_faulted(struct context *ctx, uint64_t iova, bool write)
{
	struct edu_accel_fault fault;

	if (!context_has_fault(ctx, 500) || !get_fault(ctx, &fault))
		return false;
	return fault.iova >= iova && fault.iova < iova + CHUNK && !fault.flags &&
	       /* QEMU's virtio-iommu does not say what it was */
	       fault.write == (write && !has_virtio_iommu());
}

/* What the group's type file says */
const char *domain_of(const char *subdev)
{
	return read_file(SUBDEVS "/%s/iommu_group/type", subdev);
}

/* In the devicetree: four cells for each, of which the third is the stream ID */
static unsigned int of_stream_of(unsigned int engine)
{
	uint8_t map[ENGINES * 16];
	const uint8_t *cell = &map[engine * 16 + 8];
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/of_node/iommu-map",
		 ACCEL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, map, sizeof(map)) != sizeof(map))
		die("the devicetree's iommu-map is not what machine.dts has");
	close(fd);
	return (unsigned int)cell[0] << 24 | cell[1] << 16 | cell[2] << 8 | cell[3];
}

#define ACPI_NAME	"\\_SB_.ACCL"
/* In a named component of an IORT, and in the mappings at the offset that it has */
#define IORT_MAPPINGS	12
#define IORT_NAME	29
#define IORT_MAP_SIZE	20
#define IORT_MAP_OUTPUT	8

/* In the IORT: a mapping for each */
static unsigned int acpi_stream_of(unsigned int engine)
{
	int fd = open("/sys/firmware/acpi/tables/IORT", O_RDONLY | O_CLOEXEC);
	ssize_t len, at = -1;
	uint8_t iort[4096];
	uint32_t mappings, stream;
	uint8_t *name;

	len = fd < 0 ? 0 : read(fd, iort, sizeof(iort));
	if (fd >= 0)
		close(fd);
	name = len > 0 ? memmem(iort, len, ACPI_NAME, sizeof(ACPI_NAME)) : NULL;
	if (name) {
		memcpy(&mappings, name - IORT_NAME + IORT_MAPPINGS, 4);
		at = name - IORT_NAME - iort + mappings + engine * IORT_MAP_SIZE;
	}
	if (at < 0 || at + IORT_MAP_SIZE > len)
		die("the IORT is not what iort.asl has");
	memcpy(&stream, iort + at + IORT_MAP_OUTPUT, 4);
	return stream;
}

unsigned int stream_of(unsigned int engine)
{
	return on_acpi() ? acpi_stream_of(engine) : of_stream_of(engine);
}
