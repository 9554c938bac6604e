// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of operations on sub-devices, compared with a model
 *
 * A sequence has NR_STEPS steps and is generated from a seed. After each step a
 * model says which device owns which stream, what each stream reaches, which
 * error was due and how much of everything exists. A sequence starts and ends
 * with nothing. The next seed gives the next sequence, until "steps" are done.
 *
 * A sequence that fails is run again and again with fewer steps, as long as it
 * fails for the same reason. The log then has the steps that are needed:
 *
 *	seed 17: iommu-a has 1 devices, the model has 0
 *	  41: create slot 3: managed parent-a 0x1
 *	  97: unbind parent-a
 *	again with iommu_subdev_random.seed=17 iommu_subdev_random.keep=41,97
 *
 * A sequence that crashes the kernel cannot be shortened here. A script can boot the
 * kernel again: "log" shows the steps, and "keep" selects some of them.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/panic.h>
#include <linux/pm_runtime.h>
#include <linux/prandom.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../base/base.h"
#include "iommu-subdev-test.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "iommu_subdev_random."

static unsigned int total_steps = 4000;
module_param_named(steps, total_steps, uint, 0);
MODULE_PARM_DESC(steps, "How many steps to run");

static unsigned int first_seed = 1;
module_param_named(seed, first_seed, uint, 0);
MODULE_PARM_DESC(seed, "Seed of the first sequence");

static unsigned int threads = 1;
module_param(threads, uint, 0);
MODULE_PARM_DESC(threads, "How many threads run each sequence");

static char *without = "";
module_param(without, charp, 0);
MODULE_PARM_DESC(without, "Kinds of operations to leave out, such as late,group");

static char *keep;
module_param(keep, charp, 0);
MODULE_PARM_DESC(keep, "Run only these steps, such as 3,7-9, of one sequence");

static bool log_steps;
module_param_named(log, log_steps, bool, 0);
MODULE_PARM_DESC(log, "Log each step before it is run");

#define NR_STEPS	1000
#define NR_SLOTS	12
#define NR_MAPPINGS	4
#define MAX_THREADS	4
#define MAX_PAGES	2
/* The allocations of one create are fewer */
#define MAX_NTH		64

/* What a sub-device can be created for */

enum { PARENT_A, PARENT_B, PARENT_NODES, NR_PARENTS };
enum { IOMMU_A, IOMMU_B, NR_IOMMUS };
enum { FOREIGN, TRANSLATED, NR_FOREIGN };

static const char *const parent_names[] = { "parent-a", "parent-b", "parent-nodes" };
static const char *const iommu_names[] = { "iommu-a", "iommu-b" };
static const char *const foreign_names[] = { "foreign", "parent-translated" };
static const u8 foreign_streams[] = { 0x1f, 0x2f };

struct key {
	u8 parent;
	u8 iommu;
	/* Its addresses are those of "dma-ranges" */
	bool narrow;
	u32 id;
	const char *node;
	/* Firmware refuses it with this error */
	int err;
	u64 streams;
};

#define KEY(_parent, _id, _iommu, _stream)				\
	{ .parent = _parent, .id = _id, .iommu = _iommu, .streams = BIT_ULL(_stream) }
#define KEY_NODE(_parent, _node, _streams, ...)				\
	{ .parent = _parent, .node = _node, .streams = _streams, __VA_ARGS__ }

/* Some lead to the same streams, within a parent and between parents */
static const struct key keys[] = {
	KEY(PARENT_A, 0x0, IOMMU_A, 0x10),
	KEY(PARENT_A, 0x1, IOMMU_A, 0x11),
	KEY(PARENT_A, 0x2, IOMMU_A, 0x12),
	KEY(PARENT_A, 0x3, IOMMU_A, 0x13),
	KEY(PARENT_A, 0x9, IOMMU_A, 0x19),
	KEY(PARENT_A, 0xf, IOMMU_A, 0x1f),
	KEY(PARENT_A, 0x200, IOMMU_B, 0x10),
	KEY(PARENT_A, 0x201, IOMMU_B, 0x11),
	KEY(PARENT_A, 0x202, IOMMU_B, 0x12),
	KEY(PARENT_A, 0x203, IOMMU_B, 0x13),
	KEY(PARENT_A, 0x300, IOMMU_A, 0x10),
	KEY(PARENT_A, 0x303, IOMMU_A, 0x13),
	{ .parent = PARENT_A, .id = 0x10, .err = -ENODEV },
	{ .parent = PARENT_A, .id = 0x101, .err = -ENODEV },
	KEY_NODE(PARENT_A, "context-0", BIT_ULL(0x10) | BIT_ULL(0x18)),
	KEY_NODE(PARENT_A, "context-1", BIT_ULL(0x11) | BIT_ULL(0x19)),
	KEY_NODE(PARENT_A, "context-2", BIT_ULL(0x12) | BIT_ULL(0x1a)),
	KEY_NODE(PARENT_A, "context-3", BIT_ULL(0x13) | BIT_ULL(0x1b)),
	KEY(PARENT_B, 0x0, IOMMU_A, 0x20),
	KEY(PARENT_B, 0x1, IOMMU_A, 0x21),
	KEY(PARENT_B, 0x2, IOMMU_A, 0x22),
	KEY(PARENT_B, 0xf, IOMMU_A, 0x2f),
	KEY(PARENT_B, 0x301, IOMMU_A, 0x11),
	KEY(PARENT_B, 0x302, IOMMU_A, 0x12),
	KEY(PARENT_NODES, 0x0, IOMMU_A, 0x0),
	KEY(PARENT_NODES, 0x2, IOMMU_A, 0x2),
	KEY_NODE(PARENT_NODES, "pixel", BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(3)),
	KEY_NODE(PARENT_NODES, "double", BIT_ULL(0xa) | BIT_ULL(2)),
	KEY_NODE(PARENT_NODES, "narrow", BIT_ULL(8), .narrow = true),
	KEY_NODE(PARENT_NODES, "cached", BIT_ULL(9)),
	KEY_NODE(PARENT_NODES, "off", 0, .err = -ENODEV),
	KEY_NODE(PARENT_NODES, "dark", 0, .err = -ENODEV),
	KEY_NODE(PARENT_NODES, "split", 0, .err = -EXDEV),
};

/* The world, and what the model knows of it */

enum mapping_type { MAP_PAGE, MAP_PAGE_2, MAP_COHERENT, MAP_MANAGED };

struct mapping {
	void *mem;
	dma_addr_t iova;
	unsigned int pages;
};

/* A sub-device, from create until the last of our references is put */
struct slot {
	struct device *dev;
	const struct key *key;
	/* What the model said before its create, and if an allocation fails in it */
	int due;
	int due_without_memory;
	struct iommu_domain *domain;
	bool managed;
	bool live;
	/* Those that we hold. That of create is one, if it is not managed */
	unsigned int refs;
	/* Which registration of its IOMMU it belongs to */
	unsigned int registered;
	/* When it became a managed resource of the parent, and its action */
	unsigned int born;
	unsigned int action;
	struct mapping map[NR_MAPPINGS];
};

struct random;
struct step;

typedef bool (*can_fn)(struct random *r, const struct step *s);
typedef long (*run_fn)(struct random *r, const struct step *s);
typedef void (*model_fn)(struct random *r, const struct step *s, long ret, bool injected);

struct step {
	u8 op;
	/* Which slot, parent, IOMMU or foreign device */
	u8 on;
	u8 key;
	/* This allocation fails, if it is not 0 */
	u8 nth;
	u32 arg;
};

struct parent {
	struct device_node *np;
	struct device *dev;
	/* References to @dev while it is unbound */
	unsigned int refs;
	bool has_power;
	bool bound;
	bool active;
	/* What its next probe does */
	const struct step *probing;
	int result;
	unsigned int probes;
	/* A create has linked it to the IOMMU; one may have */
	bool linked[NR_IOMMUS];
	bool tried[NR_IOMMUS];
	/* When its groups of managed resources were opened and closed */
	unsigned int open[2];
	unsigned int close[2];
};

struct iommu_model {
	bool has_power;
	bool bound;
	/* How often it was registered */
	unsigned int registered;
	/* The usage count that the sequence has begun with */
	unsigned int usage;
};

struct foreign {
	struct device *dev;
	/* NULL if it was refused */
	struct iommu_domain *domain;
};

/* A sub-device that is created, destroyed or mapped while something is unbound */
struct race {
	const struct step *step;
	struct slot *slot;
	run_fn run;
	long ret;
};

