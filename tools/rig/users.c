// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drivers that use sub-devices, on registers that are RAM: what their tests share
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "users.h"

#define TRACING	"/sys/kernel/tracing"

void trace_start(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write_file("1", TRACING "/events/dma/enable"))
		die("the DMA API has no tracepoints");
	close(fd);
}

/* "... dma_map_sg: DEVICE dir=...": the event and the device of a line, if it has one */
static bool parse_line(char *line, struct mapping *map, char **rest)
{
	char *event = strstr(line, ": dma_");

	return event && sscanf(event, ": %23[a-z_]: %47s", map->event, map->device) == 2 &&
	       (*rest = strstr(event, map->device));
}

static unsigned int trace_read(bool (*take)(struct mapping *map, const char *rest),
			       struct mapping *maps, unsigned int max)
{
	static char line[8192];
	FILE *f = fopen(TRACING "/trace", "r");
	struct mapping map;
	unsigned int n = 0;
	char *rest;

	if (!f)
		die("cannot read the trace");
	while (n < max && fgets(line, sizeof(line), f)) {
		memset(&map, 0, sizeof(map));
		if (parse_line(line, &map, &rest) && take(&map, rest))
			maps[n++] = map;
	}
	fclose(f);
	return n;
}

static bool take_map(struct mapping *map, const char *rest)
{
	unsigned long long iova;
	const char *addr;

	if (strncmp(map->event, "dma_map", 7) && strncmp(map->event, "dma_alloc", 9))
		return false;
	addr = strstr(rest, "dma_addr");
	/* dma_addr=X, or dma_addrs={0xX,... */
	if (!addr || (sscanf(addr, "dma_addr=%llx", &iova) != 1 &&
		      sscanf(addr, "dma_addrs={%llx", &iova) != 1))
		return false;
	map->iova = iova;
	return true;
}

unsigned int trace_maps(struct mapping *maps, unsigned int max)
{
	return trace_read(take_map, maps, max);
}

static bool take_unmap(struct mapping *map, const char *rest)
{
	(void)rest;
	return !strncmp(map->event, "dma_unmap", 9) || !strncmp(map->event, "dma_free", 8);
}

unsigned int trace_unmaps(const char *device)
{
	static struct mapping maps[512];
	unsigned int n = trace_read(take_unmap, maps, ARRAY_SIZE(maps)), count = 0;

	while (n--)
		count += !strcmp(maps[n].device, device);
	return count;
}

void load_modules(const char * const names[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int ret = load_module(names[i]);

		if (ret && ret != -EEXIST)
			die("cannot load %s.ko: %s", names[i], strerror(-ret));
	}
}

void load_smmu(void)
{
	static const char * const smmu[] = { "arm_smmu_v3" };

	load_modules(smmu, ARRAY_SIZE(smmu));
}

bool appears(const char *path)
{
	for (int i = 0; i < 100; i++) {
		if (exists("%s", path))
			return true;
		sleep_ms(100);
	}
	return false;
}

bool engine_reaches(unsigned int n, uint8_t *mem, uint64_t iova)
{
	memset(mem, 0x5a, CHUNK);
	engine_raw_start(n, iova, false);
	engine_raw_wait(n);
	memset(mem, 0, CHUNK);
	engine_raw_write(n, iova);
	return bytes_are(mem, 0x5a);
}

bool engine_is_stopped(unsigned int n, uint8_t *mem, uint64_t iova)
{
	return !engine_reaches(n, mem, iova) && bytes_are(mem, 0);
}

unsigned int subdevs_of(const char *parent)
{
	size_t len = strlen(parent);
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir = opendir(SUBDEVS);

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, parent, len) &&
		     (entry->d_name[len] == '.' || entry->d_name[len] == ':');
	if (dir)
		closedir(dir);
	return n;
}
