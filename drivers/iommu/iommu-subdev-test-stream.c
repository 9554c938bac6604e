// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for what a stream reaches: whose it is, in which window, what is
 * left of it after destroy, and what late calls do then
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "iommu-subdev-test.h"

/* One stream, one context */

/*
 * Two sub-devices, of one parent or of two, cannot have one stream of an IOMMU
 * whose driver does not check that.
 */
static void subdev_test_stream_two_subdevs(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, t->parent, 0x301, -EBUSY);
	subdev_expect_refused(test, t->parent_b, 0x301, -EBUSY);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	mock_expect_left(test, t->mock, 1);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	subdev_expect_works(test, t->parent_b, 0x301, t->mock, STREAM_A(1));
}

/* Nor can the context of a child node have a stream that an ID has, or two nodes. */
static void subdev_test_stream_nodes(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *other;

	t->mock->does.shared_streams = true;
	/* The stream of ID 9 is one of context-1 */
	subdev = subdev_test_must_create(test, t->parent, 9);
	other = subdev_test_create_of_node(t->parent, 1);
	KUNIT_EXPECT_PTR_EQ(test, other, ERR_PTR(-EBUSY));
	iommu_subdev_destroy(other);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(9));
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	iommu_subdev_destroy(subdev);

	subdev = subdev_test_create_of_node(t->parent, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	subdev_expect_refused(test, t->parent, 9, -EBUSY);
	subdev_expect_refused(test, t->parent, 1, -EBUSY);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(9));
	iommu_subdev_destroy(subdev);
	/* All of its streams are free again */
	subdev_expect_works(test, t->parent, 9, t->mock, STREAM_A(9));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* A sub-device cannot have the stream of an ordinary device, which keeps it. */
static void subdev_test_stream_ordinary_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign;

	t->mock->does.shared_streams = true;
	foreign = subdev_test_add_device(test, "foreign");
	subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
	mock_expect_translated(test, foreign, t->mock, STREAM_A(0xf));
	mock_expect_left(test, t->mock, 1);
	subdev_test_del_device(test, foreign);
	subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
}

/* An ordinary device cannot take the stream of a sub-device, which keeps it. */
static void subdev_test_stream_ordinary_later(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *foreign;

	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 0xf);
	foreign = subdev_test_add_device(test, "foreign");
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	mock_expect_translated(test, subdev, t->mock, STREAM_A(0xf));
	subdev_test_del_device(test, foreign);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(0xf));
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(0xf)));

	foreign = subdev_test_add_device(test, "foreign");
	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign));
	mock_expect_translated(test, foreign, t->mock, STREAM_A(0xf));
	subdev_test_del_device(test, foreign);
}

/*
 * Ordinary devices may share a stream, and a sub-device cannot have it before
 * the last of them is gone, whichever that is.
 */
static void subdev_test_stream_two_ordinary(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign[2];

	t->mock->does.shared_streams = true;
	for (int i = 0; i < 2; i++) {
		foreign[0] = subdev_test_add_device(test, "foreign");
		foreign[1] = subdev_test_add_device(test, "foreign-twin");
		KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign[0]));
		KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign[1]));
		subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
		subdev_test_del_device(test, foreign[i]);
		subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
		subdev_test_del_device(test, foreign[!i]);
		subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
	}
}

/*
 * A device with several streams gets all or none: if one of them belongs to a
 * sub-device, the others stay free.
 */
static void subdev_test_stream_all_or_none(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *foreign;

	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 0xf);
	foreign = subdev_test_add_device(test, "foreign-three");
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	subdev_expect_works(test, t->parent, 0xd, t->mock, STREAM_A(0xd));
	subdev_expect_works(test, t->parent, 0xe, t->mock, STREAM_A(0xe));
	subdev_test_del_device(test, foreign);
	iommu_subdev_destroy(subdev);

	foreign = subdev_test_add_device(test, "foreign-three");
	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign));
	for (int id = 0xd; id <= 0xf; id++)
		subdev_expect_refused(test, t->parent, id, -EBUSY);
	subdev_test_del_device(test, foreign);
	for (int id = 0xd; id <= 0xf; id++)
		subdev_expect_works(test, t->parent, id, t->mock, STREAM_A(id));
}

/* An ordinary device whose IOMMU driver fails does not keep its stream. */
static void subdev_test_stream_error(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	int *const calls[] = {
		&t->mock->does.probe_err,
		&t->mock->does.group_err,
		&t->mock->does.alloc_err,
	};

	t->mock->does.shared_streams = true;
	for (int i = 0; i < ARRAY_SIZE(calls); i++) {
		struct device *foreign;

		*calls[i] = -EIO;
		/* The core tries again, and warns, when the driver is bound */
#ifdef kunit_warning_suppress
		kunit_warning_suppress(test)
#endif
			foreign = subdev_test_add_device(test, "foreign");
		KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
		*calls[i] = 0;
		subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
		subdev_test_del_device(test, foreign);
		subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
	}
}

