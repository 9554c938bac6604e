// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract on a machine that runs, in KTAP. Each suite is a boot of its own,
 * as each needs another machine or another command line. One sentence of the
 * contract stands above each test.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "users.h"

/* Parents of subdev-rig-parents.ko */
#define PLAIN		"rig-plain"
#define SOFTWARE	"rig-software"
#define OF_ACPI		"RIGP0001:00"
/* Engine 0, when it is bound to the driver for PCI there */
#define OF_PCI		"0000:00:01.0"
#define PCI_DRIVER	"/sys/bus/pci/drivers/subdev-rig-pci"
#define CHILD		"CHLD"

#define GROUPS		"/sys/kernel/iommu_groups"
#define TRACING		"/sys/kernel/tracing"

static unsigned int test_nr, failed;
static const char *test_name;
static bool test_ok;

/* What does not hold is printed, though not hundreds of times in a loop */
static void does_not_hold(int line, const char *file, const char *what, const char *how)
{
	static int last_line;

	if (line != last_line)
		printf("# %s:%d: does not hold: %s%s\n", file, line, what, how);
	last_line = line;
	test_ok = false;
}

bool check_line(bool ok, int line, const char *file, const char *what)
{
	if (!ok)
		does_not_hold(line, file, what, "");
	return ok;
}

void check_errno_line(int ret, int want, int line, const char *file, const char *what)
{
	char how[128];

	snprintf(how, sizeof(how), " gave %d (%s), not %d (%s)", ret,
		 strerror(-ret), want, strerror(-want));
	if (ret != want)
		does_not_hold(line, file, what, how);
}

void begin(const char *name)
{
	if (test_name)
		die("%s begins in %s, but has to be in the list of its suite",
		    name, test_name);
	test_name = name;
}

static void run_test(void (*test)(void))
{
	test_nr++;
	test_name = NULL;
	test_ok = true;
	test();
	if (!test_name)
		die("test %u has no begin(\"name\")", test_nr);
	if (!test_ok)
		failed++;
	printf("%sok %u %s\n", test_ok ? "" : "not ", test_nr, test_name);
}

static int create_as(struct subdev_rig *rig, enum subdev_rig_op op, const char *parent,
		     unsigned int id)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->parent, sizeof(rig->parent), "%s", parent);
	rig->id = id;
	return rig_do(rig, op);
}

int create(struct subdev_rig *rig, const char *parent, unsigned int id)
{
	return create_as(rig, RIG_CREATE, parent, id);
}

int create_managed(struct subdev_rig *rig, const char *parent, unsigned int id)
{
	return create_as(rig, RIG_DEVM_CREATE, parent, id);
}

int create_node(struct subdev_rig *rig, const char *parent, const char *name)
{
	memset(rig, 0, sizeof(*rig));
	snprintf(rig->parent, sizeof(rig->parent), "%s", parent);
	snprintf(rig->name, sizeof(rig->name), "%s", name);
	return rig_do(rig, RIG_CREATE_NODE);
}

int destroy(struct subdev_rig *rig)
{
	return rig_do(rig, RIG_DESTROY);
}

int try_create(const char *parent, unsigned int id)
{
	struct subdev_rig rig;
	int ret = create(&rig, parent, id);

	if (!ret)
		destroy(&rig);
	return ret;
}

int create_pasid(struct subdev_rig *rig, const char *parent)
{
	return create_as(rig, RIG_CREATE_PASID, parent, 0);
}

int try_pasid(const char *parent)
{
	struct subdev_rig rig;
	int ret = create_pasid(&rig, parent);

	if (!ret)
		destroy(&rig);
	return ret;
}

static int refused(enum subdev_rig_op op)
{
	struct subdev_rig rig = {};

	return rig_do(&rig, op);
}

/*
 * How many groups there are, once there are as many as wanted: with
 * CONFIG_DEBUG_KOBJECT_RELEASE they go seconds after their last device.
 */
static unsigned int groups(unsigned int want)
{
	int tries = cmdline("slow_release") ? 1000 : 0;
	unsigned int n;

	while ((n = count_dir(GROUPS)) != want && tries--)
		sleep_ms(20);
	return n;
}

/* The same, once those have gone that were on their way when this began. */
static unsigned int groups_now(void)
{
	/* The device, a folder of its group and the group, for up to 4 s each */
	if (cmdline("slow_release"))
		sleep_ms(20000);
	return count_dir(GROUPS);
}

bool bytes_are(const uint8_t *mem, uint8_t byte)
{
	for (unsigned int i = 0; i < CHUNK; i++)
		if (mem[i] != byte)
			return false;
	return true;
}

/* As many as machine.dts maps for the parent: on virtio-iommu each is a device's */
static unsigned int id_count(void)
{
	return has_virtio_iommu() ? 8 : ID_COUNT_MAX;
}

/*
 * The bus is internal: it has no driver, and nothing in sysfs binds one to a
 * sub-device or has it probed.
 */
static void test_bus(void)
{
#define BUS	"/sys/bus/iommu_subdev"
	begin("bus_is_internal");
	check(exists(BUS));
	check(!count_dir(BUS "/drivers"));
	check_errno(write_file("nobody", BUS "/drivers_probe"), -ENODEV);
	for (char on = '0'; on <= '1'; on++) {
		char text[] = { on, 0 };

		check_errno(write_file(text, BUS "/drivers_autoprobe"), 0);
	}
}

/*
 * The same while a sub-device lives: to have it probed has no effect, with which
 * switch ever.
 */
static void test_bus_probe(void)
{
	struct subdev_rig rig;

	begin("nothing_binds_to_a_sub_device");
	for (char on = '0'; on <= '1'; on++) {
		char text[] = { on, 0 };

		check_errno(write_file(text, BUS "/drivers_autoprobe"), 0);
		check_errno(create(&rig, PARENT, ID_FIRST), 0);
		write_file(rig.name, BUS "/drivers_probe");
		check(!exists(SUBDEVS "/%s/driver", rig.name));
		check(!count_dir(BUS "/drivers"));
		check(!strncmp(domain_of(rig.name), "DMA", 3));
		check_errno(write_file("identity", SUBDEVS "/%s/iommu_group/type", rig.name),
			    -EPERM);
		check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
		check_errno(destroy(&rig), 0);
	}
}

#define IOMMUS	"/sys/class/iommu"

/* Whether one of the IOMMUs has a link to the device of that name */
static bool is_behind_iommu(const char *name)
{
	bool found = false;
	struct dirent *entry;
	DIR *dir = opendir(IOMMUS);

	while (dir && (entry = readdir(dir)))
		if (exists(IOMMUS "/%s/devices/%s", entry->d_name, name))
			found = true;
	if (dir)
		closedir(dir);
	return found;
}

/*
 * A sub-device is a child of its parent, with a translated group of its own and
 * the links of every device behind an IOMMU; nothing of it is left after destroy.
 */
static void test_create(void)
{
	unsigned int before = groups_now();
	unsigned int id = ID_FIRST + id_count() - 1;
	struct subdev_rig rig, other;
	char group[16], name[32];

	begin("create_and_destroy");
	snprintf(name, sizeof(name), "%s.%x", PARENT, id);
	check_errno(create(&rig, PARENT, id), 0);
	check(!strcmp(rig.name, name));
	check(exists("/sys/devices/platform/%s/%s", PARENT, name));
	check(exists(SUBDEVS "/%s/iommu/devices/%s", name, name));
	check(is_behind_iommu(name));
	check(!exists(SUBDEVS "/%s/driver", rig.name));
	check(!exists(SUBDEVS "/%s/input_id", rig.name));
	check(!strcmp(domain_of(rig.name), "DMA"));
	snprintf(group, sizeof(group), "%s",
		 link_name(SUBDEVS "/%s/iommu_group", rig.name));
	check_errno(create(&other, PARENT, id - 1), 0);
	check(strcmp(group, link_name(SUBDEVS "/%s/iommu_group", other.name)));
	check(groups(before + 2) == before + 2);
	check_errno(destroy(&other), 0);
	check_errno(destroy(&rig), 0);
	check(groups(before) == before);
	check(!is_behind_iommu(name));
	check(!count_dir(SUBDEVS));
}