struct random {
	struct kunit *test;
	/* Held by steps of one slot for reading, by all others for writing */
	struct rw_semaphore lock;
	struct slot slots[NR_SLOTS];
	struct parent parents[NR_PARENTS];
	struct iommu_model iommus[NR_IOMMUS];
	struct foreign foreigns[NR_FOREIGN];
	struct race race;
	bool suspended;
	/* Removed device links may still hold the IOMMU */
	bool unsettled;
	bool can_fail;
	/* Numbers what is managed, in the order of time */
	atomic_t seq;
	/* Steps that were run */
	atomic_t done;

	struct fwnode_handle *nodes[ARRAY_SIZE(keys)];
	unsigned int node_refs[ARRAY_SIZE(keys)];

	unsigned int seed;
	struct step steps[NR_STEPS];
	DECLARE_BITMAP(keep, NR_STEPS);
	DECLARE_BITMAP(without, NR_STEPS);

	/* Only the first warning is seen */
	bool was_warned;
	bool shortening;
	unsigned long failed;
	/* The format of the message tells one reason from another */
	const char *reason;
	char message[128];
};

/* For the callbacks that have no pointer of their own */
static struct random *random_now;

static struct slot *next_slot(struct random *r, struct slot *slot)
{
	slot = slot ? slot + 1 : r->slots;
	return slot < r->slots + NR_SLOTS ? slot : NULL;
}