/* A stream that is added later was not counted, so it is not uncounted either. */
static void subdev_test_stream_added_later(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign, *twin;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	t->mock->does.probe_adds_ids = true;
	foreign = subdev_test_add_device(test, "foreign");
	twin = subdev_test_add_device(test, "foreign-twin");
	t->mock->does.probe_adds_ids = false;
	subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
	subdev_test_del_device(test, foreign);
	subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
	subdev_test_del_device(test, twin);
	subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
}

/*
 * As long as a destroyed sub-device has references, its group accepts no other
 * device, even if the IOMMU has no other group.
 */
static void subdev_test_stream_held_group(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *dead, *foreign;
	struct page *page = subdev_test_page(test);
	dma_addr_t iova;

	t->mock->does.grouping = MOCK_GROUP_SINGLE;
	dead = get_device(subdev_test_must_create(test, t->parent, 1));
	iova = dma_map_page(dead, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(dead, iova), 0);
#ifdef kunit_warning_suppress
	kunit_warning_suppress(test)
		iommu_subdev_destroy(dead);
#else
	iommu_subdev_destroy(dead);
#endif
	subdev_expect_refused(test, t->parent, 1, -EBUSY);
	subdev_expect_refused(test, t->parent, 2, -EBUSY);
	foreign = subdev_test_add_device(test, "foreign-alone");
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	subdev_test_del_device(test, foreign);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));

	dma_unmap_page(dead, iova, PAGE_SIZE, DMA_TO_DEVICE);
	put_device(dead);
	wait_for_release(!atomic_read(&t->mock->domains));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->domains), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	subdev_expect_works(test, t->parent, 2, t->mock, STREAM_A(2));
	__free_page(page);
}

/*
 * An ordinary device that is refused the stream of a sub-device does not keep
 * another IOMMU from being registered.
 */
static void subdev_test_stream_refused(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *foreign;

	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 0xf);
	foreign = subdev_test_add_device(test, "foreign");
	/* Firmware is asked about a device without a driver each time */
	device_release_driver(foreign);
	mock_unregister(&mock_iommus[1]);
	KUNIT_EXPECT_EQ(test, 0, mock_register(&mock_iommus[1]));
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	mock_expect_translated(test, subdev, t->mock, STREAM_A(0xf));
	subdev_test_del_device(test, foreign);
	iommu_subdev_destroy(subdev);
}

/* Two IOMMUs may have one stream ID each. */
static void subdev_test_stream_two_iommus(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *a, *b;

	a = subdev_test_must_create(test, t->parent, 1);
	b = subdev_test_must_create(test, t->parent, 0x201);
	mock_expect_translated(test, a, &mock_iommus[0], STREAM_A(1));
	mock_expect_translated(test, b, &mock_iommus[1], STREAM_A(1));
	iommu_subdev_destroy(a);
	mock_expect_translated(test, b, &mock_iommus[1], STREAM_A(1));
	iommu_subdev_destroy(b);
}

/* Attaching and releasing */

struct release_case {
	const char *name;
	struct iommu_domain *domain;
	bool release_device;
};

static const struct release_case release_cases[] = {
	{ "identity", &mock_identity_domain, true },
	{ "identity without release_device", &mock_identity_domain, false },
	{ "nothing attached", NULL, true },
	{ "nothing at all", NULL, false },
};

static void release_case_desc(const struct release_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(release_case, release_cases, release_case_desc);

/*
 * An IOMMU that would not block the stream of a sub-device that is destroyed is
 * refused, without attaching anything. Ordinary devices have it all the same.
 */
static void subdev_test_release(struct kunit *test)
{
	const struct release_case *c = test->param_value;
	struct subdev_test *t = test->priv;
	struct mock_iommu *mock = t->mock;
	struct device *foreign, *parent;

	mock->ops.release_domain = c->domain;
	if (!c->release_device)
		mock->ops.release_device = NULL;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(mock, STREAM_A(1)));
	parent = subdev_test_add_device(test, "parent-nodes");
	foreign = subdev_test_add_device(test, "foreign-alone");
	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign));
	mock_expect_translated(test, foreign, mock, 0x3f);
	subdev_test_del_device(test, foreign);
	subdev_test_del_device(test, parent);

	/* It has released the ordinary device in its own way */
	atomic_set(&mock->freed_in_use, 0);
	mock_forget_devices(mock);
	mock->ops.release_domain = &mock_blocked_domain;
	mock->ops.release_device = mock_release_device;
	subdev_expect_works(test, t->parent, 1, mock, STREAM_A(1));
}

static void release_and_block(struct device *dev)
{
	mock_attach_streams(&mock_blocked_domain, dev);
	mock_release_device(dev);
}

/* An IOMMU whose driver says that it blocks what it releases is accepted. */
static void subdev_test_release_blocks(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->ops.release_domain = NULL;
	t->mock->ops.release_device = release_and_block;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	t->mock->ops.release_blocks = 1;
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	mock_expect_left(test, t->mock, 0);
	/* What it attaches at the end counts, whatever it says */
	t->mock->ops.release_domain = &mock_identity_domain;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
}