/*
 * -EINVAL: the parent is NULL, is not registered, has no driver, or is itself a
 * sub-device. destroy ignores NULL and error pointers.
 */
static void test_bad_parent(void)
{
	struct subdev_rig rig;

	begin("einval_for_bad_parents");
	check_errno(refused(RIG_PARENT_NULL), -EINVAL);
	check_errno(refused(RIG_PARENT_UNREGISTERED), -EINVAL);
	check_errno(refused(RIG_PARENT_DRIVERLESS), -EINVAL);
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	check_errno(rig_do(&rig, RIG_PARENT_SUBDEV), -EINVAL);
	check_errno(destroy(&rig), 0);
	check_errno(refused(RIG_DESTROY_NOTHING), 0);
}

/*
 * -ENODEV: firmware maps no IOMMU for the ID, or the IOMMU is disabled.
 */
static void test_no_iommu_for_id(void)
{
	begin("enodev_without_a_map");
	check_errno(try_create(NO_MAP, ID_FIRST), -ENODEV);
	check_errno(try_create(PARENT, ID_UNMAPPED), -ENODEV);
	check_errno(try_create(PARENT, ID_DISABLED), -ENODEV);
	check(!count_dir(SUBDEVS));
}

/*
 * -EEXIST: the ID of this parent has a live sub-device; not any more when that
 * is destroyed.
 */
static void test_duplicate(void)
{
	struct subdev_rig rig;

	begin("eexist_for_a_live_id");
	check_errno(create(&rig, PARENT, 7), 0);
	check_errno(try_create(PARENT, 7), -EEXIST);
	check(exists(SUBDEVS "/%s", rig.name));
	check_errno(destroy(&rig), 0);
	check_errno(try_create(PARENT, 7), 0);
}

/*
 * -EBUSY: one stream has one context, whoever asks second: another parent's
 * sub-device, or a device of another bus, is not isolated from the first. The
 * first does not notice.
 */
static void test_shared_stream(void)
{
	struct buffer buf;
	struct context ctx;
	struct subdev_rig rig;

	begin("ebusy_for_somebody_elses_stream");
	check_errno(context_open(&ctx), 0);
	check_errno(context_alloc(&ctx, &buf, PAGE), 0);
	memset(buf.mem, 0x44, PAGE);
	check_errno(try_create(PARENT, ID_OF_ENGINE_0), -EBUSY);
	check_errno(dma_to_engine(&ctx, buf.iova), 0);
	memset(buf.mem, 0, PAGE);
	check_errno(dma_from_engine(&ctx, buf.iova), 0);
	check(bytes_are(buf.mem, 0x44));
	context_close(&ctx);

	/* Nor one whose first DMA is later: the IOMMU does not know it yet */
	check_errno(create(&rig, PARENT, ID_OF_ENGINE_0), 0);
	check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
	check(context_open(&ctx) == -EBUSY);
	engine_raw_write(0, rig.dma);
	check_errno(rig_do(&rig, RIG_WRITTEN), 0);
	check(rig.count == CHUNK);
	check_errno(destroy(&rig), 0);

	check_errno(try_create(PARENT, ID_OF_PCI), -EBUSY);
	check(exists(HOST_BRIDGE "/iommu_group"));
}

int no_such_stream(void)
{
	if (ON_RISCV)
		return -ENXIO;
	return has_virtio_iommu() ? -ENOENT : -ERANGE;
}

/*
 * The IOMMU driver's own error is passed through: for a stream ID that there is
 * not SMMUv3 has -ERANGE, virtio-iommu -ENOENT and the RISC-V IOMMU -ENODEV, which is
 * -ENXIO here.
 */
static void test_driver_error(void)
{
	begin("error_of_the_iommu_driver_passes_through");
	check_errno(try_create(PARENT, ID_OUT_OF_RANGE), no_such_stream());
}

/*
 * Nobody can take the domain away: while a sub-device lives, writing the
 * group's type gets EPERM, and so does a claim of the group's DMA.
 */
static void test_ownership(void)
{
	static const char * const types[] = { "identity", "auto", "DMA" };
	struct subdev_rig rig;
	char type[128];

	begin("eperm_for_who_wants_the_domain");
	check_errno(create(&rig, PARENT, 3), 0);
	snprintf(type, sizeof(type), SUBDEVS "/%s/iommu_group/type", rig.name);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		check_errno(write_file(types[i], "%s", type), -EPERM);
	check(!strcmp(read_file("%s", type), "DMA"));
	check_errno(rig_do(&rig, RIG_CLAIM_GROUP), -EPERM);
	/* A flush queue for the same domain is no change of translation */
	check_errno(write_file("DMA-FQ", "%s", type), 0);
	check(!strcmp(read_file("%s", type), "DMA-FQ"));
	check_errno(destroy(&rig), 0);
}

/*
 * A driver may attach a domain of its own to a sub-device; and what is managed
 * on the sub-device goes with it.
 */
static void test_own_domain(void)
{
	struct subdev_rig rig;

	begin("own_domain_and_managed_buffer");
	check_errno(create(&rig, PARENT, 4), 0);
	check_errno(rig_do(&rig, RIG_OWN_DOMAIN), 0);
	check(!strcmp(domain_of(rig.name), "DMA"));
	check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
	check_errno(destroy(&rig), 0);
}

/*
 * A driver can ask which IDs firmware maps, and is told of each: in order, and those
 * that nobody gets, as well.
 */
static void test_next_id(void)
{
	static const unsigned int others[] = {
		ID_DISABLED, ID_OF_ENGINE_0, ID_OF_PCI, ID_OF_ENGINE_1, ID_OUT_OF_RANGE,
	};
	unsigned int count = id_count();
	struct subdev_rig rig = {};

	begin("ids_that_firmware_maps");
	snprintf(rig.parent, sizeof(rig.parent), "%s", PARENT);
	for (unsigned int i = 0; i < count + ARRAY_SIZE(others); i++, rig.id++) {
		/* The IORT has nothing that is disabled */
		if (on_acpi() && i == count)
			i++;
		check_errno(rig_do(&rig, RIG_NEXT_ID), 0);
		check(rig.id == (i < count ? ID_FIRST + i : others[i - count]));
	}
	check_errno(rig_do(&rig, RIG_NEXT_ID), -ENODEV);
	snprintf(rig.parent, sizeof(rig.parent), "%s", NO_MAP);
	rig.id = 0;
	check_errno(rig_do(&rig, RIG_NEXT_ID), -ENODEV);
}

/*
 * Create until the IDs run out, and back, twice: all come, all go.
 */
static void test_all_ids(void)
{
	static struct subdev_rig rig[ID_COUNT_MAX];
	unsigned int before = groups_now(), count = id_count();

	begin("all_ids_and_back");
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < count; i++)
			check_errno(create(&rig[i], PARENT, ID_FIRST + i), 0);
		check(groups(before + count) == before + count);
		check(count_dir(SUBDEVS) == count);
		check_errno(try_create(PARENT, ID_FIRST + count), -ENODEV);
		/* Neither in the order of create nor in the reverse */
		for (unsigned int i = 0; i < count; i++)
			check_errno(destroy(&rig[i * 37 % count]), 0);
		check(groups(before) == before);
		check(!count_dir(SUBDEVS));
	}
}

