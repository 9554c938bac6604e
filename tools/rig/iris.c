// SPDX-License-Identifier: GPL-2.0-only
/*
 * iris, Qualcomm's video decoder and encoder: one with a node for each context, and
 * one as devicetrees had it until 2026. subdev-rig-iris.ko is their firmware: it
 * answers commands, but nothing is ever decoded.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "users.h"

#define IRIS		"61000000.video-codec"
#define IRIS_OLD	"61100000.video-codec"
#define PIXEL		IRIS ":pixel"
#define NON_PIXEL	IRIS ":non-pixel"
#define FIRMWARE	IRIS ":firmware"
#define IRIS_DRIVER	"/sys/bus/platform/drivers/qcom-iris"
#define RIG_IRIS	"/sys/module/subdev_rig_iris/parameters"
#define TRACING		"/sys/kernel/tracing"

/* Hardware cannot reach non-pixel buffers below the first, nor any above the other */
#define NON_PIXEL_START	0x25800000
#define IOVA_END	0xe0000000

/* What its memory-region is, and what subdev-rig-iris.c looks for there */
#define FIRMWARE_PHYS	0x62000000
#define FIRMWARE_MAGIC	0x6972696d

#define DECODER		"qcom-iris-decoder"
#define ENCODER		"qcom-iris-encoder"
#define BUFFERS		4

/* The least that the loader takes: a header, a hash segment, and one to load */
static void write_firmware(void)
{
	static const char * const folders[] = {
		"/lib", "/lib/firmware", "/lib/firmware/qcom", "/lib/firmware/qcom/vpu",
	};
	struct {
		Elf32_Ehdr header;
		Elf32_Phdr segments[3];
		uint8_t hash[32];
		uint32_t code[64];
	} image = {
		.header = {
			.e_ident = ELFMAG,
			.e_phoff = sizeof(image.header),
			.e_phentsize = sizeof(image.segments[0]),
			.e_phnum = ARRAY_SIZE(image.segments),
		},
		.segments = {
			{ .p_filesz = sizeof(image.header) + sizeof(image.segments) },
			{
				.p_flags = 2 << 24,
				.p_offset = offsetof(typeof(image), hash),
				.p_filesz = sizeof(image.hash),
			},
			{
				.p_type = PT_LOAD,
				/* To wherever its memory is */
				.p_flags = 1 << 27,
				.p_offset = offsetof(typeof(image), code),
				.p_filesz = sizeof(image.code),
				.p_memsz = PAGE,
			},
		},
		.code = { FIRMWARE_MAGIC },
	};
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(folders); i++)
		mkdir(folders[i], 0755);
	fd = open("/lib/firmware/qcom/vpu/vpu30_p4.mbn",
		  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, &image, sizeof(image)) != sizeof(image))
		die("cannot write the firmware of iris");
	close(fd);
}

static void load_iris(void)
{
	static const char * const modules[] = {
		"qcom_smem", "ubwc_config", "qcom_tzmem", "qcom_pas", "qcom-scm", "mdt_loader",
		"i2c-core", "videodev", "videobuf2-common", "videobuf2-memops", "videobuf2-v4l2",
		"videobuf2-dma-contig", "v4l2-mem2mem",
		"subdev-rig-power", "subdev-rig-iris", "qcom-iris",
	};

	write_firmware();
	load_modules(modules, ARRAY_SIZE(modules));
}

/* The number of the video node of that name; negative without one */
static int find_video(const char *iris, const char *name)
{
	for (int n = 0; n < 8; n++) {
		if (!strcmp(read_file("/sys/class/video4linux/video%d/name", n), name) &&
		    !strcmp(link_name("/sys/class/video4linux/video%d/device", n), iris))
			return n;
	}
	return -ENOENT;
}