/*
 * A domain that the driver has left attached is not used any more once the
 * sub-device is destroyed, or its parent unbound, and can be freed.
 */
static void subdev_test_release_own_domain(struct kunit *test)
{
#ifdef kunit_warning_suppress
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	const dma_addr_t iova = SZ_1M;

	for (int i = 0; i < 4; i++) {
		struct device *subdev = subdev_test_must_create(test, t->parent, 1);
		struct iommu_domain *domain = iommu_paging_domain_alloc(subdev);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
		KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, iova, page_to_phys(page),
						   PAGE_SIZE, IOMMU_READ, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_device(domain, subdev));
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova),
				page_to_phys(page));
		kunit_warning_suppress(test) {
			if (i & 1)
				device_release_driver(t->parent);
			else
				iommu_subdev_destroy(subdev);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		iommu_unmap(domain, iova, PAGE_SIZE);
		iommu_domain_free(domain);
		if (i & 1) {
			iommu_subdev_destroy(subdev);
			KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		}
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		/* Then with a driver that blocks by itself */
		if (i & 1) {
			t->mock->ops.release_domain = NULL;
			t->mock->ops.release_device = release_and_block;
			t->mock->ops.release_blocks = 1;
		}
	}
	__free_page(page);
#else
	kunit_skip(test, "the warning of the core cannot be suppressed");
#endif
}

/* An IOMMU that leaves attaching to later attaches a sub-device at once. */
static void subdev_test_attach_deferred(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	t->mock->does.defer_attach = true;
	subdev = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_PTR_EQ(test, t->mock->stream[STREAM_A(1)].domain,
			    iommu_get_domain_for_dev(subdev));
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
}

/*
 * An IOMMU without a free context is -ENOSPC, an ordinary error without a
 * warning, until a sub-device is destroyed and nobody has a reference to it.
 */
static void subdev_test_enospc(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev[2];

	t->mock->does.contexts = ARRAY_SIZE(subdev);
	for (int i = 0; i < ARRAY_SIZE(subdev); i++)
		subdev[i] = subdev_test_must_create(test, t->parent, 1 + i);
#ifdef kunit_warning_suppress
	kunit_warning_suppress(test) {
		subdev_expect_refused(test, t->parent, 3, -ENOSPC);
		t->mock->does.attach_err = -ENOMEM;
		subdev_expect_refused(test, t->parent, 3, -ENOMEM);
		t->mock->does.attach_err = 0;
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
#else
	subdev_expect_refused(test, t->parent, 3, -ENOSPC);
#endif
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(3)));
	mock_expect_left(test, t->mock, ARRAY_SIZE(subdev));
	for (int i = 0; i < ARRAY_SIZE(subdev); i++)
		mock_expect_translated(test, subdev[i], t->mock, STREAM_A(1 + i));

	iommu_subdev_destroy(subdev[0]);
	subdev_expect_works(test, t->parent, 3, t->mock, STREAM_A(3));
	iommu_subdev_destroy(subdev[1]);
}

/* The window */

#define WINDOW_CHUNK	SZ_16M
#define WINDOW_MAX	64

struct window {
	u64 start;
	u64 size;
};

/* DMA of @dev can be mapped everywhere in the windows, and nowhere else. */
static void expect_windows(struct kunit *test, struct device *dev,
			   const struct window *windows, int n)
{
	/* No memory: where DMA is mapped to does not matter */
	const phys_addr_t phys = BIT_ULL(40);
	dma_addr_t iova[WINDOW_MAX];
	int want = 0, got, i, j;

	for (i = 0; i < n; i++)
		want += windows[i].size / WINDOW_CHUNK;
	for (got = 0; got < WINDOW_MAX; got++) {
		iova[got] = dma_map_resource(dev, phys, WINDOW_CHUNK, DMA_TO_DEVICE, 0);
		if (dma_mapping_error(dev, iova[got]))
			break;
		for (i = 0; i < n; i++)
			if (iova[got] >= windows[i].start &&
			    iova[got] + WINDOW_CHUNK <= windows[i].start + windows[i].size)
				break;
		KUNIT_EXPECT_LT_MSG(test, i, n, "%s: 0x%llx is in no window",
				    dev_name(dev), (u64)iova[got]);
		if (i == n) {
			got++;
			break;
		}
	}
	KUNIT_EXPECT_EQ_MSG(test, got, want, "%s", dev_name(dev));
	for (j = 0; j < got; j++)
		dma_unmap_resource(dev, iova[j], WINDOW_CHUNK, DMA_TO_DEVICE, 0);
}

/* As the devicetree has them */
static const struct window narrow_window[] = {
	{ SZ_256M, SZ_256M },
};

static const struct window holed_windows[] = {
	{ SZ_256M, SZ_64M },
	{ SZ_512M, SZ_64M },
};