static bool is_off(const char *kind)
{
	size_t len = strlen(kind);
	const char *p = without;

	for (; (p = strstr(p, kind)); p += len)
		if ((p == without || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
	return false;
}

/* Keeps the first message of a sequence. */
static __printf(3, 4) bool check(struct random *r, bool ok, const char *fmt, ...)
{
	va_list args;

	if (ok || test_and_set_bit(0, &r->failed))
		return ok;
	va_start(args, fmt);
	vscnprintf(r->message, sizeof(r->message), fmt, args);
	va_end(args);
	r->reason = fmt;
	/* What follows may crash */
	if (!r->shortening)
		kunit_info(r->test, "seed %u: %s\n", r->seed, r->message);
	return false;
}

static unsigned int next_seq(struct random *r)
{
	return atomic_inc_return(&r->seq);
}

static bool is_registered(int iommu)
{
	return mock_iommus[iommu].registered;
}

/* The sub-device or, without one, the ordinary device that has a stream of these */
static struct slot *slot_of_streams(struct random *r, int iommu, u64 streams)
{
	struct slot *slot;

	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		if (slot->live && slot->key->iommu == iommu && slot->key->streams & streams)
			return slot;
	return NULL;
}

static struct foreign *foreign_of_streams(struct random *r, int iommu, u64 streams)
{
	for (int i = 0; iommu == IOMMU_A && i < NR_FOREIGN; i++)
		if (r->foreigns[i].domain && streams & BIT_ULL(foreign_streams[i]))
			return &r->foreigns[i];
	return NULL;
}

/* Whether no device can have these streams: all have one group, or somebody has them. */
static bool streams_are_busy(struct random *r, int iommu, u64 streams)
{
	struct slot *slot;

	if (mock_iommus[iommu].does.grouping == MOCK_GROUP_SINGLE) {
		/* A destroyed one is in the group until its last reference is put */
		for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
			if (slot->dev && slot->key->iommu == iommu &&
			    slot->registered == r->iommus[iommu].registered)
				return true;
		streams = U64_MAX;
	}
	return slot_of_streams(r, iommu, streams) || foreign_of_streams(r, iommu, streams);
}

/* A domain has its context until it is freed */
static bool has_context_left(struct random *r, int iommu)
{
	struct mock_iommu *mock = &mock_iommus[iommu];
	unsigned int used = 0;
	struct slot *slot;

	if (!mock->does.contexts)
		return true;
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		used += slot->dev && slot->key->iommu == iommu;
	for (int i = 0; i < NR_FOREIGN; i++)
		used += iommu == IOMMU_A && r->foreigns[i].domain &&
			r->foreigns[i].domain->type != IOMMU_DOMAIN_IDENTITY;
	return used < mock->does.contexts;
}

/* Mappings */

static phys_addr_t page_phys(const struct mapping *map, unsigned int page)
{
	void *mem = map->mem + page * PAGE_SIZE;

	return page_to_phys(is_vmalloc_addr(mem) ? vmalloc_to_page(mem) : virt_to_page(mem));
}

static long do_map(struct random *r, struct slot *slot, enum mapping_type type, u32 arg)
{
	struct mapping *map = &slot->map[type], new = { .pages = 1 };
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	if (type == MAP_COHERENT || type == MAP_MANAGED)
		new.pages += arg % MAX_PAGES;
	if (type == MAP_COHERENT) {
		new.mem = dma_alloc_coherent(slot->dev, new.pages * PAGE_SIZE, &new.iova, gfp);
	} else if (type == MAP_MANAGED) {
		new.mem = dmam_alloc_coherent(slot->dev, new.pages * PAGE_SIZE, &new.iova, gfp);
	} else {
		new.mem = (void *)__get_free_page(gfp);
		if (!new.mem)
			return -ENOMEM;
		new.iova = dma_map_page(slot->dev, virt_to_page(new.mem), 0, PAGE_SIZE,
					DMA_BIDIRECTIONAL);
		if (dma_mapping_error(slot->dev, new.iova)) {
			free_page((unsigned long)new.mem);
			return -ENOMEM;
		}
	}
	if (!new.mem)
		return -ENOMEM;
	*map = new;
	for (int i = 0; i < map->pages; i++)
		*(void **)(map->mem + i * PAGE_SIZE) = &map->mem;
	return 0;
}

static void undo_mapping(struct random *r, struct slot *slot, enum mapping_type type)
{
	struct mapping *map = &slot->map[type];

	if (!map->mem)
		return;
	for (int i = 0; i < map->pages; i++)
		check(r, *(void **)(map->mem + i * PAGE_SIZE) == &map->mem,
		      "memory of a mapping was overwritten");
	if (type == MAP_COHERENT) {
		dma_free_coherent(slot->dev, map->pages * PAGE_SIZE, map->mem, map->iova);
	} else {
		dma_unmap_page(slot->dev, map->iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
		free_page((unsigned long)map->mem);
	}
	map->mem = NULL;
}

/* All that is not managed. */
static void undo_mappings(struct random *r, struct slot *slot)
{
	for (int i = 0; i < MAP_MANAGED; i++)
		undo_mapping(r, slot, i);
}

/* Sub-devices */

static void slot_put(struct random *r, struct slot *slot)
{
	if (slot->refs == 1 && !slot->live)
		undo_mappings(r, slot);
	slot->refs--;
	put_device(slot->dev);
	if (!slot->refs && !slot->live)
		memset(slot, 0, sizeof(*slot));
}

static void slot_died(struct slot *slot)
{
	slot->live = false;
	slot->map[MAP_MANAGED].mem = NULL;
	if (!slot->refs)
		memset(slot, 0, sizeof(*slot));
}

/* What is mapped may stay only if there is a reference after @refs are put. */
static void slot_prepare(struct random *r, struct slot *slot, unsigned int refs, bool late)
{
	if (slot->refs <= refs || !late)
		undo_mappings(r, slot);
}

static void slot_destroy(struct random *r, struct slot *slot, bool late)
{
	slot_prepare(r, slot, !slot->managed, late);
	iommu_subdev_destroy(slot->dev);
}

static void slot_destroyed(struct slot *slot)
{
	if (!slot->managed)
		slot->refs--;
	slot_died(slot);
}

static struct slot *step_slot(struct random *r, const struct step *s)
{
	return &r->slots[s->on];
}

static int due_of_create(struct random *r, const struct key *key)
{
	struct slot *slot;

	if (!r->parents[key->parent].bound)
		return -EINVAL;
	if (key->err == -EXDEV && !(is_registered(IOMMU_A) && is_registered(IOMMU_B)))
		return -EPROBE_DEFER;
	if (key->err)
		return key->err;
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		if (slot->live && slot->key == key)
			return -EEXIST;
	if (!is_registered(key->iommu))
		return -EPROBE_DEFER;
	if (streams_are_busy(r, key->iommu, key->streams))
		return -EBUSY;
	return has_context_left(r, key->iommu) ? 0 : -ENOSPC;
}

static long do_create(struct random *r, const struct step *s)
{
	const struct key *key = &keys[s->key];
	struct device *parent = r->parents[key->parent].dev, *dev;
	struct slot *slot = step_slot(r, s);
	int due = due_of_create(r, key);
	bool managed = s->arg & 1;

	slot->due = due;
	/* device_link_add() does not tell why it failed. Another thread may link now */
	slot->due_without_memory = READ_ONCE(r->parents[key->parent].linked[key->iommu]) ?
				   -ENOMEM : -EINVAL;
	if (key->node && managed)
		dev = devm_iommu_subdev_create_node(parent, r->nodes[s->key]);
	else if (key->node)
		dev = iommu_subdev_create_node(parent, r->nodes[s->key]);
	else if (managed)
		dev = devm_iommu_subdev_create(parent, key->id);
	else
		dev = iommu_subdev_create(parent, key->id);
	if (!dev)
		return 1;
	if (IS_ERR(dev))
		return PTR_ERR(dev);

	*slot = (struct slot) {
		.dev = dev,
		.key = key,
		.due = due,
		/* In a race @dev may be freed by now */
		.domain = slot == r->race.slot ? NULL : iommu_get_domain_for_dev(dev),
		.registered = r->iommus[key->iommu].registered,
		.managed = managed,
		.refs = !managed,
		.born = next_seq(r),
	};
	return 0;
}

static void slot_created(struct random *r, const struct step *s)
{
	const struct key *key = &keys[s->key];

	step_slot(r, s)->live = true;
	WRITE_ONCE(r->parents[key->parent].linked[key->iommu], true);
}

/* A create may link its parent to the IOMMU and fail then. */
static void slot_tried(struct random *r, const struct key *key)
{
	struct parent *parent = &r->parents[key->parent];

	if (!parent->bound)
		return;
	WRITE_ONCE(parent->tried[key->iommu], true);
	if (key->err == -EXDEV)
		WRITE_ONCE(parent->tried[IOMMU_B], true);
}

static void model_create(struct random *r, const struct step *s, long ret, bool injected)
{
	struct slot *slot = step_slot(r, s);
	int due = slot->due;

	slot_tried(r, &keys[s->key]);
	check(r, ret == due || (injected && (ret == -ENOMEM || ret == slot->due_without_memory)),
	      "create returned %ld, %d was due", ret, due);
	if (!ret)
		slot_created(r, s);
}

/* The driver of the IOMMU fails. */
static long do_create_failing(struct random *r, const struct step *s)
{
	struct mock_behaviour *does = &mock_iommus[keys[s->key].iommu].does;
	int *const errors[] = {
		&does->probe_err, &does->group_err, &does->alloc_err, &does->attach_err,
	};
	int *err = errors[(s->arg >> 8) % ARRAY_SIZE(errors)];
	long ret;

	/* The core warns of an attach that fails with any other */
	*err = -ENOSPC;
	ret = do_create(r, s);
	*err = 0;
	return ret;
}

static void model_create_failing(struct random *r, const struct step *s, long ret, bool injected)
{
	int due = step_slot(r, s)->due;

	slot_tried(r, &keys[s->key]);
	if (!due)
		due = -ENOSPC;
	check(r, ret == due || (due == -EBUSY && ret == -ENOSPC),
	      "create returned %ld, %d was due of an IOMMU that fails", ret, due);
	if (!ret)
		slot_created(r, s);
}

static bool can_create(struct random *r, const struct step *s)
{
	return !step_slot(r, s)->dev && r->parents[keys[s->key].parent].dev;
}

/* One that unbind has destroyed, too: that of create is to be put */
static bool can_destroy(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	return slot->live || (slot->refs && slot->born && !slot->managed);
}

static long do_destroy(struct random *r, const struct step *s)
{
	slot_destroy(r, step_slot(r, s), false);
	return 0;
}

static void model_destroy(struct random *r, const struct step *s, long ret, bool injected)
{
	step_slot(r, s)->born = 0;
	slot_destroyed(step_slot(r, s));
}

static bool can_leave(struct random *r, const struct step *s)
{
	return can_destroy(r, s) && step_slot(r, s)->refs > !step_slot(r, s)->managed;
}

static long do_leave(struct random *r, const struct step *s)
{
	slot_destroy(r, step_slot(r, s), true);
	return 0;
}

static bool can_destroy_again(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	return slot->refs && slot->managed && !slot->live;
}

static long do_destroy_again(struct random *r, const struct step *s)
{
	iommu_subdev_destroy(step_slot(r, s)->dev);
	return 0;
}

static bool can_get(struct random *r, const struct step *s)
{
	return step_slot(r, s)->dev && step_slot(r, s)->refs < 3;
}

static long do_get(struct random *r, const struct step *s)
{
	get_device(step_slot(r, s)->dev);
	step_slot(r, s)->refs++;
	return 0;
}

/* Not that of create */
static bool can_put(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	return slot->refs > (!slot->managed && slot->born);
}

static long do_put(struct random *r, const struct step *s)
{
	slot_put(r, step_slot(r, s));
	return 0;
}

static enum mapping_type step_type(const struct step *s)
{
	return s->arg % NR_MAPPINGS;
}

static struct mapping *step_mapping(struct random *r, const struct step *s)
{
	return &step_slot(r, s)->map[step_type(s)];
}

static bool can_map(struct random *r, const struct step *s)
{
	return step_slot(r, s)->live && !step_mapping(r, s)->mem;
}

static bool can_map_late(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	return slot->dev && !slot->live && step_type(s) != MAP_MANAGED &&
	       !step_mapping(r, s)->mem;
}

static long do_map_step(struct random *r, const struct step *s)
{
	return do_map(r, step_slot(r, s), step_type(s), s->arg / NR_MAPPINGS);
}

static void model_map(struct random *r, const struct step *s, long ret, bool injected)
{
	struct mapping *map = step_mapping(r, s);

	check(r, !ret || injected, "mapping failed with %ld", ret);
	if (!ret && step_slot(r, s)->key->narrow)
		check(r, map->iova >= 0x10000000 && map->iova < 0x20000000,
		      "address %pad is outside of dma-ranges", &map->iova);
}

static void model_map_late(struct random *r, const struct step *s, long ret, bool injected)
{
	check(r, ret, "a destroyed sub-device was mapped");
}

static bool can_unmap(struct random *r, const struct step *s)
{
	return step_mapping(r, s)->mem && step_type(s) != MAP_MANAGED;
}

static long do_unmap(struct random *r, const struct step *s)
{
	undo_mapping(r, step_slot(r, s), step_type(s));
	return 0;
}

/* Managed resources of the parent */

static void destroy_by_action(void *data)
{
	struct random *r = random_now;
	unsigned long action = (unsigned long)data / NR_SLOTS;
	struct slot *slot = &r->slots[(unsigned long)data % NR_SLOTS];

	/* The slot may have another sub-device by now */
	if (slot->live && slot->action == action)
		iommu_subdev_destroy(slot->dev);
}

static bool can_add_action(struct random *r, const struct step *s)
{
	return step_slot(r, s)->live && !step_slot(r, s)->action;
}

static long do_add_action(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	slot->action = next_seq(r);
	return devm_add_action(r->parents[slot->key->parent].dev, destroy_by_action,
			       (void *)((unsigned long)slot->action * NR_SLOTS + s->on));
}

static bool is_within(unsigned int seq, unsigned int from, unsigned int to)
{
	return seq > from && seq < to;
}

/* Whether it ends with the resources that were added between @from and @to */
static bool slot_is_within(struct slot *slot, struct parent *parent,
			   unsigned int from, unsigned int to)
{
	return slot->live && &random_now->parents[slot->key->parent] == parent &&
	       (is_within(slot->born, from, to) || is_within(slot->action, from, to));
}

#define ARG_LATE	BIT(16)
#define ARG_FORGET	BIT(17)
#define ARG_SETTLE	BIT(18)

/* Does what a driver does before its resources are released. */
static void prepare_release(struct random *r, struct parent *parent, unsigned int from,
			    unsigned int to, u32 arg)
{
	bool late = arg & ARG_LATE && !is_off("late");
	bool forget = arg & ARG_FORGET && !is_off("forget");
	struct slot *slot;

	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot)) {
		bool action = is_within(slot->action, from, to);

		if (!slot_is_within(slot, parent, from, to) || slot == r->race.slot)
			continue;
		slot_prepare(r, slot, action && !slot->managed, late);
		if (slot->managed || action || forget)
			continue;
		slot_destroy(r, slot, late);
		slot->born = 0;
		slot_destroyed(slot);
	}
}

static void model_release(struct random *r, struct parent *parent, unsigned int from,
			  unsigned int to)
{
	struct slot *slot;

	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot)) {
		if (!slot_is_within(slot, parent, from, to))
			continue;
		if (is_within(slot->action, from, to)) {
			slot->born = 0;
			slot_destroyed(slot);
		} else {
			slot_died(slot);
		}
	}
}