/*
 * DMA of a context gets to its own memory, and to nobody else's: what another
 * context has mapped is a fault of the right client.
 */
static void test_isolation(void)
{
	struct buffer mine, pad, theirs;
	struct context a, b;
	bool same;

	begin("dma_is_isolated");
	if (!check(!context_open(&a)) || !check(!context_open(&b)))
		goto out;
	check_errno(context_alloc(&a, &mine, PAGE), 0);
	check_errno(context_alloc(&b, &pad, PAGE), 0);
	check_errno(context_alloc(&b, &theirs, PAGE), 0);
	/* Lazy invalidation keeps addresses for a while */
	same = mine.iova == pad.iova;
	check(same || cmdline("iommu.strict"));

	memset(mine.mem, 0x11, PAGE);
	memset(pad.mem, 0x22, PAGE);
	memset(theirs.mem, 0x33, PAGE);

	/* Its own: there and back */
	check_errno(dma_to_engine(&a, mine.iova), 0);
	memset(mine.mem, 0, PAGE);
	check_errno(dma_from_engine(&a, mine.iova), 0);
	check(bytes_are(mine.mem, 0x11));

	/* The same address in the other context is the other's own */
	if (same) {
		check_errno(dma_to_engine(&b, mine.iova), 0);
		check_errno(dma_from_engine(&b, theirs.iova), 0);
		check(bytes_are(theirs.mem, 0x22));
		memset(theirs.mem, 0x33, PAGE);
	}

	/* An address that only the other has, read and written */
	context_forget_faults(&a);
	check_errno(dma_to_engine(&a, theirs.iova), 0);
	check(context_faulted(&a, theirs.iova, false));
	check_errno(dma_from_engine(&a, mine.iova), 0);
	check(!bytes_are(mine.mem, 0x33));
	context_forget_faults(&a);
	check_errno(dma_from_engine(&a, theirs.iova), 0);
	check(context_faulted(&a, theirs.iova, true));
	check(!context_has_fault(&b, 0));
	check(bytes_are(theirs.mem, 0x33));
out:
	context_close(&b);
	context_close(&a);
}

bool engine_gets_through(unsigned int n)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	bool written;

	if (page == MAP_FAILED)
		die("no memory");
	memset(page, 0xa5, PAGE);
	engine_raw_write(n, physical_address(page));
	written = !bytes_are(page, 0xa5);
	munmap(page, PAGE);
	return written;
}

/*
 * After destroy the stream is blocked, and before the first create it was. That
 * does not change while somebody keeps a reference, or when that is dropped.
 */
static void test_blocked(void)
{
	struct subdev_rig rig;

	begin("blocked_without_a_context");
	for (unsigned int n = 0; n < ENGINES; n++) {
		check(!engine_gets_through(n));
		check_errno(create(&rig, ACCEL, n), 0);
		check(!engine_gets_through(n));
		check_errno(rig_do(&rig, RIG_DESTROY_KEEP), 0);
		check(!engine_gets_through(n));
		check_errno(destroy(&rig), 0);
		check(!engine_gets_through(n));
	}
}

/*
 * Also on an IOMMU that lets through what nobody has attached yet. The example
 * tries each engine once when it is probed.
 */
static void test_bypass(void)
{
	begin("blocked_though_the_iommu_opens");
	for (unsigned int n = 0; n < ENGINES; n++)
		check(engine_gets_through(n));
	check_errno(load_module("edu-accel"), 0);
	for (unsigned int n = 0; n < ENGINES; n++)
		check(!engine_gets_through(n));
}

/* @rig has engines 0 and 1, the others do not get at what is in it */
static void pair_is_isolated(struct subdev_rig *rig)
{
	check_errno(rig_do(rig, RIG_MANAGED_BUFFER), 0);
	for (unsigned int n = 0; n < ENGINES; n++) {
		if (n > 1)
			log_await_faults();
		engine_raw_write(n, rig->dma);
		check_errno(rig_do(rig, RIG_WRITTEN), 0);
		check(rig->count == (n > 1 ? 0 : CHUNK));
	}
	for (unsigned int n = 0; n < 2; n++)
		check(!engine_gets_through(n));
}

/*
 * A child node can describe the context: its streams, of which the DMA of each
 * gets to its memory, and the limit of their addresses. One that is disabled, or
 * not there, is none.
 */
static void test_node(void)
{
	struct subdev_rig rig, other;

	begin("context_of_a_child_node");
	check_errno(create_node(&other, PARENT, "off"), -ENODEV);
	check_errno(create_node(&other, PARENT, "absent"), -EINVAL);
	check_errno(create_node(&rig, PARENT, "pair"), 0);
	check(!strcmp(rig.name, "rig-parent:pair"));
	check(exists(SUBDEVS "/%s/of_node", rig.name));
	check(is_behind_iommu(rig.name));
	check_errno(create_node(&other, PARENT, "pair"), -EEXIST);
	check_errno(try_create(PARENT, ID_OF_ENGINE_1), -EBUSY);
	pair_is_isolated(&rig);
	check(rig.dma < 0x10000000);
	check_errno(destroy(&rig), 0);
	for (unsigned int n = 0; n < 2; n++)
		check(!engine_gets_through(n));
	check_errno(try_create(PARENT, ID_OF_ENGINE_1), 0);
}

/*
 * Several streams are taken and given back all or none: when somebody else has one
 * of them, or the IOMMU does not, the others are free, and are not left where the
 * next context comes.
 */
static void test_half_node(void)
{
	struct subdev_rig rig;

	begin("several_streams_or_none");
	give_host_bridge_its_iommu();
	check_errno(create_node(&rig, PARENT, "taken"), -EBUSY);
	check_errno(create_node(&rig, PARENT, "half"), no_such_stream());
	for (unsigned int n = 0; n < 2; n++)
		check(!engine_gets_through(n));
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	check_errno(rig_do(&rig, RIG_MANAGED_BUFFER), 0);
	for (unsigned int n = 0; n < 2; n++)
		engine_raw_write(n, rig.dma);
	check_errno(rig_do(&rig, RIG_WRITTEN), 0);
	check(!rig.count);
	check_errno(destroy(&rig), 0);
	check_errno(try_create(PARENT, ID_OF_ENGINE_0), 0);
	check_errno(try_create(PARENT, ID_OF_ENGINE_1), 0);
}

/* Whether the DMA of engine N gets to what the driver of DEVICE maps for it */
static bool device_dma_works(const char *device, unsigned int n)
{
	struct subdev_rig rig = {};

	snprintf(rig.parent, sizeof(rig.parent), "%s", device);
	check_errno(rig_do(&rig, RIG_PARENT_BUFFER), 0);
	engine_raw_write(n, rig.dma);
	check_errno(rig_do(&rig, RIG_PARENT_BUFFER), 0);
	return rig.count == CHUNK;
}

/* The group of an ordinary device, "" without an IOMMU */
static const char *group_of(const char *device)
{
	return link_name("/sys/bus/platform/devices/%s/iommu_group", device);
}

/*
 * Two ordinary devices that firmware gives one stream are in one group. The DMA of
 * the first goes on when the second is added, and when it is removed. A device with
 * streams of two groups has no IOMMU, and the others do not notice.
 */