/* Of a sub-device dma-ranges is the window: nothing is mapped below or above. */
static void subdev_test_window(struct kunit *test)
{
	static const char *const names[] = {
		"parent-narrow", "parent-on-narrow-bus", "parent-below-narrow-bus",
	};

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *parent = subdev_test_add_device(test, names[i]);
		struct device *subdev = subdev_test_must_create(test, parent, 1);

		KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(subdev, DMA_BIT_MASK(40)));
		expect_windows(test, subdev, narrow_window, ARRAY_SIZE(narrow_window));
		iommu_subdev_destroy(subdev);
		subdev_test_del_device(test, parent);
	}
}

/* A window that the bus above does not pass on is none. */
static void subdev_test_window_outside(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-outside-narrow-bus");

	subdev_expect_refused(test, parent, 1, -EFAULT);
	subdev_test_del_device(test, parent);
}

/* Nothing is mapped in the hole between two ranges either, whichever is first. */
static void subdev_test_window_hole(struct kunit *test)
{
	static const char *const names[] = {
		"parent-holed", "parent-unsorted", "parent-below-holed-bus",
	};

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *parent = subdev_test_add_device(test, names[i]);
		struct device *subdev = subdev_test_must_create(test, parent, 1);

		KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(subdev, DMA_BIT_MASK(40)));
		expect_windows(test, subdev, holed_windows, ARRAY_SIZE(holed_windows));
		iommu_subdev_destroy(subdev);
		subdev_test_del_device(test, parent);
	}
}

/* The same holds for an ordinary device. */
static void subdev_test_window_ordinary(struct kunit *test)
{
	struct device *dev = subdev_test_add_device(test, "device-on-narrow-bus");

	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(dev));
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40)));
	expect_windows(test, dev, narrow_window, ARRAY_SIZE(narrow_window));
	subdev_test_del_device(test, dev);

	dev = subdev_test_add_device(test, "device-on-holed-bus");
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(dev));
	KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40)));
	expect_windows(test, dev, holed_windows, ARRAY_SIZE(holed_windows));
	subdev_test_del_device(test, dev);
}

/* After the end, with a reference */

struct end_case {
	const char *name;
	subdev_create_fn create;
	void (*end)(struct kunit *test, struct device *subdev);
	/* It has to be destroyed all the same */
	bool forgotten;
};

static void end_by_destroy(struct kunit *test, struct device *subdev)
{
	iommu_subdev_destroy(subdev);
}

static void end_by_unbind(struct kunit *test, struct device *subdev)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
}

static void end_by_iommu(struct kunit *test, struct device *subdev)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->mock->dev);
}

static const struct end_case end_cases[] = {
	{ "destroy", iommu_subdev_create, end_by_destroy },
	{ "destroy of a managed one", devm_iommu_subdev_create, end_by_destroy },
	{ "unbind", devm_iommu_subdev_create, end_by_unbind },
	{ "unbind of a forgotten one", iommu_subdev_create, end_by_unbind, true },
	{ "unbind of the IOMMU", devm_iommu_subdev_create, end_by_iommu },
};

static void end_case_desc(const struct end_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(end_case, end_cases, end_case_desc);

/* Ends @subdev. What is still mapped may be reported. */
static void end_with_mappings(struct kunit *test, struct device *subdev)
{
	const struct end_case *c = test->param_value;

#ifdef kunit_warning_suppress
	kunit_warning_suppress(test)
		c->end(test, subdev);
#else
	c->end(test, subdev);
#endif
}

static struct device *create_and_hold(struct kunit *test)
{
	const struct end_case *c = test->param_value;
	struct subdev_test *t = test->priv;
	struct device *subdev = c->create(t->parent, 1);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	return get_device(subdev);
}

static void let_go(struct kunit *test, struct device *subdev)
{
	const struct end_case *c = test->param_value;

	if (c->forgotten)
		iommu_subdev_destroy(subdev);
	put_device(subdev);
}

/*
 * With a reference, coherent memory can be freed after destroy. That memory is
 * freed, and not the page whose physical address equals the DMA address.
 */
static void subdev_test_late_free(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct page *victim = subdev_test_page(test), *page;
	dma_addr_t iova;
	void *mem;

	/* DMA addresses are handed out from the top */
	KUNIT_EXPECT_EQ(test, 0, dma_set_coherent_mask(subdev, page_to_phys(victim) +
						       PAGE_SIZE - 1));
	mem = dma_alloc_coherent(subdev, PAGE_SIZE, &iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, iova, page_to_phys(victim));
	page = is_vmalloc_addr(mem) ? vmalloc_to_page(mem) : virt_to_page(mem);
	/* So that none of them is used again when it is freed */
	get_page(page);
	get_page(victim);

	end_with_mappings(test, subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->devices), 0);
	dma_free_coherent(subdev, PAGE_SIZE, mem, iova);
	KUNIT_EXPECT_EQ(test, page_count(victim), 2);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);

	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	put_page(page);
	if (page_count(victim) == 2)
		put_page(victim);
	put_page(victim);
}

#define LATE_SG		4