static struct parent *step_parent(struct random *r, const struct step *s)
{
	return &r->parents[s->on];
}

static unsigned int *step_open(struct random *r, const struct step *s)
{
	return &step_parent(r, s)->open[s->arg % 2];
}

static unsigned int *step_close(struct random *r, const struct step *s)
{
	return &step_parent(r, s)->close[s->arg % 2];
}

static bool can_open(struct random *r, const struct step *s)
{
	struct parent *parent = step_parent(r, s);

	/* They are not nested */
	return parent->bound && !*step_open(r, s) &&
	       (!parent->open[0] || parent->close[0]) &&
	       (!parent->open[1] || parent->close[1]);
}

static long do_open(struct random *r, const struct step *s)
{
	*step_open(r, s) = next_seq(r);
	return devres_open_group(step_parent(r, s)->dev, step_open(r, s), GFP_KERNEL) ? 0 : -ENOMEM;
}

static bool can_close(struct random *r, const struct step *s)
{
	return *step_open(r, s) && !*step_close(r, s);
}

static long do_close(struct random *r, const struct step *s)
{
	devres_close_group(step_parent(r, s)->dev, step_open(r, s));
	*step_close(r, s) = next_seq(r);
	return 0;
}

static bool can_release(struct random *r, const struct step *s)
{
	return *step_open(r, s);
}

static long do_release(struct random *r, const struct step *s)
{
	prepare_release(r, step_parent(r, s), *step_open(r, s), *step_close(r, s) ?: UINT_MAX,
			s->arg);
	devres_release_group(step_parent(r, s)->dev, step_open(r, s));
	return 0;
}

static void model_release_group(struct random *r, const struct step *s, long ret, bool injected)
{
	model_release(r, step_parent(r, s), *step_open(r, s), *step_close(r, s) ?: UINT_MAX);
	*step_open(r, s) = 0;
	*step_close(r, s) = 0;
}

static long do_remove_group(struct random *r, const struct step *s)
{
	devres_remove_group(step_parent(r, s)->dev, step_open(r, s));
	*step_open(r, s) = 0;
	*step_close(r, s) = 0;
	return 0;
}

/* The driver of the parent, and the parent */

static struct parent *find_parent(struct random *r, struct device *dev)
{
	for (int i = 0; i < NR_PARENTS; i++)
		if (r->parents[i].np == dev->of_node)
			return &r->parents[i];
	return NULL;
}

/* What two threads create at once is not the same: even one that fails has the name */
static bool key_is_allowed(const struct key *key, int slot)
{
	if (!key->streams)
		return (key - keys) % threads == slot % threads;
	for (int i = 0; i < MOCK_NR_STREAMS; i++)
		if (key->streams & BIT_ULL(i) && i % threads != slot % threads)
			return false;
	return true;
}

/* The step with which the probe of step @s creates its @n-th sub-device. */
static bool probe_step(struct random *r, const struct step *s, int n, struct step *create)
{
	u32 arg = s->arg >> (8 * n);

	if (n >= ((s->arg >> 24) & 3))
		return false;
	*create = (struct step) {
		.on = (arg + n * NR_SLOTS / 2) % NR_SLOTS,
		.key = (s->key + n * 7) % ARRAY_SIZE(keys),
		.arg = arg >> 7,
	};
	/* There is one for each parent and thread */
	while (keys[create->key].parent != s->on ||
	       !key_is_allowed(&keys[create->key], create->on))
		create->key = (create->key + 1) % ARRAY_SIZE(keys);
	return true;
}

static int random_on_probe(struct device *dev)
{
	struct random *r = random_now;
	struct parent *parent = find_parent(r, dev);
	struct step create;
	int ret;

	if (!parent)
		return 0;
	/* Something went wrong if it comes back */
	if (parent->probes++)
		return -ENXIO;
	if (parent->has_power) {
		ret = devm_pm_runtime_enable(dev);
		if (ret)
			return ret;
	}
	parent->dev = dev;
	parent->bound = true;
	for (int i = 0; parent->probing && probe_step(r, parent->probing, i, &create); i++)
		if (can_create(r, &create))
			model_create(r, &create, do_create(r, &create), false);
	/* A driver cleans up in its error path */
	if (parent->result)
		prepare_release(r, parent, 0, UINT_MAX, ARG_LATE);
	return parent->result;
}

static void random_on_remove(struct device *dev)
{
	struct parent *parent = find_parent(random_now, dev);

	if (parent && parent->active)
		pm_runtime_put_sync(dev);
}

static void model_unbound(struct random *r, struct parent *parent)
{
	model_release(r, parent, 0, UINT_MAX);
	parent->bound = false;
	parent->active = false;
	memset(parent->linked, 0, sizeof(parent->linked));
	memset(parent->tried, 0, sizeof(parent->tried));
	memset(parent->open, 0, sizeof(parent->open));
	memset(parent->close, 0, sizeof(parent->close));
}

static void settle(struct random *r)
{
	device_link_wait_removal();
	r->unsettled = false;
}

static void unbind_parent_only(struct random *r, struct parent *parent, u32 arg)
{
	r->unsettled = true;
	prepare_release(r, parent, 0, UINT_MAX, arg);
	device_release_driver(parent->dev);
}

static void parent_unbound(struct random *r, struct parent *parent, u32 arg)
{
	model_unbound(r, parent);
	if (arg & ARG_SETTLE)
		settle(r);
}

static void unbind_parent(struct random *r, struct parent *parent, u32 arg)
{
	unbind_parent_only(r, parent, arg);
	parent_unbound(r, parent, arg);
}

static bool can_unbind(struct random *r, const struct step *s)
{
	return step_parent(r, s)->bound;
}

static long do_unbind(struct random *r, const struct step *s)
{
	unbind_parent(r, step_parent(r, s), s->arg);
	return 0;
}

static bool can_bind(struct random *r, const struct step *s)
{
	return step_parent(r, s)->dev && !step_parent(r, s)->bound && !r->suspended;
}

static void bind_parent(struct random *r, struct parent *parent, const struct step *probing,
			int result)
{
	int ret;

	parent->probing = probing;
	parent->result = result;
	parent->probes = 0;
	ret = device_attach(parent->dev);
	if (result == -EPROBE_DEFER) {
		/* Those that are deferred are probed by a thread, if at all */
		wait_for_device_probe();
		driver_deferred_probe_del(parent->dev);
	}
	check(r, parent->probes == 1, "probed %u times", parent->probes);
	if (result) {
		r->unsettled = true;
		model_unbound(r, parent);
	} else {
		check(r, ret == 1, "bind returned %d", ret);
	}
}

static long do_bind(struct random *r, const struct step *s)
{
	bind_parent(r, step_parent(r, s), s, 0);
	return 0;
}

static long do_fail(struct random *r, const struct step *s)
{
	bind_parent(r, step_parent(r, s), s, -ENXIO);
	return 0;
}

static long do_defer(struct random *r, const struct step *s)
{
	bind_parent(r, step_parent(r, s), s, -EPROBE_DEFER);
	return 0;
}

static bool can_del(struct random *r, const struct step *s)
{
	return step_parent(r, s)->dev;
}

static long do_del(struct random *r, const struct step *s)
{
	struct parent *parent = step_parent(r, s);
	struct device *dev = parent->dev;

	r->unsettled = true;
	prepare_release(r, parent, 0, UINT_MAX, s->arg);
	of_platform_device_destroy(dev, NULL);
	model_unbound(r, parent);
	parent->dev = NULL;
	put_device(dev);
	return 0;
}

static bool can_add(struct random *r, const struct step *s)
{
	return !step_parent(r, s)->dev && !r->suspended;
}

static void add_parent(struct random *r, struct parent *parent)
{
	struct platform_device *pdev;

	parent->probing = NULL;
	parent->result = 0;
	parent->probes = 0;
	pdev = of_platform_device_create(parent->np, NULL, NULL);
	if (check(r, pdev && parent->bound, "no device for %pOFn", parent->np))
		get_device(&pdev->dev);
}

static long do_add(struct random *r, const struct step *s)
{
	add_parent(r, step_parent(r, s));
	return 0;
}

static bool can_resume(struct random *r, const struct step *s)
{
	struct parent *parent = step_parent(r, s);

	return parent->bound && parent->has_power && !parent->active;
}

static long do_resume(struct random *r, const struct step *s)
{
	step_parent(r, s)->active = true;
	return pm_runtime_resume_and_get(step_parent(r, s)->dev);
}