/* A file or a negative errno */
static int open_video(const char *iris, const char *name)
{
	int n = find_video(iris, name), fd;
	char path[32];

	if (n < 0)
		return n;
	snprintf(path, sizeof(path), "/dev/video%d", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int video_ioctl(int fd, unsigned long request, void *args)
{
	return ioctl(fd, request, args) ? -errno : 0;
}

static int request_memory(int fd, unsigned int type, unsigned int count, unsigned int memory)
{
	struct v4l2_requestbuffers args = {
		.count = count,
		.type = type,
		.memory = memory,
	};

	return video_ioctl(fd, VIDIOC_REQBUFS, &args);
}

static int request_buffers(int fd, unsigned int type, unsigned int count)
{
	return request_memory(fd, type, count, V4L2_MEMORY_MMAP);
}

/* As the program maps the first buffer, and how long it is */
static uint8_t *map_buffer(int fd, unsigned int type, size_t *len)
{
	struct v4l2_plane plane = {};
	struct v4l2_buffer buf = {
		.type = type,
		.memory = V4L2_MEMORY_MMAP,
		.m.planes = &plane,
		.length = 1,
	};
	uint8_t *mem;

	if (video_ioctl(fd, VIDIOC_QUERYBUF, &buf))
		return NULL;
	*len = plane.length;
	mem = mmap(NULL, plane.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   plane.m.mem_offset);
	return mem == MAP_FAILED ? NULL : mem;
}

/* Whether a mapping is in CONTEXT, and where the streams of that can be used */
static bool is_map_in(const struct mapping *map, const char *context)
{
	uint64_t start = strcmp(context, PIXEL) ? NON_PIXEL_START : 0;

	return !strcmp(map->device, context) && map->iova >= start && map->iova < IOVA_END;
}

/*
 * How many mappings were made in CONTEXT since trace_start(), or 0 if any was made
 * but there and in OTHER
 */
static unsigned int maps_in(const char *context, const char *other)
{
	static struct mapping maps[64];
	unsigned int n = trace_maps(maps, ARRAY_SIZE(maps)), count = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (is_map_in(&maps[i], context)) {
			count++;
		} else if (!is_map_in(&maps[i], other)) {
			printf("# %s of %s is at 0x%llx\n", maps[i].event, maps[i].device,
			       (unsigned long long)maps[i].iova);
			return 0;
		}
	}
	return count;
}

static bool trace_has(const char *text)
{
	FILE *f = fopen(TRACING "/trace", "r");
	static char line[8192];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, text);
	if (f)
		fclose(f);
	return found;
}

/* Whether nothing is allocated in what LINE of sysfs says */
static bool is_reserved(const char *context, const char *line)
{
	char path[128], text[128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), SUBDEVS "/%s/iommu_group/reserved_regions", context);
	f = fopen(path, "r");
	while (f && !found && fgets(text, sizeof(text), f))
		found = !strncmp(text, line, strlen(line));
	if (f)
		fclose(f);
	return found;
}

/* The buffers of both queues are in the contexts, and in no others */
static void check_queues(int fd, const char *output, const char *capture)
{
	trace_start();
	check_errno(request_buffers(fd, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, BUFFERS), 0);
	check(maps_in(output, output) == BUFFERS);
	trace_start();
	check_errno(request_buffers(fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, BUFFERS), 0);
	check(maps_in(capture, capture) == BUFFERS);
}

/*
 * iris has the contexts that its child nodes describe. What non-pixel streams cannot
 * use is reserved by the devicetree, so the driver does not.
 */
static void test_contexts(void)
{
	begin("iris_has_the_contexts_of_nodes");
	load_iris();
	check(appears(IRIS_DRIVER "/" IRIS));
	check(exists(SUBDEVS "/" PIXEL));
	check(exists(SUBDEVS "/" NON_PIXEL));
	check(exists(SUBDEVS "/" FIRMWARE));
	/* As a device with iommus has it, with passthrough or not */
	check(!strcmp(domain_of(PIXEL), "DMA"));
	check(!strcmp(domain_of(NON_PIXEL), "DMA"));
	check(!strcmp(domain_of(FIRMWARE), "DMA"));
	check(is_reserved(NON_PIXEL, "0x0000000000000000 0x00000000257fffff reserved"));
	check(is_reserved(FIRMWARE, "0x0000000000000000 0x00000000004fffff reserved"));
	check(find_video(IRIS, DECODER) >= 0);
	check(find_video(IRIS, ENCODER) >= 0);
}

/*
 * The first open starts the firmware, which is mapped at the address that it is
 * linked for in a context of its own. The queues to it are non-pixel.
 */