/* Streaming DMA can be synced and unmapped after destroy. */
static void subdev_test_late_unmap(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct page *page = subdev_test_page(test);
	struct sg_table sgt;
	struct scatterlist *sg;
	dma_addr_t iova;
	int i;

	KUNIT_ASSERT_EQ(test, 0, sg_alloc_table(&sgt, LATE_SG, GFP_KERNEL));
	for_each_sgtable_sg(&sgt, sg, i)
		sg_set_page(sg, subdev_test_page(test), PAGE_SIZE, 0);
	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_ASSERT_EQ(test, dma_mapping_error(subdev, iova), 0);
	KUNIT_ASSERT_EQ(test, 0, dma_map_sgtable(subdev, &sgt, DMA_BIDIRECTIONAL, 0));

	end_with_mappings(test, subdev);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova), MOCK_FAULT);
	dma_sync_single_for_cpu(subdev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	dma_sync_single_for_device(subdev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	dma_sync_sgtable_for_cpu(subdev, &sgt, DMA_BIDIRECTIONAL);
	dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	dma_unmap_sgtable(subdev, &sgt, DMA_BIDIRECTIONAL, 0);

	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	for_each_sgtable_sg(&sgt, sg, i)
		__free_page(sg_page(sg));
	sg_free_table(&sgt);
	__free_page(page);
}

#define LATE_LARGE	SZ_16K

/* Nothing can be mapped after destroy, and trying to does not warn. */
static void subdev_test_late_map(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct page *page = subdev_test_page(test);
	struct scatterlist sg;
	struct sg_table sgt = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	dma_addr_t iova, large;
	void *mem;

	sg_init_table(&sg, 1);
	sg_set_page(&sg, page, PAGE_SIZE, 0);
	large = dma_map_resource(subdev, BIT_ULL(40), LATE_LARGE, DMA_TO_DEVICE, 0);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, large), 0);
	end_with_mappings(test, subdev);
	/* Now there is a DMA address that could be used again, until a map fails */
	dma_unmap_resource(subdev, large, LATE_LARGE, DMA_TO_DEVICE, 0);
#ifdef kunit_warning_suppress
	kunit_warning_suppress(test) {
#endif
		large = dma_map_resource(subdev, BIT_ULL(40), LATE_LARGE, DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_NE(test, dma_mapping_error(subdev, large), 0);
		iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_NE_MSG(test, dma_mapping_error(subdev, iova), 0,
				    "mapped at 0x%llx, 0x%llx is the page", (u64)iova,
				    (u64)page_to_phys(page));
		if (!dma_mapping_error(subdev, iova))
			dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
		iova = dma_map_resource(subdev, BIT_ULL(40), PAGE_SIZE, DMA_TO_DEVICE, 0);
		KUNIT_EXPECT_NE(test, dma_mapping_error(subdev, iova), 0);
		KUNIT_EXPECT_NE(test, 0, dma_map_sgtable(subdev, &sgt, DMA_TO_DEVICE, 0));
		mem = dma_alloc_coherent(subdev, PAGE_SIZE, &iova, GFP_KERNEL);
		KUNIT_EXPECT_NULL(test, mem);
		if (mem)
			dma_free_coherent(subdev, PAGE_SIZE, mem, iova);
#ifdef kunit_warning_suppress
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
#endif
	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	__free_page(page);
}

/* The stream of a destroyed sub-device with references is free for the next one. */
static void subdev_test_late_stream_free(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *dead[3], *subdev;
	struct page *page = subdev_test_page(test);
	dma_addr_t iova[ARRAY_SIZE(dead)];

	for (int i = 0; i < ARRAY_SIZE(dead); i++) {
		dead[i] = get_device(subdev_test_must_create(test, t->parent, 1));
		iova[i] = dma_map_page(dead[i], page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(dead[i], iova[i]), 0);
#ifdef kunit_warning_suppress
		kunit_warning_suppress(test)
			iommu_subdev_destroy(dead[i]);
#else
		iommu_subdev_destroy(dead[i]);
#endif
	}
	subdev = subdev_test_must_create(test, t->parent, 1);
	for (int i = 0; i < ARRAY_SIZE(dead); i++) {
		/* Releasing the old ones does not affect the new one */
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
		dma_unmap_page(dead[i], iova[i], PAGE_SIZE, DMA_TO_DEVICE);
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
		put_device(dead[i]);
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	}
	iommu_subdev_destroy(subdev);
	mock_expect_left(test, t->mock, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	__free_page(page);
}

/*
 * User space cannot change the domain of a destroyed sub-device with references.
 */
static void subdev_test_late_group_type(struct kunit *test)
{
	static const char *const types[] = { "identity", "DMA", "DMA-FQ", "auto" };
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct iommu_group *group = iommu_group_get(subdev);
	struct kernfs_node *kn = subdev_test_group_node(subdev);

	KUNIT_ASSERT_NOT_NULL(test, kn);
	end_with_mappings(test, subdev);
#ifdef kunit_warning_suppress
	kunit_warning_suppress(test) {
#endif
		for (int i = 0; i < ARRAY_SIZE(types); i++)
			KUNIT_EXPECT_LT_MSG(test, subdev_test_write_type(kn, types[i]), 0,
					    "%s", types[i]);
#ifdef kunit_warning_suppress
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 0);
	}
#endif
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	kernfs_put(kn);
	iommu_group_put(group);
	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
}

/* Nobody can attach a domain to a destroyed sub-device, or to the group it keeps. */
static void subdev_test_late_attach(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct iommu_group *group = iommu_group_get(subdev);
	struct iommu_domain *domain = iommu_paging_domain_alloc(subdev);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	end_with_mappings(test, subdev);
	KUNIT_EXPECT_EQ(test, iommu_attach_device(domain, subdev), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_attach_group(domain, group), -EINVAL);
	KUNIT_EXPECT_LT(test, iommu_attach_device_pasid(domain, subdev, 1, NULL), 0);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	iommu_domain_free(domain);
	iommu_group_put(group);
	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
}

/* A map that has read the limits of @subdev before destroy finds its domain. */
static void subdev_test_late_map_begun(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = create_and_hold(test);
	struct page *page = subdev_test_page(test);
	dma_addr_t iova;

	KUNIT_ASSERT_EQ(test, 0, dma_set_mask(subdev, DMA_BIT_MASK(MOCK_ADDR_BITS)));
	end_with_mappings(test, subdev);
	subdev->bus_dma_limit = 0;
	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova), MOCK_FAULT);
	dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
	let_go(test, subdev);
	mock_expect_left(test, t->mock, 0);
	__free_page(page);
}