static bool can_suspend(struct random *r, const struct step *s)
{
	return step_parent(r, s)->active;
}

static long do_suspend(struct random *r, const struct step *s)
{
	step_parent(r, s)->active = false;
	return min(pm_runtime_put_sync(step_parent(r, s)->dev), 0);
}

/* The IOMMUs */

static bool can_unbind_iommu(struct random *r, const struct step *s)
{
	/* Those would be unbound as well, and bound again by a thread */
	return r->iommus[s->on].bound && !r->foreigns[0].dev && !r->foreigns[1].dev;
}

static long do_unbind_iommu(struct random *r, const struct step *s)
{
	r->unsettled = true;
	for (int i = 0; i < NR_PARENTS; i++)
		if (r->parents[i].tried[s->on])
			prepare_release(r, &r->parents[i], 0, UINT_MAX, s->arg);
	device_release_driver(mock_iommus[s->on].dev);
	return 0;
}

static void model_unbind_iommu(struct random *r, const struct step *s, long ret, bool injected)
{
	r->iommus[s->on].bound = false;
	for (int i = 0; i < NR_PARENTS; i++) {
		struct parent *parent = &r->parents[i];
		bool bound = parent->bound && parent->dev->driver;

		check(r, !bound || !parent->linked[s->on],
		      "%s is bound without its IOMMU", parent_names[i]);
		check(r, bound == parent->bound || parent->tried[s->on],
		      "%s was unbound with an IOMMU that it does not use", parent_names[i]);
		if (parent->bound && !bound)
			model_unbound(r, parent);
	}
	if (s->arg & ARG_SETTLE)
		settle(r);
}

static bool can_bind_iommu(struct random *r, const struct step *s)
{
	return !r->iommus[s->on].bound && !r->suspended;
}

static long do_bind_iommu(struct random *r, const struct step *s)
{
	r->iommus[s->on].bound = true;
	return device_attach(mock_iommus[s->on].dev) - 1;
}

static bool can_register(struct random *r, const struct step *s)
{
	return r->iommus[s->on].bound && !is_registered(s->on);
}

static long do_register(struct random *r, const struct step *s)
{
	r->iommus[s->on].registered++;
	return mock_register(&mock_iommus[s->on]);
}

/* Unbinding while a thread uses a sub-device */

static bool can_race(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);

	/* The thread needs a reference, which create takes only if not managed */
	return r->parents[keys[s->key].parent].bound &&
	       (!slot->dev || (slot->live && slot->refs && !slot->action));
}

static run_fn race_run(struct random *r, const struct step *s)
{
	if (!step_slot(r, s)->dev)
		return do_create;
	/* Nothing may be managed on a sub-device that may be dead already */
	if (s->arg & BIT(9) || is_off("late") || step_type(s) == MAP_MANAGED)
		return do_destroy;
	return step_mapping(r, s)->mem ? do_unmap : do_map_step;
}

static void run_race(struct subdev_thread *thread)
{
	struct race *race = &random_now->race;

	race->ret = race->run(random_now, race->step);
}

static long do_race(struct random *r, const struct step *s)
{
	struct slot *slot = step_slot(r, s);
	const struct key *key = slot->dev ? slot->key : &keys[s->key];
	struct step unbind = {
		.on = s->arg & BIT(8) ? key->iommu : key->parent,
		.arg = s->arg & ~ARG_FORGET,
	};
	bool of_iommu = s->arg & BIT(8) && can_unbind_iommu(r, &unbind);
	struct subdev_thread thread = {};
	bool runs;

	unbind.on = of_iommu ? key->iommu : key->parent;
	if (!slot->dev)
		slot_tried(r, key);
	r->race = (struct race) {
		.step = s,
		.slot = slot,
		.run = race_run(r, s),
	};

	runs = subdev_test_run_thread(r->test, &thread, run_race);
	if (s->arg & BIT(10))
		schedule();
	if (of_iommu)
		do_unbind_iommu(r, &unbind);
	else
		unbind_parent_only(r, &r->parents[key->parent], unbind.arg);
	if (runs)
		subdev_test_join_thread(&thread);
	r->race.slot = NULL;

	if (r->race.run == do_create) {
		long ret = r->race.ret;

		/* Who had the ID or the stream may have gone, but keeps its context */
		bool full = mock_iommus[key->iommu].does.contexts && ret == -ENOSPC &&
			    (slot->due == -EEXIST || slot->due == -EBUSY);

		check(r, !ret || ret == -EINVAL || ret == -EPROBE_DEFER || ret == slot->due || full,
		      "create returned %ld during an unbind", ret);
		if (!r->race.ret)
			slot_created(r, s);
	} else if (r->race.run == do_destroy) {
		model_destroy(r, s, 0, false);
	}
	if (of_iommu)
		model_unbind_iommu(r, &unbind, 0, false);
	else
		parent_unbound(r, &r->parents[key->parent], unbind.arg);
	return 0;
}

/* System suspend */

static bool can_block(struct random *r, const struct step *s)
{
	return !r->suspended;
}

static long do_block(struct random *r, const struct step *s)
{
	r->suspended = true;
	device_block_probing();
	return 0;
}

static bool can_unblock(struct random *r, const struct step *s)
{
	return r->suspended;
}

static long do_unblock(struct random *r, const struct step *s)
{
	r->suspended = false;
	device_unblock_probing();
	wait_for_device_probe();
	return 0;
}

/* Ordinary devices */

static bool can_add_foreign(struct random *r, const struct step *s)
{
	/* In one group they would share a domain */
	return !r->foreigns[s->on].dev && is_registered(IOMMU_A) && !r->suspended &&
	       has_context_left(r, IOMMU_A) &&
	       (mock_iommus[IOMMU_A].does.grouping != MOCK_GROUP_SINGLE ||
		!r->foreigns[!s->on].dev);
}

static long do_add_foreign(struct random *r, const struct step *s)
{
	struct foreign *foreign = &r->foreigns[s->on];
	struct device_node *np = subdev_test_find_node(r->test, foreign_names[s->on]);
	bool busy = streams_are_busy(r, IOMMU_A, BIT_ULL(foreign_streams[s->on]));
	struct platform_device *pdev = of_platform_device_create(np, NULL, NULL);

	of_node_put(np);
	if (!pdev)
		return -ENODEV;
	foreign->dev = get_device(&pdev->dev);
	if (device_iommu_mapped(foreign->dev))
		foreign->domain = iommu_get_domain_for_dev(foreign->dev);
	check(r, !foreign->domain == busy, "%s is %srefused", foreign_names[s->on],
	      busy ? "not " : "");
	return 0;
}

static bool can_del_foreign(struct random *r, const struct step *s)
{
	return r->foreigns[s->on].dev;
}

static long do_del_foreign(struct random *r, const struct step *s)
{
	struct device *dev = r->foreigns[s->on].dev;

	of_platform_device_destroy(dev, NULL);
	put_device(dev);
	r->foreigns[s->on] = (struct foreign) {};
	return 0;
}

/* The operations */

enum subject { SLOT, PARENT, IOMMU, OTHER };

static const u8 nr_subjects[] = {
	[SLOT] = NR_SLOTS, [PARENT] = NR_PARENTS, [IOMMU] = NR_IOMMUS, [OTHER] = NR_FOREIGN,
};

struct op {
	const char *name;
	const char *kind;
	u8 weight;
	enum subject on;
	/* Run only if the model says so */
	can_fn can;
	run_fn run;
	/* Without it @run has to return 0, and has done what is to be done */
	model_fn model;
	/* Allocations may fail in it */
	bool can_fail;
	/* No other thread runs meanwhile, though it is for one slot */
	bool is_alone;
};

