// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that live, and run, when the kernel ends: by a reboot, and by kexec, which
 * no reset stops hardware for. What is here runs before; the tests run after.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

/* The machine's last page, which mem= keeps from Linux, so nobody else writes to it */
#define LAST_PAGE	0xfffff000UL
#define UNTOUCHED	0xa5

static uint8_t *last_page(void)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	void *page;

	page = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					  LAST_PAGE);
	if (page == MAP_FAILED)
		die("cannot map the machine's last page: %s", strerror(errno));
	close(fd);
	return page;
}

static struct context ctx;
static struct buffer buf;

static void run_engine(void)
{
	memset(buf.mem, 0x3c, PAGE);
	if (dma_to_engine(&ctx, buf.iova))
		_exit(1);
	while (!dma_from_engine(&ctx, buf.iova))
		;
}

static void __attribute__((noreturn)) start_kernel(void)
{
	static char line[1024];
	int kernel = open("/again/Image", O_RDONLY | O_CLOEXEC);
	int initrd = open("/again/initramfs.cpio", O_RDONLY | O_CLOEXEC);
	char *name;

	snprintf(line, sizeof(line), "%s", read_file("/proc/cmdline"));
	name = strstr(line, "rig=kexec");
	if (!name)
		die("not a boot of kexec");
	memcpy(name, "rig=again", strlen("rig=again"));
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line, 0UL))
		die("cannot load the next kernel: %s", strerror(errno));
	reboot(LINUX_REBOOT_CMD_KEXEC);
	die("kexec has not happened");
}

/* Does not return from the first time */
void end_kernel(const char *how)
{
	uint8_t *page = last_page();

	if (bytes_are(page, UNTOUCHED)) {
		munmap(page, PAGE);
		return;
	}
	memset(page, UNTOUCHED, PAGE);
	start_all();
	if (context_open(&ctx) || context_alloc(&ctx, &buf, PAGE))
		die("no context");
	child(run_engine);
	sleep_ms(250);
	printf("# a context lives, its engine runs, and so does one that nobody has\n");
	engine_raw_start((ctx.engine + 1) % ENGINES, LAST_PAGE, true);
	if (!strcmp(how, "kexec"))
		start_kernel();
	reboot(RB_AUTOBOOT);
	die("the machine has not been reset");
}

/*
 * What ran when the kernel ended has written to nobody's memory. At kexec it is PCI that
 * sees to that first: it clears the bus master bit of every device.
 */
void test_untouched(void)
{
	uint8_t *page;

	begin("no_dma_after_the_kernel");
	page = last_page();
	check(bytes_are(page, UNTOUCHED));
	munmap(page, PAGE);
}
