// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated machine, as the programs of the rig see it
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

static int kmsg = -1;
/* From where on the kernel has to be without complaints */
static int kmsg_start = -1;

static const struct device_names of_devices = {
	.parent = "rig-parent",
	.no_map = "rig-no-map",
	.absent = "rig-absent",
#ifdef __riscv
	.accel = "40000000.accel",
	.smmu = "platform:3010000.iommu",
#else
	.accel = "10000000.accel",
	.smmu = "platform:9050000.smmuv3",
#endif
};

static const struct device_names acpi_devices = {
	.accel = "PRP0001:00",
	.parent = "PRP0001:02",
	.no_map = "PRP0001:01",
	.absent = "PRP0001:03",
	.smmu = "platform:arm-smmu-v3.0.auto",
};

const struct device_names *devices = &of_devices;

bool on_acpi(void)
{
	return exists("/sys/firmware/acpi/tables");
}

void die(const char *fmt, ...)
{
	va_list ap;

	printf("rig: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	log_dump();
	power_off();
}

void power_off(void)
{
	fflush(stdout);
	/* On a board it is a program like any other */
	if (getpid() != 1)
		exit(EXIT_FAILURE);
	/* What the console has not sent yet would go with the power */
	tcdrain(STDOUT_FILENO);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void mount_all(void)
{
	static const struct {
		const char *type, *path;
	} fs[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(fs); i++) {
		mkdir(fs[i].path, 0755);
		if (mount(fs[i].type, fs[i].path, fs[i].type, 0, NULL) &&
		    errno != EBUSY)
			die("cannot mount %s: %s", fs[i].path, strerror(errno));
	}
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		die("cannot open /dev/kmsg: %s", strerror(errno));
	log_skip();
	if (on_acpi())
		devices = &acpi_devices;
	kmsg_start = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* What a board's kernel said before is nothing of ours */
	if (getpid() != 1)
		lseek(kmsg_start, 0, SEEK_END);
}

const char *cmdline(const char *name)
{
	static char line[2048];
	size_t len = strlen(name);
	char *word, *next;

	snprintf(line, sizeof(line), "%s", read_file("/proc/cmdline"));
	for (word = line; word; word = next) {
		next = strchr(word, ' ');
		if (next)
			*next++ = 0;
		if (!strncmp(word, name, len) && word[len] == '=')
			return word + len + 1;
	}
	return NULL;
}

int load_module_with(const char *name, const char *params)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int load_module(const char *name)
{
	return load_module_with(name, "");
}

int load_iommus(void)
{
	static const char * const modules[] = {
#ifdef __riscv
		/* The driver is built in, but may wait for a supply */
		"fixed",
#else
		"arm_smmu_v3", "virtio-iommu",
#endif
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(modules) && !ret; i++)
		ret = load_module(modules[i]);
	return ret;
}

int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

const char *read_file(const char *fmt, ...)
{
	static char text[4096];
	char path[PATH_MAX];
	ssize_t len;
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);

	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (len < 0)
		len = 0;
	text[len] = 0;
	text[strcspn(text, "\n")] = 0;
	return text;
}

int write_file(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int fd, ret;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

bool exists(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return !access(path, F_OK);
}

const char *link_name(const char *fmt, ...)
{
	static char target[PATH_MAX];
	char path[PATH_MAX];
	ssize_t len;
	va_list ap;
	char *name;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);

	len = readlink(path, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = 0;
	name = strrchr(target, '/');
	return name ? name + 1 : target;
}

unsigned int count_dir(const char *path)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			n++;
	if (dir)
		closedir(dir);
	return n;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* The next line of the log, without what the kernel puts before it */
static const char *log_next(int fd)
{
	static char line[8192];
	ssize_t len;
	char *text;

	do {
		/* EPIPE: lines were lost, the next read gets what is left */
		len = read(fd, line, sizeof(line) - 1);
	} while (len < 0 && errno == EPIPE);
	if (len <= 0)
		return NULL;
	line[len] = 0;
	text = strchr(line, ';');
	text = text ? text + 1 : line;
	text[strcspn(text, "\n")] = 0;
	return text;
}

void log_skip(void)
{
	while (log_next(kmsg))
		;
}

unsigned int log_count(const char *text, const char *text2)
{
	unsigned int n = 0;
	const char *line;

	while ((line = log_next(kmsg)))
		if (strstr(line, text) && strstr(line, text2))
			n++;
	return n;
}

bool log_has(const char *text, const char *text2)
{
	return log_count(text, text2);
}

bool log_has_in_order(const char *first, const char *then)
{
	bool found = false;
	const char *line;

	while ((line = log_next(kmsg))) {
		if (strstr(line, first))
			found = true;
		else if (strstr(line, then))
			return found;
	}
	return false;
}

/*
 * The core says that a driver may not fail the first attach of a device. SMMUv3
 * allocates memory in it, and then loses count of what it has to invalidate. That
 * is so for every device, and ends with the error as it should. The driver model
 * says it as well when there is no memory to add an object.
 */
static bool is_known_fault(const char *line)
{
	return (strstr(line, "kobject_add_internal failed") &&
		strstr(line, "(error: -12 ")) ||
	       (strstr(line, "WARNING:") &&
		(strstr(line, " iommu_setup_default_domain+") ||
		 strstr(line, " arm_smmu_install_old_domain_invs+"))) ||
	       /* Each has a line of its own that says what it is */
	       strstr(line, "[ cut here ]") || strstr(line, "Call trace:");
}

unsigned int log_splats(bool faults)
{
	static const char * const signs[] = {
		"------------[ cut here ]", "WARNING:", "BUG:", "Oops",
		"Call trace:", "KASAN", "possible circular locking",
		"refcount_t:", "Kernel panic", "INFO: task", "UBSAN",
		"kobject_add_internal failed", "cannot create duplicate",
		"Resources present before probing",
	};
	unsigned int n = 0;
	const char *line;

	while ((line = log_next(kmsg_start))) {
		if (faults && is_known_fault(line))
			continue;
		for (unsigned int i = 0; i < ARRAY_SIZE(signs); i++) {
			if (strstr(line, signs[i])) {
				printf("# kernel: %s\n", line);
				n++;
				break;
			}
		}
	}
	return n;
}

unsigned int memory_leaks(void)
{
	unsigned int n = 0;
	char line[256];
	FILE *f;

	/* What is younger than five seconds may be on its way; twice to be sure */
	for (int i = 0; i < 2; i++) {
		sleep_ms(6000);
		if (write_file("scan", KMEMLEAK))
			return 0;
	}
	f = fopen(KMEMLEAK, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "unreferenced", 12))
			n++;
		printf("# kmemleak: %s", line);
	}
	if (f)
		fclose(f);
	return n;
}