static const struct op ops[] = {
	{ "create", "create", 40, SLOT, can_create, do_create, model_create, true },
	{ "create, the IOMMU failing,", "error", 4, SLOT, can_create, do_create_failing,
	  model_create_failing, .is_alone = true },
	{ "destroy", "create", 8, SLOT, can_destroy, do_destroy, model_destroy, true },
	{ "destroy, leaving mappings to", "late", 6, SLOT, can_leave, do_leave, model_destroy },
	{ "destroy again", "again", 3, SLOT, can_destroy_again, do_destroy_again },
	{ "get", "ref", 12, SLOT, can_get, do_get },
	{ "put", "ref", 12, SLOT, can_put, do_put },
	{ "map", "map", 80, SLOT, can_map, do_map_step, model_map, true },
	{ "map too late", "toolate", 12, SLOT, can_map_late, do_map_step, model_map_late },
	{ "unmap", "map", 60, SLOT, can_unmap, do_unmap },
	{ "add action to destroy", "action", 8, SLOT, can_add_action, do_add_action },
	{ "open group", "group", 6, PARENT, can_open, do_open },
	{ "close group", "group", 12, PARENT, can_close, do_close },
	{ "release group", "group", 2, PARENT, can_release, do_release, model_release_group },
	{ "remove group", "group", 2, PARENT, can_release, do_remove_group },
	{ "unbind", "bind", 2, PARENT, can_unbind, do_unbind },
	{ "bind", "bind", 24, PARENT, can_bind, do_bind },
	{ "bind, failing,", "probe", 6, PARENT, can_bind, do_fail },
	{ "bind, deferring,", "defer", 6, PARENT, can_bind, do_defer },
	{ "del", "del", 1, PARENT, can_del, do_del },
	{ "add", "del", 10, PARENT, can_add, do_add },
	{ "resume", "resume", 10, PARENT, can_resume, do_resume },
	{ "suspend", "resume", 5, PARENT, can_suspend, do_suspend },
	{ "unbind", "iommu", 1, IOMMU, can_unbind_iommu, do_unbind_iommu, model_unbind_iommu },
	{ "bind", "iommu", 20, IOMMU, can_bind_iommu, do_bind_iommu },
	{ "register", "iommu", 20, IOMMU, can_register, do_register },
	{ "race unbind with", "race", 4, SLOT, can_race, do_race, .is_alone = true },
	{ "block probing", "suspend", 1, OTHER, can_block, do_block },
	{ "unblock probing", "suspend", 10, OTHER, can_unblock, do_unblock },
	{ "add", "foreign", 2, OTHER, can_add_foreign, do_add_foreign },
	{ "del", "foreign", 8, OTHER, can_del_foreign, do_del_foreign },
};

static u8 random_key(struct rnd_state *rnd, int slot)
{
	u8 key;

	do
		key = prandom_u32_state(rnd) % ARRAY_SIZE(keys);
	while (!key_is_allowed(&keys[key], slot));
	return key;
}

static void generate(struct random *r, unsigned int seed)
{
	static const struct {
		const char *kind;
		struct mock_behaviour does;
	} flavours[] = {
		{ "create", { .grouping = MOCK_GROUP_EACH_DEVICE } },
		{ "stream", { .grouping = MOCK_GROUP_EACH_STREAM, .shared_streams = true } },
		{ "shared", { .grouping = MOCK_GROUP_EACH_DEVICE, .shared_streams = true } },
		{ "link", { .link_clients = true } },
		{ "defer-attach", { .defer_attach = true } },
		/* What is right depends on all threads */
		{ "single", { .grouping = MOCK_GROUP_SINGLE } },
		{ "contexts", { .contexts = 4 } },
	};
	unsigned int weights = 0, weight, bits, links = 0;
	bool off[ARRAY_SIZE(ops)];
	struct rnd_state rnd;
	int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		off[i] = is_off(ops[i].kind);
		weights += off[i] ? 0 : ops[i].weight;
	}

	r->seed = seed;
	prandom_seed_state(&rnd, seed);
	bits = prandom_u32_state(&rnd);
	if (bits & BIT(31) && !is_off("passthrough"))
		iommu_set_default_passthrough(false);
	else
		iommu_set_default_translated(false);
	for (i = 0; i < NR_IOMMUS; i++) {
		int flavour = prandom_u32_state(&rnd) % ARRAY_SIZE(flavours);

		if (is_off(flavours[flavour].kind) ||
		    (flavour >= 5 && (threads > 1 || IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE))))
			flavour = 0;
		mock_iommus[i].does = flavours[flavour].does;
		mock_iommus[i].does.yield = threads > 1;
		links += mock_iommus[i].does.link_clients;
		r->iommus[i].has_power = bits & BIT(i) && !is_off("power");
	}
	for (i = 0; i < NR_PARENTS; i++)
		r->parents[i].has_power = bits & BIT(NR_IOMMUS + i) && !is_off("resume");

	for (i = 0; i < NR_STEPS; i++) {
		struct step *s = &r->steps[i];

		weight = prandom_u32_state(&rnd) % weights;
		for (s->op = 0; off[s->op] || weight >= ops[s->op].weight; s->op++)
			weight -= off[s->op] ? 0 : ops[s->op].weight;
		s->on = prandom_u32_state(&rnd) % nr_subjects[ops[s->op].on];
		s->key = random_key(&rnd, s->on);
		s->arg = prandom_u32_state(&rnd);
		s->nth = prandom_u32_state(&rnd) % (8 * MAX_NTH);
		/* Device links cannot be removed without memory */
		if (s->nth > MAX_NTH || !ops[s->op].can_fail || !r->can_fail || links)
			s->nth = 0;
	}
}

static bool creates(struct random *r, const struct step *s, int n, struct step *create)
{
	run_fn run = ops[s->op].run;

	return run == do_create || ((run == do_bind || run == do_fail || run == do_defer) &&
				    probe_step(r, s, n, create));
}

/* Writes out step @i, and what its probe creates. */
static void print_step(struct random *r, int i)
{
	const struct step *s = &r->steps[i];
	const struct op *op = &ops[s->op];
	struct step create = *s;
	char line[160];
	int n;

	n = scnprintf(line, sizeof(line), "%u: %s ", i, op->name);
	if (op->on == SLOT)
		n += scnprintf(line + n, sizeof(line) - n, "slot %u", s->on);
	else if (op->on == PARENT)
		n += scnprintf(line + n, sizeof(line) - n, "%s", parent_names[s->on]);
	else if (op->on == IOMMU)
		n += scnprintf(line + n, sizeof(line) - n, "%s", iommu_names[s->on]);
	else if (op->run == do_add_foreign || op->run == do_del_foreign)
		n += scnprintf(line + n, sizeof(line) - n, "%s", foreign_names[s->on]);

	if (op->run == do_map_step || op->run == do_unmap) {
		static const char *const types[] = { "page", "page 2", "coherent", "managed" };

		n += scnprintf(line + n, sizeof(line) - n, ": %s", types[step_type(s)]);
	}
	for (int j = 0; creates(r, s, j, &create); j++) {
		const struct key *key = &keys[create.key];

		n += scnprintf(line + n, sizeof(line) - n, ": ");
		if (op->run != do_create)
			n += scnprintf(line + n, sizeof(line) - n, "create slot %u ", create.on);
		n += scnprintf(line + n, sizeof(line) - n, "%s%s ",
			       create.arg & 1 ? "managed " : "", parent_names[key->parent]);
		if (key->node)
			n += scnprintf(line + n, sizeof(line) - n, "%s", key->node);
		else
			n += scnprintf(line + n, sizeof(line) - n, "0x%x", key->id);
		if (op->run == do_create)
			break;
	}
	if (op->run == do_unbind || op->run == do_del || op->run == do_unbind_iommu ||
	    op->run == do_release)
		n += scnprintf(line + n, sizeof(line) - n, "%s%s",
			       s->arg & ARG_LATE ? ", leaving mappings" : "",
			       s->arg & ARG_FORGET ? ", forgetting sub-devices" : "");
	if (s->nth)
		n += scnprintf(line + n, sizeof(line) - n, ", allocation %u fails", s->nth);
	kunit_info(r->test, "%s\n", line);
}

/* The checks */

static int count_device(struct device *dev, void *count)
{
	++*(unsigned int *)count;
	return 0;
}

static void check_slot(struct random *r, struct slot *slot)
{
	struct mock_iommu *mock;
	unsigned int pages = 0;

	if (!slot->live)
		return;
	mock = &mock_iommus[slot->key->iommu];
	for (int i = 0; i < MOCK_NR_STREAMS; i++) {
		if (!(slot->key->streams & BIT_ULL(i)))
			continue;
		/* What it points to may be freed */
		if (!check(r, READ_ONCE(mock->stream[i].domain) == slot->domain,
			   "stream 0x%x of %s was taken from its sub-device", i,
			   iommu_names[slot->key->iommu]))
			return;
		for (int j = 0; j < NR_MAPPINGS; j++)
			for (int k = 0; slot->map[j].mem && k < slot->map[j].pages; k++)
				check(r, mock_dma(mock, i, slot->map[j].iova + k * PAGE_SIZE) ==
					 page_phys(&slot->map[j], k),
				      "stream 0x%x does not reach what is mapped", i);
	}
	for (int i = 0; i < NR_MAPPINGS; i++)
		pages += slot->map[i].mem ? slot->map[i].pages : 0;
	check(r, atomic_read(&to_mock_domain(slot->domain)->pages) == pages,
	      "%u pages are mapped, the model has %u",
	      atomic_read(&to_mock_domain(slot->domain)->pages), pages);
}