static void test_firmware(void)
{
	int fd;

	begin("iris_maps_its_firmware");
	check(!strtoull(read_file(RIG_IRIS "/firmware"), NULL, 0));
	trace_start();
	fd = open_video(IRIS, DECODER);
	check_errno(fd < 0 ? fd : 0, 0);
	check(maps_in(NON_PIXEL, NON_PIXEL) == 2);
	check(strtoull(read_file(RIG_IRIS "/firmware"), NULL, 0) == FIRMWARE_PHYS);
	/* What was for the authentication is gone after it */
	check(!strcmp(read_file(RIG_IRIS "/metadata"), "0"));
	if (fd >= 0)
		close(fd);
}

/* A decoder reads the bitstream as non-pixel and writes pictures as pixel. */
static void test_decoder(void)
{
	int type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, fd;

	begin("iris_decodes_into_pixel");
	fd = open_video(IRIS, DECODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd < 0)
		return;
	check_queues(fd, NON_PIXEL, PIXEL);
	/* What the hardware itself needs for that bitstream */
	trace_start();
	check_errno(video_ioctl(fd, VIDIOC_STREAMON, &type), 0);
	check(maps_in(NON_PIXEL, PIXEL) == 5);
	check(maps_in(PIXEL, NON_PIXEL) == 1);
	check_errno(video_ioctl(fd, VIDIOC_STREAMOFF, &type), 0);
	trace_start();
	close(fd);
	check(trace_unmaps(PIXEL) == BUFFERS + 1);
	check(trace_unmaps(NON_PIXEL) == BUFFERS + 5);
}

/* An encoder does it the other way round. */
static void test_encoder(void)
{
	int fd;

	begin("iris_encodes_from_pixel");
	fd = open_video(IRIS, ENCODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd < 0)
		return;
	check_queues(fd, PIXEL, NON_PIXEL);
	close(fd);
}

/*
 * iris is unbound while a file has buffers: the contexts end, the firmware is
 * unmapped, and the memory stays until it is freed. Bound again it is as before.
 */
static void test_unbind(void)
{
	int type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, fd;
	unsigned int pixel, non_pixel;
	uint8_t *mem;
	size_t len;

	begin("iris_unbinds_with_files_open");
	check_errno(write_file("1", TRACING "/events/iommu/unmap/enable"), 0);
	for (int i = 0; i < 3; i++) {
		fd = open_video(IRIS, DECODER);
		check_errno(fd < 0 ? fd : 0, 0);
		if (fd < 0)
			break;
		check_queues(fd, NON_PIXEL, PIXEL);
		mem = map_buffer(fd, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, &len);
		check(mem);
		pixel = BUFFERS;
		non_pixel = BUFFERS;
		/* In the second round with a stream that runs */
		if (i == 1) {
			trace_start();
			check_errno(video_ioctl(fd, VIDIOC_STREAMON, &type), 0);
			pixel += maps_in(PIXEL, NON_PIXEL);
			non_pixel += maps_in(NON_PIXEL, PIXEL);
		}
		trace_start();
		check_errno(write_file(IRIS, IRIS_DRIVER "/unbind"), 0);
		check(trace_has("unmap: IOMMU: iova=0x0000000000000000 - 0x0000000000500000"));
		check(!subdevs_of(IRIS));
		check(!exists(SUBDEVS "/" PIXEL));
		check(find_video(IRIS, DECODER) < 0);
		check_errno(request_buffers(fd, type, 0), -ENODEV);
		if (mem) {
			memset(mem, 0x5a, len);
			check(mem[0] == 0x5a && mem[len - 1] == 0x5a);
			munmap(mem, len);
		}
		trace_start();
		close(fd);
		check(trace_unmaps(PIXEL) == pixel);
		check(trace_unmaps(NON_PIXEL) == non_pixel);
		check_errno(write_file(IRIS, IRIS_DRIVER "/bind"), 0);
		check(exists(SUBDEVS "/" PIXEL));
	}
	check_errno(write_file("0", TRACING "/events/iommu/unmap/enable"), 0);
	fd = open_video(IRIS, ENCODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd >= 0) {
		check_queues(fd, PIXEL, NON_PIXEL);
		close(fd);
	}
}

/*
 * A picture that somebody else has allocated is mapped for pixel. videobuf2 has no
 * reference to that device, but it is unmapped there when the driver has gone.
 */