#ifdef CONFIG_MODULE_UNLOAD
static struct module mock_module = {
	.state	= MODULE_STATE_LIVE,
	.name	= "iommu-subdev-test",
	.refcnt	= ATOMIC_INIT(1),
};

/* The driver of the IOMMU cannot be unloaded before the last reference goes. */
static void subdev_test_late_module(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	t->mock->ops.owner = &mock_module;
	subdev = create_and_hold(test);
	KUNIT_EXPECT_EQ(test, module_refcount(&mock_module), 1);
	end_with_mappings(test, subdev);
	KUNIT_EXPECT_EQ(test, module_refcount(&mock_module), 1);
	let_go(test, subdev);
	wait_for_release(!module_refcount(&mock_module));
	KUNIT_EXPECT_EQ(test, module_refcount(&mock_module), 0);
	mock_expect_left(test, t->mock, 0);
}
#else
static void subdev_test_late_module(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_MODULE_UNLOAD");
}
#endif /* CONFIG_MODULE_UNLOAD */

/* One buffer, two contexts: what dma-buf, vb2 and DRM call for that */

#define SHARE_PAGES	4

/* @sgt is contiguous in the context, which reaches @pages there. */
static void expect_shared(struct kunit *test, unsigned int stream, struct sg_table *sgt,
			  struct page **pages)
{
	struct subdev_test *t = test->priv;
	dma_addr_t iova = sg_dma_address(sgt->sgl);

	KUNIT_EXPECT_EQ(test, sgt->nents, 1);
	for (int i = 0; i < SHARE_PAGES; i++)
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, stream, iova + i * PAGE_SIZE),
				page_to_phys(pages[i]));
}

/* Where @sgt was mapped, in this context or another one, the pages are not there. */
static void expect_unshared(struct kunit *test, unsigned int stream, struct sg_table *sgt,
			    struct page **pages)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < SHARE_PAGES; i++)
		KUNIT_EXPECT_NE(test, mock_dma(t->mock, stream, sg_dma_address(sgt->sgl) +
					       i * PAGE_SIZE), page_to_phys(pages[i]));
}

/* A context, in which the addresses that are handed out first are taken */
static struct device *create_for_share(struct kunit *test, u32 id, size_t taken,
				       void **mem, dma_addr_t *iova)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, id);

	dma_set_max_seg_size(subdev, UINT_MAX);
	*mem = dma_alloc_coherent(subdev, taken, iova, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *mem);
	return get_device(subdev);
}

static void free_shared(struct device *subdev, size_t size, void *mem, dma_addr_t iova)
{
	dma_free_coherent(subdev, size, mem, iova);
	put_device(subdev);
}