#ifdef CONFIG_PM
static unsigned int usage_count(struct device *dev)
{
	return atomic_read(&dev->power.usage_count);
}
#else
static unsigned int usage_count(struct device *dev)
{
	return 0;
}
#endif

static void check_iommu_power(struct random *r, int iommu)
{
	struct device *dev = mock_iommus[iommu].dev;
	unsigned int usage = usage_count(dev) - r->iommus[iommu].usage;
	bool needed = false, may_be = r->unsettled;
	struct slot *slot;

	if (!IS_ENABLED(CONFIG_PM) || !r->iommus[iommu].has_power)
		return;
	for (int i = 0; i < NR_PARENTS; i++) {
		struct parent *parent = &r->parents[i];

		if (parent->tried[iommu] && (!parent->has_power || parent->active))
			may_be = true;
	}
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		if (slot->live && slot->key->iommu == iommu && r->parents[slot->key->parent].active)
			needed = true;
	check(r, !needed || (usage && pm_runtime_active(dev)),
	      "%s is suspended under an active parent", iommu_names[iommu]);
	check(r, may_be || !usage, "usage count of %s is %u, nobody uses it",
	      iommu_names[iommu], usage);
}

static void check_iommu(struct random *r, int iommu)
{
	struct mock_iommu *mock = &mock_iommus[iommu];
	unsigned int live = 0, dead = 0, identity = 0;
	struct slot *slot;
	struct {
		const char *what;
		unsigned int there;
	} *count, counts[] = {
		{ "devices", atomic_read(&mock->devices) },
		{ "domains", atomic_read(&mock->domains) },
		{ "groups", atomic_read(&mock->groups) },
	};

	for (int i = 0; i < NR_FOREIGN; i++) {
		if (iommu != IOMMU_A || !r->foreigns[i].domain)
			continue;
		live++;
		identity += r->foreigns[i].domain->type == IOMMU_DOMAIN_IDENTITY;
	}
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot)) {
		if (!slot->dev || slot->key->iommu != iommu)
			continue;
		live += slot->live;
		dead += !slot->live;
	}
	for (count = counts; count < counts + ARRAY_SIZE(counts); count++) {
		/* A dead one has no device there */
		unsigned int least = live - (count == counts + 1 ? identity : 0);
		unsigned int most = least + (count == counts ? 0 : dead);

		if (IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE) && count != counts)
			most = UINT_MAX;
		/* The only group stays with the IOMMU */
		if (mock->does.grouping == MOCK_GROUP_SINGLE && count == counts + 2)
			most++;
		check(r, count->there >= least && count->there <= most,
		      "%s has %u %s, the model has %u to %u", iommu_names[iommu], count->there,
		      count->what, least, most);
	}
	check(r, !atomic_read(&mock->forgotten_pages), "a domain was freed with mappings");
	check(r, !atomic_read(&mock->freed_in_use), "a domain was freed under a stream");

	for (int i = 0; i < MOCK_NR_STREAMS; i++) {
		struct foreign *foreign = foreign_of_streams(r, iommu, BIT_ULL(i));
		struct iommu_domain *due = &mock_blocked_domain;

		slot = slot_of_streams(r, iommu, BIT_ULL(i));
		if (slot)
			due = slot->domain;
		else if (foreign && !mock->does.defer_attach)
			due = foreign->domain;
		check(r, READ_ONCE(mock->stream[i].domain) == due,
		      "stream 0x%x of %s is attached to another domain than in the model", i,
		      iommu_names[iommu]);
	}
	check_iommu_power(r, iommu);
}

static void check_parent(struct random *r, int i)
{
	struct parent *parent = &r->parents[i];
	unsigned int children = 0, live = 0;
	struct slot *slot;

	if (!parent->dev)
		return;
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		live += slot->live && slot->key->parent == i;
	device_for_each_child(parent->dev, &children, count_device);
	check(r, children == live, "%s has %u sub-devices, the model has %u", parent_names[i],
	      children, live);
	check(r, !parent->dev->driver == !parent->bound, "%s is bound or not", parent_names[i]);
	if (!IS_ENABLED(CONFIG_PM) || !parent->has_power || !parent->bound)
		return;
	check(r, usage_count(parent->dev) == parent->active, "usage count of %s is %u",
	      parent_names[i], usage_count(parent->dev));
	check(r, pm_runtime_active(parent->dev) == parent->active, "%s is %sactive",
	      parent_names[i], parent->active ? "not " : "");
}

static void check_nodes(struct random *r)
{
	struct slot *slot;

	if (IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE))
		return;
	for (int i = 0; i < ARRAY_SIZE(keys); i++) {
		unsigned int refs = r->node_refs[i];

		if (!keys[i].node)
			continue;
		for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
			refs += slot->key == &keys[i];
		check(r, kref_read(&to_of_node(r->nodes[i])->kobj.kref) == refs,
		      "%s has %u references, the model has %u", keys[i].node,
		      kref_read(&to_of_node(r->nodes[i])->kobj.kref), refs);
	}
}

static void check_names(struct random *r)
{
	const struct bus_type *bus = NULL;
	unsigned int there = 0, live = 0;
	struct slot *slot;

	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot)) {
		if (!slot->live)
			continue;
		bus = slot->dev->bus;
		live++;
	}
	if (!bus)
		return;
	bus_for_each_dev(bus, NULL, &there, count_device);
	check(r, there == live, "the bus has %u sub-devices, the model has %u", there, live);
}

static void check_all(struct random *r)
{
	struct slot *slot;
	int i;

	/* A link of the sub-device itself holds it for a while */
	if (mock_iommus[IOMMU_A].does.link_clients || mock_iommus[IOMMU_B].does.link_clients)
		device_link_wait_removal();
	for (i = 0; i < NR_IOMMUS; i++)
		check_iommu(r, i);
	for (i = 0; i < NR_PARENTS; i++)
		check_parent(r, i);
	check_nodes(r);
	if (r->failed)
		return;
	check_names(r);
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		check_slot(r, slot);
}

/* Running a sequence */

/* Returns whether the step could be run. */
static bool run_step(struct random *r, int i)
{
	const struct step *s = &r->steps[i];
	const struct op *op = &ops[s->op];
	bool injected;
	long ret;

	if (!op->can(r, s))
		return false;
	atomic_inc(&r->done);
	if (log_steps && !r->shortening)
		print_step(r, i);
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = s->nth;
	ret = op->run(r, s);
	injected = s->nth && !current->fail_nth;
	current->fail_nth = 0;
#else
	ret = op->run(r, s);
	injected = false;
#endif
	if (op->model)
		op->model(r, s, ret, injected);
	else
		check(r, !ret, "it returned %ld", ret);
	check(r, r->was_warned || !test_taint(TAINT_WARN), "the kernel has warned");
	return true;
}

static void run_thread(struct random *r, int id)
{
	for (int i = 0; i < NR_STEPS && !READ_ONCE(r->failed); i++) {
		enum subject on = ops[r->steps[i].op].on;

		if (r->steps[i].on % threads != id || !test_bit(i, r->keep))
			continue;
		if (on == SLOT && threads > 1 && !ops[r->steps[i].op].is_alone) {
			down_read(&r->lock);
			if (run_step(r, i))
				check_slot(r, step_slot(r, &r->steps[i]));
			up_read(&r->lock);
		} else {
			down_write(&r->lock);
			if (run_step(r, i))
				check_all(r);
			up_write(&r->lock);
		}
		cond_resched();
	}
}

static void run_one_of(struct subdev_thread *thread)
{
	run_thread(random_now, thread->id);
}

static void start(struct random *r)
{
	int i;

	for (i = 0; i < NR_IOMMUS; i++) {
		struct step s = { .on = i };

		if (can_bind_iommu(r, &s))
			check(r, !do_bind_iommu(r, &s), "%s is not bound", iommu_names[i]);
		if (can_register(r, &s))
			check(r, !do_register(r, &s), "%s is not registered", iommu_names[i]);
		if (r->iommus[i].has_power)
			pm_runtime_enable(mock_iommus[i].dev);
		r->iommus[i].usage = usage_count(mock_iommus[i].dev);
	}
	for (i = 0; i < NR_PARENTS; i++) {
		if (!r->parents[i].dev)
			add_parent(r, &r->parents[i]);
		else
			bind_parent(r, &r->parents[i], NULL, 0);
	}
	check_all(r);
}