static void test_shared_endpoint(void)
{
#define SECOND		"/sys/bus/pci/devices/0000:00:06.0"
#define ENGINE_SHARED	4
	static const char * const names[] = { "rig-shared", "rig-other", "rig-torn" };
	char group[16];

	begin("devices_of_one_stream");
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		check_errno(write_file("subdev-rig-parent",
				       "/sys/bus/platform/devices/%s/driver_override",
				       names[i]), 0);
		check_errno(write_file(names[i], RIG_DRIVER "/bind"), 0);
	}
	snprintf(group, sizeof(group), "%s", group_of(names[0]));
	check(*group);
	check(*group_of(names[1]));
	check(strcmp(group_of(names[1]), group));
	check(!*group_of(names[2]));
	for (unsigned int round = 0; round < 2; round++) {
		check_errno(write_file("1", SECOND "/remove"), 0);
		check(device_dma_works(names[0], ENGINE_SHARED));
		check_errno(pci_rescan(), 0);
		check(!strcmp(link_name(SECOND "/iommu_group"), group));
		check(device_dma_works(names[0], ENGINE_SHARED));
	}
	check(!engine_gets_through(ENGINE_SHARED));
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		check_errno(write_file(names[i], RIG_DRIVER "/unbind"), 0);
}

/*
 * ACPI has no such child nodes: one is refused, whether it is there or not.
 */
static void test_no_node(void)
{
	struct subdev_rig rig;

	begin("no_context_of_a_child_node");
	check_errno(create_node(&rig, PARENT, "PAIR"), -ENODEV);
	check_errno(create_node(&rig, PARENT, "absent"), -EINVAL);
	check(!count_dir(SUBDEVS));
}

/*
 * The example: each open takes an engine, -EBUSY when all are taken, and close
 * gives it back with nothing of the last user in it.
 */
static void test_example(void)
{
	struct context ctx[ENGINES], extra;
	struct buffer buf;

	begin("example_open_until_busy");
	for (unsigned int i = 0; i < ENGINES; i++)
		check_errno(context_open(&ctx[i]), 0);
	check_errno(context_open(&extra), -EBUSY);
	check(count_dir(SUBDEVS) == ENGINES);

	check_errno(context_alloc(&ctx[2], &buf, PAGE), 0);
	memset(buf.mem, 0x77, PAGE);
	check_errno(dma_to_engine(&ctx[2], buf.iova), 0);
	context_close(&ctx[2]);
	check(count_dir(SUBDEVS) == ENGINES - 1);

	/* Who comes next gets the same engine, emptied */
	check_errno(context_open(&ctx[2]), 0);
	check_errno(context_alloc(&ctx[2], &buf, PAGE), 0);
	memset(buf.mem, 0x77, PAGE);
	check_errno(dma_from_engine(&ctx[2], buf.iova), 0);
	check(bytes_are(buf.mem, 0));

	for (unsigned int i = 0; i < ENGINES; i++)
		context_close(&ctx[i]);
	check(!count_dir(SUBDEVS));
}

/*
 * No sub-device outlives its parent's driver: unbind with open files ends their
 * contexts, their users get ENODEV, and the driver can be bound again.
 */
static void test_unbind(void)
{
	struct context ctx[2], again;
	struct buffer buf;

	begin("unbind_with_live_contexts");
	check_errno(context_open(&ctx[0]), 0);
	check_errno(context_open(&ctx[1]), 0);
	check_errno(context_alloc(&ctx[1], &buf, PAGE), 0);
	memset(buf.mem, 0x55, PAGE);

	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	check(!count_dir(SUBDEVS));
	check(!engine_gets_through(0) && !engine_gets_through(1));
	check_errno(dma_to_engine(&ctx[1], buf.iova), -ENODEV);
	/* The memory stays the user's as long as it is mapped */
	check(bytes_are(buf.mem, 0x55));

	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	check_errno(context_open(&again), 0);
	check_errno(dma_to_engine(&ctx[1], buf.iova), -ENODEV);
	context_close(&again);
	context_close(&ctx[1]);
	context_close(&ctx[0]);
	check(!count_dir(SUBDEVS));
}

/*
 * A sub-device that the driver forgot is warned about and destroyed at unbind;
 * a managed one is destroyed without a word.
 */
static void test_forgotten(void)
{
	struct subdev_rig forgotten, managed;

	begin("unbind_ends_forgotten_and_managed");
	check_errno(create(&forgotten, ACCEL, 0), 0);
	check_errno(create_managed(&managed, ACCEL, 1), 0);
	log_skip();
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	check(log_has("left", forgotten.name));
	check(!exists(SUBDEVS "/%s", forgotten.name));
	check(!exists(SUBDEVS "/%s", managed.name));
	check(!engine_gets_through(0) && !engine_gets_through(1));
	check_errno(try_create(ACCEL, 2), -EINVAL);
	check_errno(destroy(&forgotten), 0);
	/* Whoever has a reference may come too late to destroy a managed one */
	check_errno(rig_do(&managed, RIG_DESTROY_KEEP), 0);
	check_errno(destroy(&managed), 0);
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);

	/* A managed one may be destroyed before, and is gone then */
	check_errno(create_managed(&managed, ACCEL, 1), 0);
	check_errno(destroy(&managed), 0);
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	log_skip();
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
}

/*
 * The example cannot be removed under its users, and can be otherwise.
 */
static void test_modules(void)
{
	struct context ctx;

	begin("rmmod_and_insmod");
	check_errno(context_open(&ctx), 0);
	check_errno(unload_module("edu_accel"), -EWOULDBLOCK);
	context_close(&ctx);
	for (unsigned int i = 0; i < 3; i++) {
		check_errno(unload_module("edu_accel"), 0);
		check(!exists(ACCEL_DEV));
		check_errno(load_module("edu-accel"), 0);
	}
	check_errno(context_open(&ctx), 0);
	context_close(&ctx);
}

/* Whether the trace buffer has a line with both */
static bool trace_has(const char *text, const char *text2)
{
	static char line[512];
	FILE *f = fopen(TRACING "/trace", "r");
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, text) && strstr(line, text2))
			found = true;
	if (f)
		fclose(f);
	return found;
}

/*
 * The tracepoints tell of each create, also one that failed, and each destroy:
 * parent, ID, group and result.
 */
static void test_trace(void)
{
	unsigned int id = ID_FIRST + id_count() - 1;
	struct subdev_rig rig;
	char want[160], group[40];

	begin("tracepoints");
	check_errno(write_file("1", TRACING "/events/iommu_subdev/enable"), 0);
	check_errno(create(&rig, PARENT, id), 0);
	snprintf(group, sizeof(group), " group=%s result=0",
		 link_name(SUBDEVS "/%s/iommu_group", rig.name));
	check_errno(try_create(PARENT, ID_UNMAPPED), -ENODEV);
	check_errno(destroy(&rig), 0);
	check_errno(write_file("0", TRACING "/events/iommu_subdev/enable"), 0);
	/* 6.12 has no PASID between the two */
	snprintf(want, sizeof(want), "iommu_subdev_create: parent=%s stream_id=0x%x ", PARENT, id);
	check(trace_has(want, group));
	snprintf(want, sizeof(want), "iommu_subdev_destroy: parent=%s stream_id=0x%x ", PARENT, id);
	check(trace_has(want, group));
	snprintf(want, sizeof(want), "iommu_subdev_create: parent=%s stream_id=0x500 ", PARENT);
	check(trace_has(want, " group=-1 result=-19"));
	check(!trace_has("iommu_subdev_create:", "ids="));
}

/*
 * While the parent is active the IOMMU that serves its sub-devices is powered:
 * a link between the two sees to that, from the first create to the unbind of the
 * parent's driver.
 */
static void test_power_link(void)
{
	char link[128];

	begin("iommu_is_powered_with_the_parent");
	/* With the device whose driver it is, not the one that firmware names */
	snprintf(link, sizeof(link), "/sys/class/devlink/%s--platform:%s",
		 has_virtio_iommu() ? "virtio:" VIOMMU : devices->smmu, ACCEL);
	check(!strcmp(read_file("%s/runtime_pm", link), "1"));
	check(!strcmp(read_file("%s/status", link), "active"));
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	check(!exists("%s", link));
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	check(!strcmp(read_file("%s/runtime_pm", link), "1"));
	check(!strcmp(read_file("%s/status", link), "active"));
}