static void test_import(void)
{
	struct dma_heap_allocation_data heap = { .len = 1 << 20, .fd_flags = O_RDWR | O_CLOEXEC };
	struct v4l2_plane plane = {};
	struct v4l2_buffer buf = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.planes = &plane,
		.length = 1,
	};
	int fd, heap_fd;

	begin("iris_unbinds_with_imports");
	heap_fd = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	check_errno(video_ioctl(heap_fd, DMA_HEAP_IOCTL_ALLOC, &heap), 0);
	fd = open_video(IRIS, DECODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd < 0)
		return;
	plane.m.fd = heap.fd;
	plane.length = heap.len;
	check_errno(request_memory(fd, buf.type, BUFFERS, V4L2_MEMORY_DMABUF), 0);
	trace_start();
	check_errno(video_ioctl(fd, VIDIOC_QBUF, &buf), 0);
	check(maps_in(PIXEL, PIXEL) == 1);
	check_errno(write_file(IRIS, IRIS_DRIVER "/unbind"), 0);
	check(!exists(SUBDEVS "/" PIXEL));
	sleep_ms(100);
	trace_start();
	close(fd);
	check(trace_unmaps(PIXEL) == 1);
	close(heap.fd);
	close(heap_fd);
	check_errno(write_file(IRIS, IRIS_DRIVER "/bind"), 0);
}

/*
 * Devicetrees without such nodes work as before: everything is mapped for the device
 * itself, outside of what the driver has reserved, which takes a translated device.
 */
static void test_old(void)
{
	int fd;

	begin("iris_without_nodes_as_before");
	/* A board has one, and so has the firmware */
	check_errno(write_file(IRIS, IRIS_DRIVER "/unbind"), 0);
	if (cmdline("iommu.passthrough")) {
		check(!exists(IRIS_DRIVER "/" IRIS_OLD));
		return;
	}
	check(exists(IRIS_DRIVER "/" IRIS_OLD));
	check(!exists(SUBDEVS "/" IRIS_OLD ":pixel"));
	trace_start();
	fd = open_video(IRIS_OLD, DECODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd < 0)
		return;
	check(maps_in(IRIS_OLD, IRIS_OLD) == 2);
	check_queues(fd, IRIS_OLD, IRIS_OLD);
	check_errno(write_file(IRIS_OLD, IRIS_DRIVER "/unbind"), 0);
	trace_start();
	close(fd);
	check(trace_unmaps(IRIS_OLD) == 2 * BUFFERS);
	check_errno(write_file(IRIS_OLD, IRIS_DRIVER "/bind"), 0);
	check(find_video(IRIS_OLD, ENCODER) >= 0);
}

void (*const iris_users[])(void) = {
	test_contexts,
	test_firmware,
	test_decoder,
	test_encoder,
	test_unbind,
	test_import,
	test_old,
	NULL
};

/* Where the SMMU's driver comes later, iris waits for it. */
static void test_waits(void)
{
	begin("iris_waits_for_the_smmu");
	load_iris();
	sleep_ms(1000);
	check(!exists(IRIS_DRIVER "/" IRIS));
	check(!exists(IRIS_DRIVER "/" IRIS_OLD));
	check(!exists(SUBDEVS "/" PIXEL));
}

void (*const iris_waits[])(void) = { test_waits, NULL };

/* And has all contexts when it has come. */
static void test_late(void)
{
	int fd;

	begin("iris_probes_after_the_smmu");
	check(appears(IRIS_DRIVER "/" IRIS));
	check(exists(SUBDEVS "/" PIXEL));
	check(exists(SUBDEVS "/" NON_PIXEL));
	check(exists(SUBDEVS "/" FIRMWARE));
	check(appears(IRIS_DRIVER "/" IRIS_OLD));
	fd = open_video(IRIS, DECODER);
	check_errno(fd < 0 ? fd : 0, 0);
	if (fd < 0)
		return;
	check_queues(fd, NON_PIXEL, PIXEL);
	close(fd);
}

void (*const iris_late[])(void) = { test_late, NULL };

/*
 * iris never was without an IOMMU, which has to keep its buffers where its streams
 * can be used: it does not probe, with nodes or without them.
 */
static void test_none(void)
{
	begin("iris_needs_an_smmu");
	load_iris();
	sleep_ms(1000);
	check(!exists(IRIS_DRIVER "/" IRIS));
	check(!exists(IRIS_DRIVER "/" IRIS_OLD));
	check(!count_dir("/sys/class/video4linux"));
}

void (*const iris_none[])(void) = { test_none, NULL };