/* The same pages are in two contexts, at a different address in each. */
static void subdev_test_share_sgtable(struct kunit *test)
{
	const size_t taken[] = { PAGE_SIZE, 16 * PAGE_SIZE };
	struct page *pages[SHARE_PAGES];
	struct device *subdev[2];
	struct sg_table sgt[2];
	dma_addr_t iova[2];
	void *mem[2];
	/* One of several who map the pages leaves the caches to their owner */
	const unsigned long attrs = DMA_ATTR_SKIP_CPU_SYNC;

	for (int i = 0; i < SHARE_PAGES; i++)
		pages[i] = subdev_test_page(test);
	for (int i = 0; i < 2; i++) {
		subdev[i] = create_for_share(test, i, taken[i], &mem[i], &iova[i]);
		KUNIT_ASSERT_EQ(test, 0, sg_alloc_table_from_pages(&sgt[i], pages, SHARE_PAGES,
								   0, SHARE_PAGES * PAGE_SIZE,
								   GFP_KERNEL));
		KUNIT_ASSERT_EQ(test, 0, dma_map_sgtable(subdev[i], &sgt[i],
							 DMA_BIDIRECTIONAL, attrs));
	}
	for (int i = 0; i < 2; i++) {
		expect_shared(test, STREAM_A(i), &sgt[i], pages);
		expect_unshared(test, STREAM_A(!i), &sgt[i], pages);
	}
	dma_sync_sgtable_for_device(subdev[0], &sgt[0], DMA_BIDIRECTIONAL);

	/* One goes on when the other has ended, and is unmapped by its importer */
	iommu_subdev_destroy(subdev[0]);
	expect_unshared(test, STREAM_A(0), &sgt[0], pages);
	expect_shared(test, STREAM_A(1), &sgt[1], pages);
	dma_unmap_sgtable(subdev[0], &sgt[0], DMA_BIDIRECTIONAL, attrs);
	expect_shared(test, STREAM_A(1), &sgt[1], pages);
	dma_unmap_sgtable(subdev[1], &sgt[1], DMA_BIDIRECTIONAL, attrs);
	expect_unshared(test, STREAM_A(1), &sgt[1], pages);
	KUNIT_EXPECT_NE(test, sg_dma_address(sgt[0].sgl), sg_dma_address(sgt[1].sgl));
	iommu_subdev_destroy(subdev[1]);

	for (int i = 0; i < 2; i++) {
		sg_free_table(&sgt[i]);
		free_shared(subdev[i], taken[i], mem[i], iova[i]);
	}
	for (int i = 0; i < SHARE_PAGES; i++)
		__free_page(pages[i]);
}

/* Coherent memory of a context can be exported, also when that has ended. */
static void subdev_test_share_coherent(struct kunit *test)
{
	const size_t size = SHARE_PAGES * PAGE_SIZE, taken = 16 * PAGE_SIZE;
	struct page *pages[SHARE_PAGES];
	struct device *owner, *user;
	void *shared, *mem;
	dma_addr_t iova, mine;
	struct sg_table sgt;

	owner = create_for_share(test, 0, size, &shared, &iova);
	user = create_for_share(test, 1, taken, &mem, &mine);
	for (int i = 0; i < SHARE_PAGES; i++)
		pages[i] = is_vmalloc_addr(shared) ?
			   vmalloc_to_page(shared + i * PAGE_SIZE) :
			   virt_to_page(shared + i * PAGE_SIZE);

	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, dma_get_sgtable(owner, &sgt, shared, iova, size));
		KUNIT_ASSERT_EQ(test, 0, dma_map_sgtable(user, &sgt, DMA_TO_DEVICE, 0));
		KUNIT_EXPECT_NE(test, sg_dma_address(sgt.sgl), iova);
		expect_shared(test, STREAM_A(1), &sgt, pages);
		if (!i)
			iommu_subdev_destroy(owner);
		expect_shared(test, STREAM_A(1), &sgt, pages);
		dma_unmap_sgtable(user, &sgt, DMA_TO_DEVICE, 0);
		sg_free_table(&sgt);
	}
	iommu_subdev_destroy(user);
	free_shared(user, taken, mem, mine);
	free_shared(owner, size, shared, iova);
}

/* vb2 allocates pages that need not be next to each other; they may be freed late. */
static void subdev_test_share_noncontiguous(struct kunit *test)
{
	const size_t size = SHARE_PAGES * PAGE_SIZE;
	struct subdev_test *t = test->priv;
	struct page *pages[SHARE_PAGES];
	struct sg_page_iter iter;
	struct device *subdev;
	struct sg_table *sgt;
	int n = 0;
	u8 *mem;

	for (int late = 0; late < 2; late++) {
		subdev = get_device(subdev_test_must_create(test, t->parent, 0));
		dma_set_max_seg_size(subdev, UINT_MAX);
		sgt = dma_alloc_noncontiguous(subdev, size, DMA_BIDIRECTIONAL, GFP_KERNEL, 0);
		KUNIT_ASSERT_NOT_NULL(test, sgt);
		n = 0;
		for_each_sgtable_page(sgt, &iter, 0)
			if (n < SHARE_PAGES)
				pages[n++] = sg_page_iter_page(&iter);
		KUNIT_EXPECT_EQ(test, n, SHARE_PAGES);
		expect_shared(test, STREAM_A(0), sgt, pages);
		mem = dma_vmap_noncontiguous(subdev, size, sgt);
		KUNIT_ASSERT_NOT_NULL(test, mem);
		memset(mem, 0x5a, size);
		for (int i = 0; i < n; i++)
			KUNIT_EXPECT_EQ(test, *(u8 *)page_address(pages[i]), 0x5a);

		if (late)
			iommu_subdev_destroy(subdev);
		dma_vunmap_noncontiguous(subdev, mem);
		dma_free_noncontiguous(subdev, size, sgt, DMA_BIDIRECTIONAL);
		if (!late)
			iommu_subdev_destroy(subdev);
		put_device(subdev);
	}
}