/*
 * -EPROBE_DEFER: the IOMMU's driver is not there yet; once it is, the same call
 * works. The IOMMU that never comes is still waited for.
 */
static void test_late(void)
{
	int ret = -EPROBE_DEFER;

	begin("eprobe_defer_until_the_iommu_is_there");
	check_errno(try_create(PARENT, ID_FIRST), -EPROBE_DEFER);
	check(!count_dir(SUBDEVS));
	/* The example waits for it as well, then comes by itself */
	check_errno(load_module("edu-accel"), 0);
	check(!exists(ACCEL_DEV));
	check_errno(load_iommus(), 0);
	/* Its probe may be deferred itself: then it comes from a work item */
	for (int i = 0; i < 100 && ret == -EPROBE_DEFER; i++) {
		ret = try_create(PARENT, ID_FIRST);
		if (ret)
			sleep_ms(100);
	}
	check_errno(ret, 0);
	for (int i = 0; i < 100 && !exists(ACCEL_DEV); i++)
		sleep_ms(100);
	check(exists(ACCEL_DEV));
	check_errno(try_create(ABSENT, ID_FIRST), -EPROBE_DEFER);
}

/*
 * -EPROBE_DEFER even when the driver core has given up waiting: other devices go
 * on without an IOMMU, a sub-device cannot.
 */
static void test_never(void)
{
	begin("eprobe_defer_after_the_timeout");
	check_errno(try_create(PARENT, ID_FIRST), -EPROBE_DEFER);
	check_errno(try_create(ABSENT, ID_FIRST), -EPROBE_DEFER);
	check(!count_dir(SUBDEVS));
}

/*
 * Passthrough cannot unprotect: with iommu.passthrough=1 other devices have
 * identity, a sub-device is translated.
 */
static void test_passthrough(void)
{
	struct subdev_rig rig;

	begin("translated_with_passthrough");
	check(!strcmp(domain_of_pci(), "identity"));
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	check(!strcmp(domain_of(rig.name), "DMA"));
	check_errno(write_file("identity", SUBDEVS "/%s/iommu_group/type",
			       rig.name), -EPERM);
	check_errno(destroy(&rig), 0);
}

/*
 * A device with identity gets at all of memory as before when a virtio-iommu that
 * opens is removed: nothing was translated that would have to be blocked.
 */
static void test_identity_outlives(void)
{
	begin("identity_outlives_the_iommu");
	check(!strcmp(read_file(SECOND "/iommu_group/type"), "identity"));
	check(engine_gets_through(ENGINE_SHARED));
	check_errno(viommu_remove(), 0);
	check(!exists(SECOND "/iommu_group"));
	check(engine_gets_through(ENGINE_SHARED));
	check_errno(pci_rescan(), 0);
	check(has_virtio_iommu());
	give_host_bridge_its_iommu();
	check_errno(load_module("edu-accel"), 0);
}

/*
 * Strict or lazy is the system's policy, for sub-devices too.
 */
static void test_lazy(void)
{
	struct subdev_rig rig;

	begin("lazy_when_the_system_is");
	check_errno(create(&rig, PARENT, ID_FIRST), 0);
	check(!strcmp(domain_of(rig.name), "DMA-FQ"));
	check_errno(write_file("identity", SUBDEVS "/%s/iommu_group/type",
			       rig.name), -EPERM);
	check_errno(destroy(&rig), 0);
}

/*
 * Without an IOMMU nothing is handed out. This machine also shows that the
 * tests above would see DMA which is not blocked.
 */
static void test_none(void)
{
	begin("enodev_on_a_machine_without_iommu");
	check_errno(try_create(NO_MAP, ID_FIRST), -ENODEV);
	check(!exists("/dev/edu-accel"));
	check(!count_dir(SUBDEVS));
	check(engine_gets_through(0));
}

/*
 * -ENODEV: the VIOT of ACPI describes whole devices, and not the input IDs of one.
 * PCI devices stay behind the IOMMU: the engines get nowhere, and 6.12 has a group
 * for what has a driver.
 */
static void test_viot(void)
{
	begin("enodev_with_a_viot");
	check_errno(try_create(PARENT, ID_FIRST), -ENODEV);
	check_errno(try_create(ACCEL, 0), -EINVAL);
	check(!exists(ACCEL_DEV));
	check(!count_dir(SUBDEVS));
	check(exists(HOST_BRIDGE "/iommu_group"));
	check(!engine_gets_through(0));
}

#define FAULTS		"/sys/kernel/debug/fail"

static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fd, text, len, 0) != len)
		die("cannot write fail-nth: %s", strerror(errno));
}

/* Whether the allocation that was to fail was never made */
static bool nothing_failed(int fd)
{
	char text[16];

	if (pread(fd, text, sizeof(text), 0) < 1)
		die("cannot read fail-nth: %s", strerror(errno));
	return text[0] != '0';
}

/*
 * Each allocation that an open of the example makes can fail: it says ENOMEM,
 * leaves nothing behind, and the next open works.
 */
static void test_faults(void)
{
	unsigned int before = groups_now();
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	unsigned int nth, failures = 0;
	bool done = false;

	begin("enomem_of_open_leaves_nothing");
	if (fd < 0 || write_file("N", FAULTS "slab/ignore-gfp-wait") ||
	    write_file("0", FAULTS "slab/verbose") ||
	    write_file("N", FAULTS "_page_alloc/ignore-gfp-wait") ||
	    write_file("0", FAULTS "_page_alloc/min-order") ||
	    write_file("0", FAULTS "_page_alloc/verbose"))
		die("this needs a kernel with CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC");

	for (nth = 1; nth < 5000 && !done; nth++) {
		struct context ctx;
		struct buffer buf;
		int file, err;

		/* So that it makes the first sub-device of the driver, too */
		check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
		check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);

		fail_nth(fd, nth);
		file = open(ACCEL_DEV, O_RDWR | O_CLOEXEC);
		err = errno;
		done = nothing_failed(fd);
		fail_nth(fd, 0);
		if (file < 0) {
			failures++;
			check_errno(-err, -ENOMEM);
		} else {
			close(file);
		}
		check(!count_dir(SUBDEVS));
		check(groups(before) == before);
		check(!engine_gets_through(0));

		check_errno(context_open(&ctx), 0);
		check_errno(context_alloc(&ctx, &buf, PAGE), 0);
		memset(buf.mem, 0x66, PAGE);
		check_errno(dma_to_engine(&ctx, buf.iova), 0);
		memset(buf.mem, 0, PAGE);
		check_errno(dma_from_engine(&ctx, buf.iova), 0);
		check(bytes_are(buf.mem, 0x66));
		context_close(&ctx);
	}
	nth -= 2;
	printf("# %u allocations swept, open survived %u\n", nth, nth - failures);
	check(done);
	check(failures > 20);
	close(fd);
}