void log_dump(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *line;

	while (fd >= 0 && (line = log_next(fd)))
		printf("# kernel: %s\n", line);
	if (fd >= 0)
		close(fd);
}

bool has_virtio_iommu(void)
{
	return exists(VIOMMU_DRIVER "/" VIOMMU);
}

int viommu_remove(void)
{
	return write_file("1", VIOMMU_PCI "/remove");
}

int pci_rescan(void)
{
	return write_file("1", "/sys/bus/pci/rescan");
}

/*
 * 6.12 gives a device its IOMMU when a driver is bound to it, so one that had its
 * driver before the IOMMU was there, or waits for that, has it bound again.
 */
void give_host_bridge_its_iommu(void)
{
	if (exists(HOST_BRIDGE "/iommu_group"))
		return;
	write_file("0000:00:00.0", HOST_BRIDGE "/driver/unbind");
	write_file("0000:00:00.0", "/sys/bus/pci/drivers_probe");
}

bool log_has_fault(const struct context *ctx)
{
	char who[80], event[32];
	const char *line;
	bool found = false;

	sleep_ms(100);
	/* It knows endpoints, which are streams */
	if (has_virtio_iommu()) {
		snprintf(who, sizeof(who), "from EP %u at", stream_of(ctx->engine));
		return log_has("page fault", who);
	}
	/* A page fault of a write, and not 258, which is for a stream without a context */
	if (ON_RISCV) {
		snprintf(who, sizeof(who), "devid: 0x%x ", stream_of(ctx->engine));
		return log_has("Fault 15 ", who);
	}
	snprintf(who, sizeof(who), "client: %s ", ctx->name);
	/* 6.12 prints the event as it is: in front the stream, then F_TRANSLATION */
	snprintf(event, sizeof(event), "0x%08x00000010", stream_of(ctx->engine));
	while ((line = log_next(kmsg)))
		if (strstr(line, event) ||
		    (strstr(line, "event: F_TRANSLATION") && strstr(line, who)))
			found = true;
	return found;
}