/* After a failure the model is wrong: then only what is sure is touched. */
static void finish(struct random *r)
{
	struct slot *slot;
	struct step s;
	int i;

	s.on = 0;
	if (can_unblock(r, &s))
		do_unblock(r, &s);
	for (s.on = 0; s.on < NR_FOREIGN; s.on++)
		if (can_del_foreign(r, &s))
			do_del_foreign(r, &s);
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		if (r->failed && slot->live &&
		    mock_iommus[slot->key->iommu].stream[__ffs64(slot->key->streams)].domain !=
		    slot->domain)
			memset(slot, 0, sizeof(*slot));
	for (i = 0; i < NR_PARENTS; i++)
		if (r->parents[i].dev)
			unbind_parent(r, &r->parents[i], 0);
	for (slot = next_slot(r, NULL); slot; slot = next_slot(r, slot))
		while (slot->refs)
			slot_put(r, slot);
	settle(r);
	for (i = 0; i < NR_IOMMUS; i++)
		if (mock_iommus[i].does.grouping == MOCK_GROUP_SINGLE)
			mock_unregister(&mock_iommus[i]);
	for (i = 0; i < NR_IOMMUS; i++)
		wait_for_release(!atomic_read(&mock_iommus[i].groups) &&
				 !atomic_read(&mock_iommus[i].domains));
	check_all(r);
	for (i = 0; i < NR_PARENTS && !IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE); i++) {
		struct parent *parent = &r->parents[i];
		unsigned int refs = parent->dev ? kref_read(&parent->dev->kobj.kref) : 0;

		check(r, !refs || !parent->refs || refs == parent->refs,
		      "%s has %u references, before it had %u", parent_names[i], refs,
		      parent->refs);
		if (refs)
			parent->refs = refs;
	}
	for (i = 0; i < NR_IOMMUS; i++) {
		if (r->iommus[i].has_power)
			pm_runtime_disable(mock_iommus[i].dev);
		if (!r->failed)
			continue;
		atomic_set(&mock_iommus[i].devices, 0);
		atomic_set(&mock_iommus[i].domains, 0);
		atomic_set(&mock_iommus[i].groups, 0);
		atomic_set(&mock_iommus[i].forgotten_pages, 0);
		atomic_set(&mock_iommus[i].freed_in_use, 0);
		for (int j = 0; j < MOCK_NR_STREAMS; j++)
			mock_iommus[i].stream[j] = (struct mock_stream) {
				.domain = &mock_blocked_domain,
			};
	}
}

/* Returns whether the steps of @r->keep pass. */
static bool run_sequence(struct random *r)
{
	struct subdev_thread others[MAX_THREADS] = {};
	int n;

	r->failed = 0;
	start(r);
	for (n = 1; n < threads; n++) {
		others[n].id = n;
		if (!subdev_test_run_thread(r->test, &others[n], run_one_of))
			break;
	}
	run_thread(r, 0);
	while (--n)
		subdev_test_join_thread(&others[n]);
	finish(r);
	return !r->failed;
}

/* Threads may need several tries to fail again. */
static bool fails_again(struct random *r, const char *reason)
{
	for (int tries = threads > 1 ? 20 : 1; tries; tries--)
		if (!run_sequence(r) && r->reason == reason)
			return true;
	return false;
}

/* Leaves out halves, quarters and so on, down to single steps, until all matter. */
static void shorten(struct random *r)
{
	const char *reason = r->reason;
	bool fewer;
	int size = NR_STEPS / 2;

	r->shortening = true;
	do {
		fewer = false;
		for (int from = 0; from < NR_STEPS; from += size) {
			bitmap_copy(r->without, r->keep, NR_STEPS);
			bitmap_clear(r->keep, from, min(size, NR_STEPS - from));
			if (bitmap_equal(r->without, r->keep, NR_STEPS))
				continue;
			if (fails_again(r, reason))
				fewer = true;
			else
				bitmap_copy(r->keep, r->without, NR_STEPS);
		}
		if (size == 1 && !fewer)
			break;
		size = max(size / 2, 1);
	} while (true);
	/* For its message */
	fails_again(r, reason);
}

static void report(struct random *r)
{
	int i;

	KUNIT_FAIL(r->test, "seed %u: %s", r->seed, r->message);
	if (!keep && r->was_warned == test_taint(TAINT_WARN))
		shorten(r);
	kunit_info(r->test, "seed %u, %s: %s\n", r->seed,
		   r->shortening ? "shortened" : "not shortened", r->message);
	for_each_set_bit(i, r->keep, NR_STEPS)
		print_step(r, i);
	kunit_info(r->test, "again with iommu_subdev_random.seed=%u iommu_subdev_random.threads=%u iommu_subdev_random.without=%s iommu_subdev_random.keep=%*pbl\n",
		   r->seed, threads, without, NR_STEPS, r->keep);
}

static void setup(struct kunit *test, struct random *r)
{
	struct subdev_test *t = test->priv;
	int i;

	r->test = test;
	r->can_fail = !is_off("fail") && subdev_test_allow_faults(true);
	r->was_warned = test_taint(TAINT_WARN);
	init_rwsem(&r->lock);
	/* Some seconds after boot all deferred probes run once more, at any moment */
	for (i = 0; driver_deferred_probe_check_state(t->parent) == -EPROBE_DEFER; i++) {
		KUNIT_ASSERT_LT_MSG(test, i, 600, "deferred_probe_timeout= is too long");
		msleep(100);
	}
	wait_for_device_probe();
	subdev_test_del_device(test, t->parent);
	subdev_test_del_device(test, t->parent_b);
	for (i = 0; i < NR_PARENTS; i++)
		r->parents[i].np = subdev_test_find_node(test, parent_names[i]);
	for (i = 0; i < NR_IOMMUS; i++)
		r->iommus[i].bound = true;
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		struct device_node *np;

		if (!keys[i].node)
			continue;
		np = of_get_child_by_name(r->parents[keys[i].parent].np, keys[i].node);
		KUNIT_ASSERT_NOT_NULL(test, np);
		r->nodes[i] = of_fwnode_handle(np);
		r->node_refs[i] = kref_read(&np->kobj.kref);
	}
	random_now = r;
	subdev_test_on_probe = random_on_probe;
	subdev_test_on_remove = random_on_remove;
}

static void cleanup(struct kunit *test, struct random *r)
{
	struct subdev_test *t = test->priv;
	struct step s = {};
	int i;

	for (s.on = 0; s.on < NR_PARENTS; s.on++)
		if (can_del(r, &s))
			do_del(r, &s);
	settle(r);
	subdev_test_on_probe = NULL;
	subdev_test_on_remove = NULL;
	for (s.on = 0; s.on < NR_IOMMUS; s.on++) {
		if (can_bind_iommu(r, &s))
			do_bind_iommu(r, &s);
	}
	for (i = 0; i < NR_PARENTS; i++)
		of_node_put(r->parents[i].np);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		fwnode_handle_put(r->nodes[i]);
	t->parent = subdev_test_add_device(test, "parent-a");
	t->parent_b = subdev_test_add_device(test, "parent-b");
}

/* Sequences of random operations do what the model says. */
static void subdev_test_random(struct kunit *test)
{
	struct random *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned int seed = first_seed, next_line = 0;

	if (IS_ENABLED(CONFIG_DEBUG_TEST_DRIVER_REMOVE))
		kunit_skip(test, "the model knows one probe for each bind");
	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_TRUE(test, threads && threads <= MAX_THREADS);
	setup(test, r);
	do {
		generate(r, seed++);
		bitmap_fill(r->keep, NR_STEPS);
		if (keep)
			KUNIT_EXPECT_EQ(test, 0, bitmap_parselist(keep, r->keep, NR_STEPS));
		/* For whoever looks for the sequence that crashed */
		if (log_steps || atomic_read(&r->done) >= next_line) {
			kunit_info(test, "%d steps done, seed %u\n", atomic_read(&r->done),
				   seed - 1);
			next_line += 100000;
		}
		if (!run_sequence(r)) {
			report(r);
			break;
		}
	} while (!keep && atomic_read(&r->done) < total_steps);
	cleanup(test, r);
}

static struct kunit_case subdev_test_random_cases[] = {
	KUNIT_CASE_SLOW(subdev_test_random),
	{}
};

SUBDEV_TEST_SUITE("_random", subdev_test_random_cases);
kunit_test_suite(subdev_test_random_cases_suite);

MODULE_DESCRIPTION("Random KUnit test for sub-devices");
MODULE_LICENSE("GPL");
