// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of contexts over system sleep and runtime PM
 */
#include <errno.h>
#include <string.h>

#include "check.h"

#define RTC	"/sys/class/rtc/rtc0"

/*
 * How far the system goes towards s2idle before it comes back: as the kernel's own
 * tests of that do, after one second; or all the way, until the clock wakes it
 */
static const char * const levels[] = { "freezer", "devices", "platform", "none" };

static void sleep_to(const char *level)
{
	/* Its driver would have to restore it, and cannot */
	bool refused = has_virtio_iommu() && strcmp(level, "freezer");

	/* Instead of five. Linux 6.12 executes instructions all the time */
	check_errno(write_file("1", "/sys/module/suspend/parameters/pm_test_delay"), 0);
	check_errno(write_file(level, "/sys/power/pm_test"), 0);
	if (!strcmp(level, "none") && !refused)
		check_errno(write_file("+3", RTC "/wakealarm"), 0);
	check_errno(write_file("freeze", "/sys/power/state"), refused ? -EOPNOTSUPP : 0);
	/* Linux has no driver for the PCI devices that they are */
	engines_power_up();
}

static unsigned int usage_of(const char *device)
{
	struct subdev_rig rig = {};

	snprintf(rig.parent, sizeof(rig.parent), "%s", device);
	check_errno(rig_do(&rig, RIG_PM_USAGE), 0);
	return rig.count;
}

/*
 * A system sleeps and wakes up with live contexts, or cannot sleep: their memory is
 * what it was, their DMA gets there and nowhere else, and no count has changed.
 */
void test_sleep(void)
{
	const char *iommu = iommu_name();
	unsigned int usage[3], subdevs;
	struct subdev_rig rig, buf;
	struct context a, b;
	struct buffer mine, theirs, pad;

	begin("sleep_with_live_contexts");
	check(strstr(read_file("/sys/power/state"), "freeze"));
	check_errno(context_open(&a), 0);
	check_errno(context_open(&b), 0);
	check_errno(context_alloc(&a, &mine, PAGE), 0);
	check_errno(context_alloc(&b, &pad, PAGE), 0);
	check_errno(context_alloc(&b, &theirs, PAGE), 0);
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
	buf = rig;
	buf.kind = 1;
	buf.size = 4 * PAGE;
	buf.mask = 0;
	check_errno(rig_do(&buf, RIG_ALLOC), 0);
	usage[0] = usage_of(iommu);
	usage[1] = usage_of(PARENT);
	usage[2] = usage_of(ACCEL);
	subdevs = count_dir(SUBDEVS);
	log_skip();

	for (unsigned int i = 0; i < ARRAY_SIZE(levels); i++) {
		memset(mine.mem, 0x11 + i, PAGE);
		memset(theirs.mem, 0x77, PAGE);
		check_errno(dma_to_engine(&a, mine.iova), 0);
		printf("# pm_test %s\n", levels[i]);
		sleep_to(levels[i]);

		check(bytes_are(mine.mem, 0x11 + i));
		memset(mine.mem, 0, PAGE);
		check_errno(dma_from_engine(&a, mine.iova), 0);
		check(bytes_are(mine.mem, 0x11 + i));
		context_forget_faults(&a);
		check_errno(dma_from_engine(&a, theirs.iova), 0);
		check(context_faulted(&a, theirs.iova, true));
		check(bytes_are(theirs.mem, 0x77));
		for (unsigned int n = 0; n < ENGINES; n++)
			check(n == a.engine || n == b.engine || !engine_gets_through(n));
		check_errno(rig_do(&buf, RIG_SYNC), 0);
		check_errno(try_create(PARENT, ID_FIRST + 1), 0);
		check(usage_of(iommu) == usage[0]);
		check(usage_of(PARENT) == usage[1]);
		check(usage_of(ACCEL) == usage[2]);
		check(count_dir(SUBDEVS) == subdevs);
	}
	check(log_count("PM: suspend exit", "") == ARRAY_SIZE(levels));
	check_errno(rig_do(&buf, RIG_FREE), 0);
	check_errno(destroy(&rig), 0);
	context_close(&b);
	context_close(&a);
}

/*
 * A driver may create, map and destroy while the system goes to sleep and wakes up,
 * once its device is linked to the IOMMU, which the first create did.
 */
void test_sleep_callbacks(void)
{
	struct subdev_rig rig = { .id = ID_FIRST }, end = {};

	begin("create_in_sleep_callbacks");
	check_errno(try_create(PARENT, ID_FIRST), 0);
	snprintf(rig.parent, sizeof(rig.parent), "%s", PARENT);
	check_errno(rig_do(&rig, RIG_SLEEP_CREATE), 0);
	for (unsigned int i = 1; i < ARRAY_SIZE(levels); i++)
		sleep_to(levels[i]);
	check_errno(rig_do(&end, RIG_SLEEP_END), 0);
	/* Each time in both callbacks */
	check(end.count == 2 * (ARRAY_SIZE(levels) - 1));
	check(!count_dir(SUBDEVS));
	check_errno(try_create(PARENT, ID_FIRST), 0);
}

/* The parent is resumed and suspended a hundred times, and creates while it resumes. */
void test_resumed_often(void)
{
	const char *iommu = iommu_name();
	struct subdev_rig pm = { .id = ID_FIRST }, rig, off = {};
	unsigned int usage[2];

	begin("hundred_cycles_of_runtime_pm");
	snprintf(pm.parent, sizeof(pm.parent), "%s", PARENT);
	snprintf(off.parent, sizeof(off.parent), "%s", iommu);
	check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
	check_errno(rig_do(&off, RIG_PM_ENABLE), 0);
	check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
	check_errno(rig_do(&pm, RIG_PM_ENABLE), 0);
	check_errno(create(&rig, PARENT, ID_FIRST + 1), 0);
	usage[0] = usage_of(iommu);
	usage[1] = usage_of(PARENT);
	for (unsigned int i = 0; i < 100; i++)
		check_errno(rig_do(&pm, RIG_PM_CREATE), 0);
	check_errno(rig_do(&pm, RIG_PM_USAGE), 0);
	check(pm.resumes == 100);
	check(usage_of(iommu) == usage[0]);
	check(usage_of(PARENT) == usage[1]);
	check(!strcmp(read_file("/sys/bus/platform/devices/%s/power/runtime_status", PARENT),
		      "suspended"));
	check_errno(destroy(&rig), 0);
	check_errno(rig_do(&pm, RIG_PM_DISABLE), 0);
	check_errno(write_file(PARENT, RIG_DRIVER "/unbind"), 0);
	check_errno(rig_do(&off, RIG_PM_DISABLE), 0);
	check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
}