/* Their drivers report ten events in five seconds, and a DMA has many */
void log_await_faults(void)
{
	sleep_ms(5100);
	log_skip();
}

#define PCI_COMMAND		0x04
#define PCI_COMMAND_MASTER	0x04
#define ENGINE_SIZE		0x100000
/* Where Linux puts the first in the window of the PCI host */
#define ENGINE_FIRST		(ON_RISCV ? 0x40000000ULL : 0x10000000ULL)

/*
 * What the firmware of a board does before Linux starts: the engines answer at
 * the addresses that they are described at, if they are, and may do DMA.
 */
void engines_power_up(void)
{
	for (unsigned int n = 0; n < ENGINES_MAX; n++) {
		uint64_t want = ENGINE_FIRST + n * ENGINE_SIZE;
		uint16_t command;
		char path[64];
		uint64_t bar;
		int fd;

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0",
			 n + 1);
		if (n >= ENGINES && !exists("%s", path))
			break;
		bar = strtoull(read_file("%s/resource", path), NULL, 0);
		if (bar != want && exists("/sys/bus/platform/devices/%s", ACCEL))
			die("engine %u is at 0x%llx, but is described at 0x%llx",
			    n, (unsigned long long)bar,
			    (unsigned long long)want);
		if (write_file("1", "%s/enable", path))
			die("cannot enable engine %u", n);
		snprintf(path + strlen(path), sizeof(path) - strlen(path),
			 "/config");
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || pread(fd, &command, 2, PCI_COMMAND) != 2)
			die("cannot read the configuration of engine %u", n);
		command |= PCI_COMMAND_MASTER;
		if (pwrite(fd, &command, 2, PCI_COMMAND) != 2)
			die("cannot let engine %u do DMA", n);
		close(fd);
	}
}

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_MEM	0x40000

static volatile uint8_t *engine_regs(unsigned int n)
{
	static volatile uint8_t *regs[ENGINES_MAX];
	char path[64];
	int fd;

	if (regs[n])
		return regs[n];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0/resource0",
		 n + 1);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	regs[n] = mmap(NULL, ENGINE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || regs[n] == MAP_FAILED)
		die("cannot map engine %u: %s", n, strerror(errno));
	close(fd);
	return regs[n];
}

void engine_raw_start(unsigned int n, uint64_t address, bool to_memory)
{
	volatile uint8_t *regs = engine_regs(n);

	*(volatile uint64_t *)(regs + EDU_DMA_SRC) = to_memory ? EDU_DMA_MEM : address;
	*(volatile uint64_t *)(regs + EDU_DMA_DST) = to_memory ? address : EDU_DMA_MEM;
	*(volatile uint64_t *)(regs + EDU_DMA_COUNT) = CHUNK;
	*(volatile uint64_t *)(regs + EDU_DMA_CMD) = to_memory ? 3 : 1;
}

void engine_raw_wait(unsigned int n)
{
	volatile uint64_t *cmd = (volatile uint64_t *)(engine_regs(n) + EDU_DMA_CMD);

	for (int i = 0; i < 100 && (*cmd & 1); i++)
		sleep_ms(10);
}

void engine_raw_write(unsigned int n, uint64_t address)
{
	engine_raw_start(n, address, true);
	engine_raw_wait(n);
}

uint64_t physical_address(void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8 ||
	    !(entry >> 63))
		die("cannot tell the physical address of a page");
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE + (uintptr_t)p % PAGE;
}

int rig_do(struct subdev_rig *rig, enum subdev_rig_op op)
{
	int fd = open("/dev/subdev-rig", O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		die("no /dev/subdev-rig");
	rig->op = op;
	ret = ioctl(fd, SUBDEV_RIG_DO, rig) ? -errno : 0;
	close(fd);
	return ret;
}

#define PCI_GROUP	"/sys/bus/pci/devices/0000:00:00.0/iommu_group"

const char *domain_of_pci(void)
{
	for (int i = 0; i < 100 && !exists(PCI_GROUP); i++)
		sleep_ms(100);
	return read_file(PCI_GROUP "/type");
}