struct share_mmap {
	struct device *subdev;
	void *mem;
	dma_addr_t iova;
};

static int share_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct share_mmap *sm = file->private_data;

	return dma_mmap_attrs(sm->subdev, vma, sm->mem, sm->iova, vma->vm_end - vma->vm_start, 0);
}

static const struct file_operations share_fops = { .mmap = share_mmap };

/* User space maps the memory of a context, and keeps it when that ends. */
static void subdev_test_share_mmap(struct kunit *test)
{
	const size_t size = SHARE_PAGES * PAGE_SIZE;
	struct share_mmap sm = {};
	struct file *file;
	unsigned long addr;
	u8 bytes[2];

	sm.subdev = create_for_share(test, 0, size, &sm.mem, &sm.iova);
	file = anon_inode_getfile("[subdev-test]", &share_fops, &sm, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	addr = kunit_vm_mmap(test, file, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	fput(file);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	((u8 *)sm.mem)[0] = 0x11;
	((u8 *)sm.mem)[size - 1] = 0x22;
	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, 0, copy_from_user(&bytes[0], (void __user *)addr, 1));
		KUNIT_EXPECT_EQ(test, 0, copy_from_user(&bytes[1],
							(void __user *)(addr + size - 1), 1));
		KUNIT_EXPECT_EQ(test, bytes[0], 0x11);
		KUNIT_EXPECT_EQ(test, bytes[1], 0x22);
		if (!i)
			iommu_subdev_destroy(sm.subdev);
	}
	KUNIT_EXPECT_EQ(test, 0, vm_munmap(addr, size));
	free_shared(sm.subdev, size, sm.mem, sm.iova);
}

static struct kunit_case subdev_test_stream_cases[] = {
	KUNIT_CASE(subdev_test_stream_two_subdevs),
	KUNIT_CASE(subdev_test_stream_nodes),
	KUNIT_CASE(subdev_test_stream_ordinary_first),
	KUNIT_CASE(subdev_test_stream_ordinary_later),
	KUNIT_CASE(subdev_test_stream_two_ordinary),
	KUNIT_CASE(subdev_test_stream_all_or_none),
	KUNIT_CASE(subdev_test_stream_error),
	KUNIT_CASE(subdev_test_stream_added_later),
	KUNIT_CASE(subdev_test_stream_held_group),
	KUNIT_CASE(subdev_test_stream_refused),
	KUNIT_CASE(subdev_test_stream_two_iommus),
	KUNIT_CASE_PARAM(subdev_test_release, release_case_gen_params),
	KUNIT_CASE(subdev_test_release_blocks),
	KUNIT_CASE(subdev_test_release_own_domain),
	KUNIT_CASE(subdev_test_attach_deferred),
	KUNIT_CASE(subdev_test_enospc),
	{}
};

static struct kunit_case subdev_test_window_cases[] = {
	KUNIT_CASE(subdev_test_window),
	KUNIT_CASE(subdev_test_window_outside),
	KUNIT_CASE(subdev_test_window_hole),
	KUNIT_CASE(subdev_test_window_ordinary),
	{}
};

static struct kunit_case subdev_test_late_cases[] = {
	KUNIT_CASE_PARAM(subdev_test_late_free, end_case_gen_params),
	KUNIT_CASE_PARAM(subdev_test_late_unmap, end_case_gen_params),
	KUNIT_CASE_PARAM(subdev_test_late_map, end_case_gen_params),
	KUNIT_CASE_PARAM(subdev_test_late_map_begun, end_case_gen_params),
	KUNIT_CASE_PARAM(subdev_test_late_module, end_case_gen_params),
	KUNIT_CASE(subdev_test_late_stream_free),
	KUNIT_CASE_PARAM(subdev_test_late_group_type, end_case_gen_params),
	KUNIT_CASE_PARAM(subdev_test_late_attach, end_case_gen_params),
	{}
};

static struct kunit_case subdev_test_share_cases[] = {
	KUNIT_CASE(subdev_test_share_sgtable),
	KUNIT_CASE(subdev_test_share_coherent),
	KUNIT_CASE(subdev_test_share_noncontiguous),
	KUNIT_CASE(subdev_test_share_mmap),
	{}
};

SUBDEV_TEST_SUITE("_share", subdev_test_share_cases);
SUBDEV_TEST_SUITE("_stream", subdev_test_stream_cases);
SUBDEV_TEST_SUITE("_window", subdev_test_window_cases);
SUBDEV_TEST_SUITE("_late", subdev_test_late_cases);

kunit_test_suites(&subdev_test_share_cases_suite,
		  &subdev_test_stream_cases_suite,
		  &subdev_test_window_cases_suite,
		  &subdev_test_late_cases_suite);