unsigned long meminfo(const char *name)
{
	unsigned long kb = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");
	size_t len = strlen(name);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len))
			kb = strtoul(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

/* Reads what is there of sub-devices, and tries to take their domains */
static void meddle(void)
{
	for (;;) {
		struct dirent *entry;
		DIR *dir = opendir(SUBDEVS);

		while (dir && (entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			read_file(SUBDEVS "/%s/iommu/uevent", entry->d_name);
			write_file(entry->d_name, BUS "/drivers_probe");
			if (!write_file("identity",
					SUBDEVS "/%s/iommu_group/type",
					entry->d_name))
				_exit(1);
		}
		if (dir)
			closedir(dir);
		sleep_ms(1);
	}
}

static void rebind(void)
{
	for (;;) {
		sleep_ms(100);
		write_file(PARENT, RIG_DRIVER "/unbind");
		write_file(PARENT, RIG_DRIVER "/bind");
	}
}

pid_t child(void (*run)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork");
	if (!pid) {
		run();
		_exit(1);
	}
	return pid;
}

bool end_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

#define CHURNERS	8

static unsigned int churn_each;
static unsigned int churn_id;
static volatile unsigned int *churned;
/* How often the IOMMU went */
static volatile unsigned int *churn_removals;

static void churn(void)
{
	struct subdev_rig rig = {
		/* Half of them fight for one ID */
		.id = churn_id < CHURNERS / 2 ? 0 : churn_id,
	};
	int ret;

	snprintf(rig.parent, sizeof(rig.parent), "%s", PARENT);
	while (churned[churn_id] < churn_each) {
		rig.count = churn_each < 256 ? churn_each : 256;
		ret = rig_do(&rig, RIG_CHURN);
		if (ret) {
			printf("# churn: %s\n", strerror(-ret));
			_exit(2);
		}
		churned[churn_id] += rig.count;
	}
	_exit(0);
}

/* The IOMMU goes and comes, where it can */
static void replug_iommu(void)
{
	for (;;) {
		sleep_ms(150);
		if (!viommu_remove())
			++*churn_removals;
		sleep_ms(20);
		pci_rescan();
	}
}

/* The number of sub-devices that came and went */
static unsigned int churn_round(unsigned int each)
{
	unsigned int sum = 0;
	pid_t pids[CHURNERS];
	int status;

	churn_each = each;
	for (churn_id = 0; churn_id < CHURNERS; churn_id++) {
		churned[churn_id] = 0;
		pids[churn_id] = child(churn);
	}
	for (unsigned int i = 0; i < CHURNERS; i++) {
		check(waitpid(pids[i], &status, 0) == pids[i] && !status);
		sum += churned[i];
	}
	return sum;
}

/*
 * Any number of threads may create and destroy, of the same parent and the same
 * ID too, while the driver of the parent and its IOMMU come and go and root
 * writes to sysfs. Some unmap later than they destroy. Nothing is let through, and nothing is left.
 */
static void test_churn(void)
{
	const char *count = cmdline("churn");
	unsigned int total = count ? strtoul(count, NULL, 0) : 10000;
	unsigned long before, after;
	unsigned int sum;
	bool iommu_goes = has_virtio_iommu();
	unsigned int meddlers = iommu_goes ? 3 : 2;
	pid_t pids[3];

	begin("churn");
	churned = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	churn_removals = churned + CHURNERS;
	pids[0] = child(meddle);
	pids[1] = child(rebind);
	if (iommu_goes)
		pids[2] = child(replug_iommu);

	/* What the first removals of the IOMMU make the allocators keep is no leak */
	churn_round(total / CHURNERS / (iommu_goes ? 2 : 20));
	before = meminfo("MemFree");
	sum = churn_round(total / CHURNERS);
	after = meminfo("MemFree");
	printf("# %u sub-devices came and went, free memory was %lu kB and is %lu kB\n",
	       sum, before, after);
	if (iommu_goes)
		printf("# the IOMMU went %u times\n", *churn_removals);
	/* Otherwise nothing was raced */
	check(!iommu_goes || *churn_removals > 3);
	check(sum >= total / CHURNERS * CHURNERS);
	/*
	 * The allocators keep some; a leak of a byte for each would be more.
	 * KASAN keeps what was freed, and kmemleak looks for itself.
	 */
	check(after + 1024 + sum / 1024 > before || exists(KMEMLEAK));

	/* Not ended by itself, which meddle does when it got through */
	for (unsigned int i = 0; i < meddlers; i++)
		check(end_child(pids[i]));
	if (iommu_goes)
		pci_rescan();
	write_file(PARENT, RIG_DRIVER "/bind");
	check(!count_dir(SUBDEVS));
	check_errno(try_create(PARENT, ID_FIRST), 0);
	for (unsigned int n = 0; n < ENGINES; n++)
		check(!engine_gets_through(n));
}

static void check_form(const char *parent, enum subdev_rig_op op,
		       unsigned int id, const char *node, int want)
{
	struct subdev_rig rig = {
		.id = id,
	};
	char how[160];
	int ret;

	snprintf(rig.parent, sizeof(rig.parent), "%s", parent);
	snprintf(rig.name, sizeof(rig.name), "%s", node);
	ret = rig_do(&rig, op);
	snprintf(how, sizeof(how), ": %s, form %d, ID 0x%x, node %s: %d, not %d",
		 parent, op, id, node, ret, want);
	if (ret != want)
		does_not_hold(__LINE__, __FILE_NAME__, "each form of create says no", how);
	if (!ret)
		destroy(&rig);
}

/*
 * All forms of create, for any ID, say ERR of PARENT, and NODE_ERR of its child
 * node. Nothing comes of it in sysfs.
 */
static void check_refused(const char *parent, int err, const char *node,
			  int node_err)
{
	static const enum subdev_rig_op forms[] = {
		RIG_CREATE, RIG_DEVM_CREATE,
	};
	/* Among them are those that PCI has for the engines */
	static const unsigned int ids[] = { 0, 1, 0x8, 0x10 };
	unsigned int before = groups_now();

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
		for (unsigned int f = 0; f < ARRAY_SIZE(forms); f++)
			check_form(parent, forms[f], ids[i], node, err);
	check_form(parent, RIG_CREATE_NODE, 0, node, node_err);
	check_form(parent, RIG_DEVM_CREATE_NODE, 0, node, node_err);
	check(!count_dir(SUBDEVS));
	check(groups_now() == before);
}

static bool is_bound(const char *bus, const char *device)
{
	return exists("/sys/bus/%s/devices/%s/driver", bus, device);
}

/* What a PCI device's own group is, and whether anybody translates its DMA */
static void check_pci(const char *group, bool translated)
{
#define OF_PCI_GROUP "/sys/bus/pci/devices/" OF_PCI "/iommu_group"
	check(!strcmp(link_name(OF_PCI_GROUP), group));
	check(translated == !strcmp(read_file(OF_PCI_GROUP "/type"), "DMA"));
	check(device_dma_works(OF_PCI, 0));
	check(engine_gets_through(0) == !translated);
}

static void bind_parents(void)
{
	check_errno(load_module("subdev-rig-parents"), 0);
	check_errno(write_file("subdev-rig-pci",
			       "/sys/bus/pci/devices/" OF_PCI "/driver_override"), 0);
	check_errno(write_file(OF_PCI, PCI_DRIVER "/bind"), 0);
	check(is_bound("platform", PLAIN));
	check(is_bound("platform", SOFTWARE));
	check(is_bound("pci", OF_PCI));
}

/*
 * The machine is what the suite takes it for: all parents are bound, and the DMA
 * of a PCI device is translated, or it is not.
 */
static void check_parents(bool translated, bool acpi)
{
	char group[16];

	begin(translated ? "pci_is_translated" : "pci_is_not_translated");
	bind_parents();
	check(is_bound("platform", OF_ACPI) == acpi);
	snprintf(group, sizeof(group), "%s", link_name(OF_PCI_GROUP));
	check(!translated || *group);
	check(!translated || count_dir("/sys/class/iommu"));
	check_pci(group, translated);
}

static void test_parents_translated(void)
{
	check_parents(true, true);
}

static void test_parents_not_translated(void)
{
	check_parents(false, true);
}

static void test_parents_of_none(void)
{
	check_parents(false, false);
}

/*
 * -ENODEV: no firmware describes the parent, so none maps an ID of it; and what
 * software describes is behind no IOMMU.
 */
static void test_no_firmware(void)
{
	begin("enodev_for_what_firmware_does_not_know");
	check_refused(PLAIN, -ENODEV, "none", -EINVAL);
	check_refused(SOFTWARE, -ENODEV, CHILD, -ENODEV);
}

/*
 * -ENODEV: ACPI of this machine describes the parent, but has no input IDs, in
 * its IOMMU's table or elsewhere.
 */
static void test_no_input_ids(void)
{
	begin("enodev_for_a_device_of_acpi");
	check(exists("/sys/bus/platform/devices/" OF_ACPI "/firmware_node"));
	check_refused(OF_ACPI, -ENODEV, CHILD, -ENODEV);
}

/*
 * -ENODEV: the IOMMU knows a PCI device by its own ID, and no other. Asking for
 * more does not change that: it still reaches what it has mapped, and that alone.
 */
static void check_pci_parent(bool translated)
{
	char group[16];

	begin("enodev_for_a_pci_device");
	snprintf(group, sizeof(group), "%s", link_name(OF_PCI_GROUP));
	check_refused(OF_PCI, -ENODEV, "none", -EINVAL);
	check_pci(group, translated);
}

static void test_pci_parent_translated(void)
{
	check_pci_parent(true);
}

static void test_pci_parent_not_translated(void)
{
	check_pci_parent(false);
}

/*
 * -EINVAL, on whatever machine: the caller is told that the parent cannot be one
 * before it is told what the machine cannot do.
 */
static void test_einval_first(void)
{
	begin("einval_comes_first");
	check_errno(refused(RIG_PARENT_NULL), -EINVAL);
	check_errno(refused(RIG_PARENT_UNREGISTERED), -EINVAL);
	check_errno(refused(RIG_PARENT_DRIVERLESS), -EINVAL);
	check_errno(write_file(OF_PCI, PCI_DRIVER "/unbind"), 0);
	check_refused(OF_PCI, -EINVAL, "none", -EINVAL);
	check_errno(refused(RIG_DESTROY_NOTHING), 0);
}

/*
 * -EOPNOTSUPP: the device has no PASIDs, with whatever IOMMU.
 */
static void test_pci_without_pasids(void)
{
	begin("eopnotsupp_for_a_pasid");
	check_errno(try_pasid(OF_PCI), -EOPNOTSUPP);
	check(!count_dir(SUBDEVS));
}

/* The same of the PCI device that is behind the IOMMU where the engines are not */
static void test_no_pasids(void)
{
	/* With 6.12 it has a driver */
	bool bound = is_bound("pci", HOST_BRIDGE_NAME);

	begin("eopnotsupp_for_a_pasid");
	check(exists(HOST_BRIDGE "/iommu_group"));
	if (!bound) {
		check_errno(load_module("subdev-rig-parents"), 0);
		check_errno(write_file("subdev-rig-pci", HOST_BRIDGE "/driver_override"), 0);
		check_errno(write_file(HOST_BRIDGE_NAME, PCI_DRIVER "/bind"), 0);
	}
	check_errno(try_pasid(HOST_BRIDGE_NAME), -EOPNOTSUPP);
	check(!count_dir(SUBDEVS));
	if (!bound) {
		check_errno(unload_module("subdev_rig_parents"), 0);
		check_errno(write_file("\n", HOST_BRIDGE "/driver_override"), 0);
	}
}

/*
 * -EPROBE_DEFER: the driver of the IOMMU is kept out by the command line, and what
 * firmware leads to it is waited for. Nobody stops the DMA meanwhile.
 */
static void test_driver_kept_out(void)
{
	begin("eprobe_defer_for_an_iommu_that_is_kept_out");
	check_errno(load_module("arm_smmu_v3"), -EPERM);
	check(engine_gets_through(0));
	check_refused(PARENT, -EPROBE_DEFER, "pair", -EPROBE_DEFER);
	check_errno(try_create(PARENT, ID_UNMAPPED), -ENODEV);
	check_errno(load_module("edu-accel"), 0);
	check(!exists(ACCEL_DEV));
}

/*
 * -EOPNOTSUPP, from the stubs in a module: whatever the parent is and whatever
 * firmware says of it. They touch no device.
 */
static void check_stub(const char *parent, const char *node)
{
	struct subdev_rig rig = {};

	check_refused(parent, -EOPNOTSUPP, node, -EOPNOTSUPP);
	check_errno(try_pasid(parent), -EOPNOTSUPP);
	snprintf(rig.parent, sizeof(rig.parent), "%s", parent);
	check_errno(rig_do(&rig, RIG_DESTROY_PARENT), 0);
}

static void test_stub(void)
{
	begin("eopnotsupp_of_the_stubs");
	check(!exists("/sys/bus/iommu_subdev"));
	check_stub(PLAIN, "none");
	check_stub(SOFTWARE, CHILD);
	check_stub(OF_PCI, "none");
	check_errno(refused(RIG_PARENT_NULL), -EOPNOTSUPP);
	check_errno(refused(RIG_PARENT_UNREGISTERED), -EOPNOTSUPP);
	check_errno(refused(RIG_PARENT_DRIVERLESS), -EOPNOTSUPP);
	check_errno(refused(RIG_DESTROY_NOTHING), 0);
}

/*
 * The same where all is there but CONFIG_IOMMU_SUBDEV: firmware maps the IDs, and
 * the IOMMU is on. It goes on blocking what nobody has.
 */
static void test_stub_of_map(void)
{
	begin("eopnotsupp_where_an_iommu_is");
	bind_parents();
	check(!strcmp(domain_of_pci(), "DMA"));
	check(!engine_gets_through(1));
	check_stub(PARENT, "pair");
	check(!engine_gets_through(1));
}

static void start(bool iommu, bool accel)
{
	static const char * const modules[] = { "subdev-rig", "edu-accel" };
	const bool want[] = { true, accel };
	int ret;

	engines_power_up();
	ret = iommu ? load_iommus() : 0;
	if (ret)
		die("cannot load the IOMMUs' drivers: %s", strerror(-ret));
	for (unsigned int i = 0; i < ARRAY_SIZE(modules); i++) {
		ret = want[i] ? load_module(modules[i]) : 0;
		if (ret)
			die("cannot load %s.ko: %s", modules[i], strerror(-ret));
	}
}

void start_all(void)
{
	start(true, true);
}

static void start_without_example(void)
{
	start(true, false);
}

static void start_without_iommu(void)
{
	start(false, true);
}

static void start_bare(void)
{
	start(false, false);
}

/*
 * A board has no engines of ours, only parents in its devicetree whose streams
 * nobody has (tools/lava/board.dtsi). What comes without DMA is tested.
 */
static void start_board(void)
{
	int ret = load_module("subdev-rig");

	if (ret && ret != -EEXIST)
		die("cannot load subdev-rig.ko: %s", strerror(-ret));
}

/* The whole contract, on whatever IOMMU */
static void (*const contract[])(void) = {
	test_bus,
	test_power_link,
	test_blocked,
	test_create,
	test_bus_probe,
	test_bad_parent,
	test_no_iommu_for_id,
	test_duplicate,
	test_shared_stream,
	test_late_neighbour,
	test_driver_error,
	test_no_pasids,
	test_ownership,
	test_own_domain,
	test_next_id,
	test_all_ids,
	test_isolation,
	test_freed,
	test_fault_told,
	test_fault_storm,
	test_fault_ends,
	test_fault_race,
	test_share,
	test_share_outlives,
	test_share_unbound,
	test_share_others,
	test_share_errors,
	test_session_next,
	test_session_left,
	test_session_unbound,
	test_session_cost,
	test_example,
	test_unbind,
	test_file_outlives,
	test_forgotten,
	test_late_free,
	test_late_map,
	test_deferring_probe,
	test_usage_counts,
	test_suspended_parent,
	test_resuming_parent,
	test_modules,
	test_trace,
	NULL
};

static void (*const sleeps[])(void) = {
	test_sleep,
	test_sleep_callbacks,
	test_resumed_often,
	NULL
};

static void (*const of_nodes[])(void) = { test_node, test_half_node, NULL };
static void (*const acpi_nodes[])(void) = { test_no_node, NULL };
static void (*const iommu_goes[])(void) = {
	test_iommu_goes,
	test_iommu_pulled_out,
	test_isolation,
	test_late_free,
	NULL
};
/* The core warns of an attach that fails, so this is a boot of its own */
static void (*const half[])(void) = { test_half_node, test_isolation, NULL };
static void (*const virtio_nodes[])(void) = { test_node, test_shared_endpoint, NULL };
static void (*const bypass[])(void) = {
	test_bypass,
	test_blocked,
	test_shared_stream,
	test_late_neighbour,
	test_node,
	test_unbind,
	test_late_free,
	NULL
};
static void (*const passthrough[])(void) = {
	test_passthrough,
	test_ownership,
	test_isolation,
	test_blocked,
	test_late_free,
	NULL
};
static void (*const outlives[])(void) = { test_identity_outlives, NULL };
static void (*const lazy[])(void) = {
	test_lazy,
	test_isolation,
	test_freed,
	test_session_next,
	test_session_left,
	test_session_cost,
	test_late_free,
	NULL
};
static void (*const late[])(void) = { test_late, test_deferring_create, test_isolation, NULL };
static void (*const never[])(void) = { test_never, NULL };
static void (*const none[])(void) = { test_none, NULL };
static void (*const viot[])(void) = { test_viot, NULL };
static void (*const faults[])(void) = { test_faults, NULL };
static void (*const churn_races[])(void) = { test_churn, test_fault_race, NULL };
static void (*const at_random[])(void) = { test_random, NULL };
static void (*const off[])(void) = { test_driver_kept_out, NULL };
static void (*const no_map[])(void) = {
	test_bus,
	test_parents_translated,
	test_no_firmware,
	test_no_input_ids,
	test_pci_parent_translated,
	test_pci_without_pasids,
	test_einval_first,
	NULL
};
static void (*const no_iommu[])(void) = {
	test_bus,
	test_parents_not_translated,
	test_no_firmware,
	test_no_input_ids,
	test_pci_parent_not_translated,
	test_einval_first,
	NULL
};
static void (*const again[])(void) = { test_untouched, test_blocked, test_isolation, NULL };
static void (*const stub[])(void) = { test_stub_of_map, test_stub, NULL };
static void (*const riscv[])(void) = {
	test_bus,
	test_parents_of_none,
	test_no_firmware,
	test_pci_parent_not_translated,
	test_einval_first,
	NULL
};
/* An architecture without IOMMU_DMA */
static void (*const no_dma[])(void) = { test_parents_of_none, test_stub, NULL };
static void (*const board[])(void) = {
	test_bus,
	test_create,
	test_bus_probe,
	test_bad_parent,
	test_no_iommu_for_id,
	test_duplicate,
	test_ownership,
	test_own_domain,
	test_all_ids,
	test_late_map,
	test_trace,
	NULL
};

#ifdef USERS
/* Drivers that use sub-devices: each loads what it needs */
static void start_users(void)
{
	engines_power_up();
}
#endif

#define LISTS	7

/* Where the devicetree and ACPI differ there are two of one name */
static const struct suite {
	const char *name;
	void (*start)(void);
	void (*const *lists[LISTS])(void);
	bool of_only, acpi_only;
} suites[] = {
	{ "smmu", start_all, .lists = { contract, of_nodes }, .of_only = true },
	{ "smmu", start_all, .lists = { contract, acpi_nodes }, .acpi_only = true },
	{ "virtio", start_all, .lists = { contract, virtio_nodes, iommu_goes } },
	{ "half", start_all, .lists = { half } },
	{ "bypass", start_without_example, .lists = { bypass, iommu_goes } },
	{ "passthrough", start_all, .lists = { passthrough } },
	{ "virtio-passthrough", start_without_example, .lists = { outlives, passthrough } },
	{ "lazy", start_all, .lists = { lazy } },
	{ "late", start_bare, .lists = { late } },
	{ "never", start_bare, .lists = { never } },
	{ "none", start_without_iommu, .lists = { none } },
	{ "viot", start_all, .lists = { viot } },
	{ "faults", start_all, .lists = { faults } },
	{ "sleep", start_all, .lists = { sleeps } },
	{ "again", start_all, .lists = { again } },
	{ "reboot", start_all, .lists = { again } },
	{ "smmuv2", start_smmuv2, .lists = { smmuv2 } },
	{ "smmuv2-bypass", start_smmuv2, .lists = { smmuv2_bypass } },
	{ "two-smmus", start_two_smmus, .lists = { two_smmus } },
	{ "pasid", start_pasid, .lists = { pasids } },
	{ "pasid-passthrough", start_pasid, .lists = { pasids_passthrough } },
	{ "churn", start_all, .lists = { churn_races } },
	{ "random", start_all, .lists = { at_random } },
	{ "off", start_bare, .lists = { off } },
	{ "no-map", start_bare, .lists = { no_map } },
	{ "no-iommu", start_bare, .lists = { no_iommu } },
	{ "stub", start_without_example, .lists = { stub } },
	{ "riscv", start_bare, .lists = { riscv } },
	{ "no-dma", start_bare, .lists = { no_dma } },
	{ "board", start_board, .lists = { board } },
#ifdef USERS
	{ "users", start_users, .lists = { host1x_users, gpcdma_users, fastrpc_users, iris_users } },
	{ "users-passthrough", start_users,
	  .lists = { host1x_passthrough, gpcdma_users, fastrpc_users, iris_users } },
	{ "users-late", start_users,
	  .lists = { gpcdma_waits, fastrpc_waits, iris_waits, host1x_late,
		     gpcdma_late, fastrpc_late, iris_late } },
	{ "users-never", start_users, .lists = { host1x_never } },
	{ "users-none", start_users, .lists = { host1x_none, gpcdma_none, fastrpc_none, iris_none } },
#endif
};

static const struct suite *find_suite(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(suites); i++) {
		const struct suite *suite = &suites[i];

		if (!strcmp(suite->name, name) &&
		    !(on_acpi() ? suite->of_only : suite->acpi_only))
			return suite;
	}
	die("there is no suite %s", name);
}

/* As many tests as there are entries: nothing else has to be counted */
static unsigned int for_each_test(const struct suite *suite, bool run)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < LISTS && suite->lists[i]; i++) {
		for (void (*const *test)(void) = suite->lists[i]; *test; test++) {
			n++;
			if (run)
				run_test(*test);
		}
	}
	return n;
}

static const struct suite *suite;

/* The last test of each suite */
static void test_kernel_log(void)
{
	begin("kernel_has_no_complaints");
	check(!log_splats(!strcmp(suite->name, "faults") || !strcmp(suite->name, "half")));
	check(!memory_leaks());
}

int check_main(const char *name)
{
	suite = find_suite(name);
	printf("KTAP version 1\n1..%u\n", for_each_test(suite, false) + 1);
	suite->start();
	for_each_test(suite, true);
	run_test(test_kernel_log);
	if (failed)
		log_dump();
	return failed;
}
