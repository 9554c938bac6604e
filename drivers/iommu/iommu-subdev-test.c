// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for sub-devices, against a mock IOMMU
 */
#include <kunit/platform_device.h>
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <trace/events/iommu_subdev.h>

#include "dma-iommu.h"
#include "iommu-priv.h"
#include "iommu-subdev-test.h"

/* Child nodes */

static void put_node(void *np)
{
	of_node_put(np);
}

static struct fwnode_handle *child_node(struct kunit *test, struct device *parent,
					const char *name)
{
	struct device_node *np = of_get_child_by_name(parent->of_node, name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, np, "no node %s", name);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_node, np));
	return of_fwnode_handle(np);
}

static void expect_node_refused(struct kunit *test, struct device *parent,
				struct fwnode_handle *node, int err)
{
	struct device *subdev = iommu_subdev_create_node(parent, node);

	KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(subdev), err, "%pfw", node);
	iommu_subdev_destroy(subdev);
	subdev = devm_iommu_subdev_create_node(parent, node);
	KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(subdev), err, "%pfw", node);
	iommu_subdev_destroy(subdev);
}

static struct device *must_create_node(struct kunit *test, struct device *parent,
				       const char *name)
{
	struct device *subdev;

	subdev = iommu_subdev_create_node(parent, child_node(test, parent, name));
	KUNIT_ASSERT_NOT_ERR_OR_NULL_MSG(test, subdev, "node %s", name);
	return subdev;
}

/* All of @streams reach what is mapped for @subdev. */
static void expect_all_translated(struct kunit *test, struct device *subdev,
				  struct mock_iommu *mock,
				  const unsigned int *streams, int n)
{
	struct page *page = subdev_test_page(test);
	dma_addr_t iova;

	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
	for (int i = 0; i < n; i++)
		KUNIT_EXPECT_EQ_MSG(test, mock_dma(mock, streams[i], iova),
				    page_to_phys(page), "stream 0x%x", streams[i]);
	dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
	for (int i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, mock_dma(mock, streams[i], iova), MOCK_FAULT);
	__free_page(page);
}

/* The errors */

/* A parent that is NULL is invalid. */
static void subdev_test_einval_null(struct kunit *test)
{
	subdev_expect_refused(test, NULL, 1, -EINVAL);
}

/* A parent that is not registered, not yet or not any more, is invalid. */
static void subdev_test_einval_unregistered(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = get_device(t->parent_b);
	struct platform_device *pdev;

	pdev = kunit_platform_device_alloc(test, subdev_test_parent_driver.driver.name,
					   PLATFORM_DEVID_NONE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	subdev_expect_refused(test, &pdev->dev, 1, -EINVAL);

	of_platform_device_destroy(parent, NULL);
	subdev_expect_refused(test, parent, 1, -EINVAL);
	put_device(parent);
	t->refs = subdev_test_node_refs(t);
}

/* A parent without a driver is invalid, until a driver is bound. */
static void subdev_test_einval_unbound(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	subdev_expect_refused(test, t->parent, 1, -EINVAL);
	mock_expect_left(test, t->mock, 0);

	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* A sub-device cannot be a parent. */
static void subdev_test_einval_subdev(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);

	subdev_expect_refused(test, subdev, 1, -EINVAL);
	subdev_expect_refused(test, subdev, 2, -EINVAL);
	iommu_subdev_destroy(subdev);
}

/* An ID that firmware does not map has no IOMMU. */
static void subdev_test_enodev_id(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_expect_refused(test, t->parent, 0x10, -ENODEV);
	subdev_expect_refused(test, t->parent, U32_MAX, -ENODEV);
	subdev_expect_works(test, t->parent, 0, t->mock, STREAM_A(0));
	subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
}

static void subdev_expect_ids(struct kunit *test, const char *name, const u32 *ids, int n)
{
	struct device *parent = subdev_test_add_device(test, name);
	s64 id;

	id = iommu_subdev_next_id(parent, 0);
	for (int i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ_MSG(test, id, ids[i], "ID %d of %s", i, name);
		/* A search from an ID on finds that ID */
		KUNIT_EXPECT_EQ(test, iommu_subdev_next_id(parent, ids[i]), ids[i]);
		id = iommu_subdev_next_id(parent, id + 1);
	}
	KUNIT_EXPECT_EQ(test, id, -ENODEV);
	subdev_test_del_device(test, parent);
}

/* A driver can ask which IDs firmware maps: each is returned once, in order. */
static void subdev_test_next_id(struct kunit *test)
{
	static const u32 sparse[] = { 0x3, 0x4, 0x40, 0x41, 0x42, 0x43, 0xfffffffe, 0xffffffff };
	static const u32 masked[] = { 0x20, 0x30 };
	static const u32 forbidden[] = { 0x20 };
	static const u32 beyond[] = { 0xfffffff0 };
	struct device *parent;

	subdev_expect_ids(test, "parent-sparse", sparse, ARRAY_SIZE(sparse));
	subdev_expect_ids(test, "parent-masked", masked, ARRAY_SIZE(masked));
	subdev_expect_ids(test, "parent-forbidden", forbidden, ARRAY_SIZE(forbidden));
	subdev_expect_ids(test, "parent-beyond", beyond, ARRAY_SIZE(beyond));
	subdev_expect_ids(test, "parent-unmapped", NULL, 0);
	KUNIT_EXPECT_EQ(test, iommu_subdev_next_id(NULL, 0), -EINVAL);

	/* Create finds exactly the IDs that it returns */
	parent = subdev_test_add_device(test, "parent-sparse");
	for (u32 id = 0; id <= 0x44; id++) {
		struct device *subdev = iommu_subdev_create(parent, id);
		/* The IOMMU of 4 is disabled, but firmware maps it */
		bool told = iommu_subdev_next_id(parent, id) == id && id != 0x4;

		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(subdev), told ? 0 : -ENODEV,
				    "ID %#x", id);
		iommu_subdev_destroy(subdev);
	}
	subdev_test_del_device(test, parent);
}

/* A parent without an iommu-map has no IOMMU for any ID. */
static void subdev_test_enodev_map(struct kunit *test)
{
	subdev_expect_refused(test, subdev_test_add_device(test, "parent-unmapped"), 1, -ENODEV);
}

/* An ID that leads to an IOMMU that firmware has disabled has no IOMMU. */
static void subdev_test_enodev_disabled(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_expect_refused(test, t->parent, 0x101, -ENODEV);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* A parent that firmware does not describe has no IOMMU. */
static void subdev_test_enodev_fwnode(struct kunit *test)
{
	const struct platform_device_info info = {
		.name		= subdev_test_parent_driver.driver.name,
		.id		= PLATFORM_DEVID_AUTO,
		.dma_mask	= DMA_BIT_MASK(32),
	};
	struct platform_device *pdev;

	pdev = kunit_platform_device_register_full(test, &info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	KUNIT_ASSERT_NOT_NULL(test, pdev->dev.driver);
	subdev_expect_refused(test, &pdev->dev, 1, -ENODEV);
	kunit_platform_device_unregister(test, pdev);
}

#define MOCK_TAKEN_STREAM	0x2f

/* It looks at the device itself, and thinks that it knows the stream */
static struct iommu_device *mock_probe_unknown(struct device *dev)
{
	struct mock_iommu *mock = &mock_iommus[1];
	u32 stream = MOCK_TAKEN_STREAM;
	int ret;

	/* It is also called for each device of the machine that runs this */
	if (!dev->parent || dev->parent->driver != &subdev_test_parent_driver.driver)
		return ERR_PTR(-ENODEV);

	ret = iommu_fwspec_init(dev, NULL);
	if (!ret)
		ret = iommu_fwspec_add_ids(dev, &stream, 1);
	if (ret)
		return ERR_PTR(ret);

	mock->stream[stream].dev = dev;
	mock->stream[stream].users++;
	mock->taken++;
	atomic_inc(&mock->devices);
	return &mock->iommu;
}

/*
 * An ID that firmware does not map has no IOMMU. An IOMMU that finds its devices
 * without firmware, and might take the sub-device for one of them, is not asked.
 */
static void subdev_test_enodev_taken(struct kunit *test)
{
	struct mock_iommu *mock = &mock_iommus[1];
	struct device *parent = subdev_test_add_device(test, "parent-unmapped");

	mock_unregister(mock);
	mock->does.without_firmware = true;
	mock->ops.probe_device = mock_probe_unknown;
	KUNIT_ASSERT_EQ(test, 0, mock_register(mock));

	subdev_expect_refused(test, parent, 1, -ENODEV);
	KUNIT_EXPECT_EQ(test, mock->taken, 0);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(mock, MOCK_TAKEN_STREAM));
	mock_expect_left(test, mock, 0);
	mock_unregister(mock);
	subdev_test_del_device(test, parent);
}

/* An IOMMU whose driver is missing is waited for, and works when it is there. */
static void subdev_test_eprobe_defer(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	mock_unregister(t->mock);
	subdev_expect_refused(test, t->parent, 1, -EPROBE_DEFER);
	/* The other IOMMU is there */
	subdev_expect_works(test, t->parent, 0x201, &mock_iommus[1], STREAM_A(1));

	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* An ID of a parent has one live sub-device, whichever form made it. */
static void subdev_test_eexist(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		subdev_expect_refused(test, t->parent, 1, -EEXIST);
		/* The live one has not noticed */
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
		iommu_subdev_destroy(subdev);
		mock_expect_left(test, t->mock, 0);
	}
}

/* The same ID of two parents is two streams. */
static void subdev_test_same_id_of_two_parents(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *a = subdev_test_must_create(test, t->parent, 1);
	struct device *b = subdev_test_must_create(test, t->parent_b, 1);

	mock_expect_translated(test, a, t->mock, STREAM_A(1));
	mock_expect_translated(test, b, t->mock, STREAM_B(1));
	mock_expect_left(test, t->mock, 2);
	iommu_subdev_destroy(a);
	mock_expect_translated(test, b, t->mock, STREAM_B(1));
	iommu_subdev_destroy(b);
}

/* A stream whose group has a device already is refused; that device stays. */
static void subdev_test_ebusy_foreign_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct iommu_domain *domain;
	struct device *foreign;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	foreign = subdev_test_add_device(test, "foreign");
	domain = iommu_get_domain_for_dev(foreign);
	KUNIT_ASSERT_NOT_NULL(test, domain);

	subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
	mock_expect_left(test, t->mock, 1);
	KUNIT_EXPECT_PTR_EQ(test, t->mock->stream[STREAM_A(0xf)].domain, domain);
	mock_expect_translated(test, foreign, t->mock, STREAM_A(0xf));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));

	subdev_test_del_device(test, foreign);
	subdev_expect_works(test, t->parent, 0xf, t->mock, STREAM_A(0xf));
}

/* A device that is added to the group of a sub-device later is refused. */
static void subdev_test_ebusy_foreign_later(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign, *subdev;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 0xf);
	foreign = subdev_test_add_device(test, "foreign");

	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	KUNIT_EXPECT_PTR_EQ(test, t->mock->stream[STREAM_A(0xf)].domain,
			    iommu_get_domain_for_dev(subdev));
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(0xf));

	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(0xf)));
	subdev_test_del_device(test, foreign);
}

/* Two IDs that lead to one stream, of one parent or of two, are not isolated. */
static void subdev_test_ebusy_same_stream(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, t->parent, 0x301, -EBUSY);
	subdev_expect_refused(test, t->parent_b, 0x301, -EBUSY);
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(subdev);
	subdev_expect_works(test, t->parent, 0x301, t->mock, STREAM_A(1));
}

/* Streams that the IOMMU cannot tell apart are one, whatever firmware calls them. */
static void subdev_test_ebusy_ignored_bits(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent, *subdev;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	t->mock->does.ignored_bits = 4;
	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, t->parent, 5, -EBUSY);
	subdev_expect_refused(test, t->parent_b, 0x305, -EBUSY);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	subdev_expect_works(test, t->parent, 2, t->mock, STREAM_A(2));
	iommu_subdev_destroy(subdev);
	subdev_expect_works(test, t->parent, 5, t->mock, STREAM_A(1));

	/* One context may have both */
	t->mock->does.ignored_bits = 8;
	parent = subdev_test_add_device(test, "parent-nodes");
	for (int i = 0; i < 2; i++) {
		subdev = must_create_node(test, parent, "double");
		mock_expect_translated(test, subdev, t->mock, 2);
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, 2));
	}
	subdev_test_del_device(test, parent);
}

/* A stream that shares the group of the parent is refused; the parent stays. */
static void subdev_test_ebusy_parent(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
	parent = subdev_test_add_device(test, "parent-translated");
	subdev_expect_refused(test, parent, 0x100, -EBUSY);
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, parent, t->mock, 0x2f);
	subdev_expect_works(test, parent, 1, t->mock, 0x31);
	subdev_test_del_device(test, parent);

	t->mock->does.grouping = MOCK_GROUP_SINGLE;
	parent = subdev_test_add_device(test, "parent-translated");
	subdev_expect_refused(test, parent, 1, -EBUSY);
	subdev_expect_refused(test, t->parent, 1, -EBUSY);
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, parent, t->mock, 0x2f);
	subdev_test_del_device(test, parent);
}

/* An IOMMU with one group for everything accepts only the first device. */
static void subdev_test_ebusy_single_group(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign, *subdev;

	t->mock->does.grouping = MOCK_GROUP_SINGLE;
	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, t->parent, 2, -EBUSY);
	foreign = subdev_test_add_device(test, "foreign-alone");
	KUNIT_EXPECT_FALSE(test, device_iommu_mapped(foreign));
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	subdev_test_del_device(test, foreign);
	iommu_subdev_destroy(subdev);
	subdev_test_let_release();

	foreign = subdev_test_add_device(test, "foreign-alone");
	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(foreign));
	subdev_expect_refused(test, t->parent, 1, -EBUSY);
	mock_expect_left(test, t->mock, 1);
	subdev_test_del_device(test, foreign);
	subdev_expect_works(test, t->parent, 2, t->mock, STREAM_A(2));
}

/* A stream that the driver of the IOMMU refuses to take twice is busy. */
static void subdev_test_ebusy_duplicate(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign = subdev_test_add_device(test, "foreign");
	struct device *subdev;

	subdev_expect_refused(test, t->parent, 0xf, -EBUSY);
	mock_expect_translated(test, foreign, t->mock, STREAM_A(0xf));
	subdev_test_del_device(test, foreign);

	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, t->parent, 0x301, -EBUSY);
	subdev_expect_refused(test, t->parent_b, 0x301, -EBUSY);
	iommu_subdev_destroy(subdev);
}

/* An IOMMU that wants identity, or can do nothing else, cannot isolate. */
static void subdev_test_eopnotsupp(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct mock_iommu *mock = t->mock;

	mock->does.def_domain_type = IOMMU_DOMAIN_IDENTITY;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	mock->does.def_domain_type = 0;
	subdev_expect_works(test, t->parent, 1, mock, STREAM_A(1));

	mock->ops.domain_alloc_paging = NULL;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	iommu_set_default_passthrough(false);
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	iommu_set_default_translated(false);
	mock->ops.domain_alloc_paging = mock_domain_alloc_paging;

	mock->ops.default_domain = &mock_identity_domain;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	mock->ops.default_domain = &mock_blocked_domain;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	mock->ops.default_domain = &mock_platform_domain;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	mock->ops.default_domain = NULL;

	mock_expect_left(test, mock, 0);
	subdev_expect_works(test, t->parent, 1, mock, STREAM_A(1));
}

/* An IOMMU that does not number its streams cannot tell whose they are. */
static void subdev_test_eopnotsupp_ids(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->does.without_ids = true;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	t->mock->does.without_ids = false;
	mock_expect_left(test, t->mock, 0);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

static void take_dma_ops(struct device *dev)
{
	dev_clear_dma_iommu(dev);
}

/* A translated domain that the DMA API does not use is no isolation either. */
static void subdev_test_eopnotsupp_ops(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->does.finalize = take_dma_ops;
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	t->mock->does.finalize = NULL;
	mock_expect_left(test, t->mock, 0);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* -EPROBE_DEFER: the IOMMU is removed between firmware's answer and the probe. */
static void subdev_test_eprobe_defer_found(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev;

		t->mock->does.go_when_found = true;
		subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(subdev), -EPROBE_DEFER,
				    "form %d", i);
		t->mock->does.go_when_found = false;
		t->mock->iommu.fwnode = dev_fwnode(t->mock->dev);
	}
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* Without a device of the IOMMU, nothing tells which driver must stay bound. */
static void subdev_test_eopnotsupp_device(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	mock_unregister(t->mock);
	t->mock->does.without_device = true;
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	subdev_expect_refused(test, t->parent, 1, -EOPNOTSUPP);
	mock_expect_left(test, t->mock, 0);

	mock_unregister(t->mock);
	t->mock->does.without_device = false;
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* An error of the IOMMU's driver is the error of create. */
static void subdev_test_driver_errors(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	int *const calls[] = {
		&t->mock->does.xlate_err,
		&t->mock->does.probe_err,
		&t->mock->does.group_err,
		&t->mock->does.alloc_err,
	};
	const int errs[] = { -EIO, -ENOSPC, -EINVAL, -EPROBE_DEFER };

	for (int i = 0; i < ARRAY_SIZE(calls); i++) {
		for (int j = 0; j < ARRAY_SIZE(errs); j++) {
			*calls[i] = errs[j];
			subdev_expect_refused(test, t->parent, 1, errs[j]);
			*calls[i] = 0;
			mock_expect_left(test, t->mock, 0);
			KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
			subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		}
	}
}

/* An IOMMU that does not take the stream is not a missing IOMMU. */
static void subdev_test_enxio(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	int *const calls[] = {
		&t->mock->does.probe_err,
		&t->mock->does.group_err,
		&t->mock->does.alloc_err,
	};

	for (int i = 0; i < ARRAY_SIZE(calls); i++) {
		*calls[i] = -ENODEV;
		subdev_expect_refused(test, t->parent, 1, -ENXIO);
		*calls[i] = 0;
		mock_expect_left(test, t->mock, 0);
	}
}

/* So is the error of its attach, which the core does not expect to fail. */
static void subdev_test_attach_error(struct kunit *test)
{
#ifdef kunit_warning_suppress
	struct subdev_test *t = test->priv;

	t->mock->does.attach_err = -EIO;
	kunit_warning_suppress(test) {
		subdev_expect_refused(test, t->parent, 1, -EIO);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, SUBDEV_TEST_NR_ID_FORMS);
	}
	t->mock->does.attach_err = 0;
	mock_expect_left(test, t->mock, 0);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
#else
	kunit_skip(test, "the warning of the core cannot be suppressed");
#endif
}

/* The context */

/* What create returns has a domain of the DMA API and a group of its own. */
static void subdev_test_create(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct device *other = subdev_test_must_create(test, t->parent, 2);

	mock_expect_left(test, t->mock, 2);
	KUNIT_EXPECT_TRUE(test, iommu_get_domain_for_dev(subdev)->type & __IOMMU_DOMAIN_DMA_API);
	KUNIT_EXPECT_PTR_NE(test, subdev->iommu_group, other->iommu_group);
	KUNIT_EXPECT_PTR_EQ(test, subdev->parent, t->parent);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	mock_expect_translated(test, other, t->mock, STREAM_A(2));

	iommu_subdev_destroy(subdev);
	mock_expect_translated(test, other, t->mock, STREAM_A(2));
	iommu_subdev_destroy(other);
}

/* Destroy ignores NULL and errors, and warns about any other device. */
static void subdev_test_destroy_nothing(struct kunit *test)
{
#ifdef kunit_warning_suppress
	struct subdev_test *t = test->priv;

	kunit_warning_suppress(test) {
		iommu_subdev_destroy(t->parent);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
#endif
	iommu_subdev_destroy(NULL);
	iommu_subdev_destroy(ERR_PTR(-EBUSY));
}

/* Destroying what is no sub-device is a bug, which is reported and does nothing. */
static void subdev_test_destroy_other(struct kunit *test)
{
#ifdef kunit_warning_suppress
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-translated");

	kunit_warning_suppress(test) {
		iommu_subdev_destroy(parent);
		iommu_subdev_destroy(t->parent);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 2);
	}
	mock_expect_translated(test, parent, t->mock, 0x2f);
	KUNIT_EXPECT_NOT_NULL(test, t->parent->driver);
	subdev_test_del_device(test, parent);
#else
	kunit_skip(test, "the warning cannot be suppressed");
#endif
}

/* Destroying a managed sub-device again, with a reference, does nothing. */
static void subdev_test_destroy_again(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = devm_iommu_subdev_create(t->parent, 1), *other;
	unsigned int refs;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	get_device(subdev);
	iommu_subdev_destroy(subdev);
	refs = kref_read(&subdev->kobj.kref);
	KUNIT_EXPECT_EQ(test, refs, 1);
	other = subdev_test_must_create(test, t->parent, 1);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_EQ(test, kref_read(&subdev->kobj.kref), refs);
	mock_expect_translated(test, other, t->mock, STREAM_A(1));
	device_release_driver(t->parent);
	iommu_subdev_destroy(other);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_EQ(test, kref_read(&subdev->kobj.kref), refs);
	put_device(subdev);
	mock_expect_left(test, t->mock, 0);
}

/* An ID can be used again as soon as destroy has returned, any number of times. */
static void subdev_test_again(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < 100; i++)
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	mock_expect_left(test, t->mock, 0);
}

/* With passthrough for all others a sub-device is still translated. */
static void subdev_test_passthrough(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *foreign;

	iommu_set_default_passthrough(false);
	foreign = subdev_test_add_device(test, "foreign-alone");
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(foreign),
			    &mock_identity_domain);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	subdev_test_del_device(test, foreign);
}

static ssize_t write_group_type(struct device *dev, const char *type)
{
	struct kernfs_node *group = subdev_test_group_node(dev);
	ssize_t ret;

	if (!group)
		return -ENOENT;
	ret = subdev_test_write_type(group, type);
	kernfs_put(group);
	return ret;
}

/* While a sub-device lives nobody else can own its group, nor its domain. */
static void subdev_test_ownership(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct iommu_domain *domain = iommu_get_domain_for_dev(subdev);
	struct iommu_group *group = iommu_group_get(subdev);
	int ret;

	ret = iommu_group_claim_dma_owner(group, test);
	KUNIT_EXPECT_EQ(test, ret, -EPERM);
	if (!ret)
		iommu_group_release_dma_owner(group);
	ret = iommu_device_claim_dma_owner(subdev, test);
	KUNIT_EXPECT_EQ(test, ret, -EPERM);
	if (!ret)
		iommu_device_release_dma_owner(subdev);
	iommu_group_put(group);

	KUNIT_EXPECT_EQ(test, write_group_type(subdev, "identity"), -EPERM);
	KUNIT_EXPECT_EQ(test, write_group_type(subdev, "DMA"), -EPERM);
	KUNIT_EXPECT_EQ(test, write_group_type(subdev, "auto"), -EPERM);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(subdev), domain);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	/* Lazy is still translated, and may be wanted */
	KUNIT_EXPECT_GT(test, write_group_type(subdev, "DMA-FQ"), 0);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(subdev), domain);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));

	/* Of a dead one there is nothing to own */
	group = iommu_group_get(subdev);
	iommu_subdev_destroy(get_device(subdev));
	KUNIT_EXPECT_EQ(test, iommu_group_claim_dma_owner(group, test), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_device_claim_dma_owner(subdev, test), -EINVAL);
	iommu_group_put(group);
	put_device(subdev);
}

/* Nor does anybody get into that domain, not even when its sub-device is dead. */
static void subdev_test_domain_shared(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct iommu_domain *domain = iommu_get_domain_for_dev(subdev);
	struct device *others[] = {
		subdev_test_must_create(test, t->parent, 2),
		subdev_test_add_device(test, "device-on-narrow-bus"),
	};

	for (int dead = 0; dead < 2; dead++) {
		for (int i = 0; i < ARRAY_SIZE(others); i++) {
			int ret = iommu_attach_device(domain, others[i]);

			KUNIT_EXPECT_EQ_MSG(test, ret, -EINVAL, "%s", dev_name(others[i]));
			if (!ret)
				iommu_detach_device(domain, others[i]);
		}
		if (!dead)
			iommu_subdev_destroy(get_device(subdev));
	}
	put_device(subdev);
	mock_expect_translated(test, others[0], t->mock, STREAM_A(2));
	iommu_subdev_destroy(others[0]);
	subdev_test_del_device(test, others[1]);
}

static int never_probe(struct device *dev)
{
	return 0;
}

/* Whoever finds the bus cannot bind a driver to what is on it. */
static void subdev_test_no_driver(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct device_driver driver = {
		.name = "iommu_subdev_test_rogue",
		.bus = subdev->bus,
		.probe = never_probe,
	};
	struct device *next;

	KUNIT_ASSERT_EQ(test, driver_register(&driver), 0);
	KUNIT_EXPECT_NULL(test, subdev->driver);
	next = iommu_subdev_create(t->parent, 2);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, next);
	if (!IS_ERR(next))
		KUNIT_EXPECT_NULL(test, next->driver);
	driver_unregister(&driver);
	iommu_subdev_destroy(next);
	iommu_subdev_destroy(subdev);
}

static ssize_t early_result;

static void want_identity(struct device *dev)
{
	early_result = write_group_type(dev, "identity");
}

/* Nor can user space switch it to identity before create has returned. */
static void subdev_test_identity_early(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->does.finalize = want_identity;
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev;

		early_result = 0;
		subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_EXPECT_LT(test, early_result, 0);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
		iommu_subdev_destroy(subdev);
	}
}

/* The name is the parent's and the ID. */
static void subdev_test_names(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 0xf);
	struct device *found;
	char name[64];

	snprintf(name, sizeof(name), "%s.f", dev_name(t->parent));
	KUNIT_EXPECT_STREQ(test, subdev->bus->name, "iommu_subdev");
	KUNIT_EXPECT_STREQ(test, dev_name(subdev), name);
	found = bus_find_device_by_name(subdev->bus, NULL, name);
	KUNIT_EXPECT_PTR_EQ(test, found, subdev);
	put_device(found);
	iommu_subdev_destroy(subdev);
}

/* A parent's name may have any length, and is in the sub-device's as a whole. */
static void subdev_test_long_name(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	char *was = kunit_kstrdup(test, dev_name(t->parent), GFP_KERNEL);
	struct device *subdev;
	char name[104];
	int len;

	KUNIT_ASSERT_NOT_NULL(test, was);
	memset(name, 'x', sizeof(name));
	for (len = 56; len <= 100; len++) {
		name[len] = 0;
		KUNIT_ASSERT_EQ(test, 0, device_rename(t->parent, name));
		subdev = iommu_subdev_create(t->parent, 1);
		KUNIT_ASSERT_EQ(test, 0, device_rename(t->parent, was));
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		strscpy(name + len, ".1", sizeof(name) - len);
		KUNIT_EXPECT_STREQ(test, dev_name(subdev), name);
		iommu_subdev_destroy(subdev);
		name[len] = 'x';
		name[len + 1] = 'x';
	}
}

struct traced {
	struct device *parent;
	struct fwnode_handle *node;
	u32 id;
	int group_id;
	int result;
	unsigned int count;
};

static void trace_probe(void *data, struct device *parent,
			struct fwnode_handle *node, u32 id, int group_id,
			int result)
{
	struct traced *traced = data;

	traced->parent = parent;
	traced->node = node;
	traced->id = id;
	traced->group_id = group_id;
	traced->result = result;
	traced->count++;
}

/* The tracepoints see each create, with its result, and each destroy. */
static void subdev_test_tracepoints(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct traced create = {}, destroy = {};
	struct device *subdev;
	int group_id;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "no tracepoints");
	KUNIT_ASSERT_EQ(test, 0, register_trace_iommu_subdev_create(trace_probe, &create));
	KUNIT_EXPECT_EQ(test, 0, register_trace_iommu_subdev_destroy(trace_probe, &destroy));

	subdev = iommu_subdev_create(t->parent, 1);
	group_id = IS_ERR(subdev) ? -1 : iommu_group_id(subdev->iommu_group);
	KUNIT_EXPECT_EQ(test, create.count, 1);
	KUNIT_EXPECT_PTR_EQ(test, create.parent, t->parent);
	KUNIT_EXPECT_EQ(test, create.id, 1);
	KUNIT_EXPECT_NULL(test, create.node);
	KUNIT_EXPECT_EQ(test, create.group_id, group_id);
	KUNIT_EXPECT_EQ(test, create.result, 0);

	KUNIT_EXPECT_PTR_EQ(test, iommu_subdev_create(t->parent, 1), ERR_PTR(-EEXIST));
	KUNIT_EXPECT_EQ(test, create.count, 2);
	KUNIT_EXPECT_EQ(test, create.result, -EEXIST);

	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_EQ(test, destroy.count, 1);
	KUNIT_EXPECT_PTR_EQ(test, destroy.parent, t->parent);
	KUNIT_EXPECT_EQ(test, destroy.id, 1);
	KUNIT_EXPECT_NULL(test, destroy.node);
	KUNIT_EXPECT_EQ(test, destroy.group_id, group_id);
	KUNIT_EXPECT_EQ(test, destroy.result, 0);

	/* The parent may have no driver or not exist at all */
	iommu_subdev_create(NULL, 7);
	KUNIT_EXPECT_EQ(test, create.count, 3);
	KUNIT_EXPECT_EQ(test, create.result, -EINVAL);

	/* There may be a node */
	subdev = subdev_test_create_of_node(t->parent, 3);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	KUNIT_EXPECT_PTR_EQ(test, create.node, dev_fwnode(subdev));
	KUNIT_EXPECT_PTR_EQ(test, iommu_subdev_create_node(t->parent, dev_fwnode(subdev)),
			    ERR_PTR(-EEXIST));
	KUNIT_EXPECT_PTR_EQ(test, create.node, dev_fwnode(subdev));
	KUNIT_EXPECT_EQ(test, create.result, -EEXIST);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_PTR_EQ(test, destroy.node, create.node);

	/* The result tells a forgotten sub-device from a managed one */
	subdev = iommu_subdev_create(t->parent, 2);
	device_release_driver(t->parent);
	KUNIT_EXPECT_EQ(test, destroy.result, -EBUSY);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
	devm_iommu_subdev_create(t->parent, 3);
	device_release_driver(t->parent);
	KUNIT_EXPECT_EQ(test, destroy.count, 4);
	KUNIT_EXPECT_EQ(test, destroy.id, 3);
	KUNIT_EXPECT_EQ(test, destroy.result, 0);

	unregister_trace_iommu_subdev_create(trace_probe, &create);
	unregister_trace_iommu_subdev_destroy(trace_probe, &destroy);
	tracepoint_synchronize_unregister();
}

/* The DMA API on it */

/* The same IOVA in two contexts is two pages. */
static void subdev_test_same_iova(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *dev[2] = {
		subdev_test_must_create(test, t->parent, 1),
		subdev_test_must_create(test, t->parent, 2),
	};
	struct page *page[2] = { subdev_test_page(test), subdev_test_page(test) };
	dma_addr_t iova[2];
	int i;

	for (i = 0; i < 2; i++) {
		iova[i] = dma_map_page(dev[i], page[i], 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(dev[i], iova[i]), 0);
	}
	KUNIT_EXPECT_EQ(test, iova[0], iova[1]);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1 + i), iova[i]),
				page_to_phys(page[i]));

	/* A stream that is not set up reaches neither of them */
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(3), iova[0]), MOCK_FAULT);

	for (i = 0; i < 2; i++) {
		dma_unmap_page(dev[i], iova[i], PAGE_SIZE, DMA_TO_DEVICE);
		iommu_subdev_destroy(dev[i]);
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1 + i), iova[i]),
				MOCK_FAULT);
		__free_page(page[i]);
	}
}

/* The DMA masks start as the parent's, and are the sub-device's own. */
static void subdev_test_masks(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	const struct {
		u64 streaming;
		u64 coherent;
	} masks[] = {
		{ DMA_BIT_MASK(32), DMA_BIT_MASK(32) },
		{ DMA_BIT_MASK(36), DMA_BIT_MASK(40) },
		{ DMA_BIT_MASK(40), DMA_BIT_MASK(36) },
		{ DMA_BIT_MASK(64), DMA_BIT_MASK(64) },
	};
	const u64 narrow = DMA_BIT_MASK(24);

	for (int i = 0; i < ARRAY_SIZE(masks); i++) {
		struct device *subdev;
		dma_addr_t iova;

		KUNIT_ASSERT_EQ(test, 0, dma_set_mask(t->parent, masks[i].streaming));
		KUNIT_ASSERT_EQ(test, 0, dma_set_coherent_mask(t->parent, masks[i].coherent));
		subdev = subdev_test_must_create(test, t->parent, 1);
		KUNIT_EXPECT_EQ(test, dma_get_mask(subdev), masks[i].streaming);
		KUNIT_EXPECT_EQ(test, subdev->coherent_dma_mask, masks[i].coherent);

		KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(subdev, narrow));
		KUNIT_EXPECT_EQ(test, dma_get_mask(t->parent), masks[i].streaming);
		KUNIT_EXPECT_EQ(test, t->parent->coherent_dma_mask, masks[i].coherent);
		iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
		KUNIT_EXPECT_LE(test, iova + PAGE_SIZE - 1, narrow);
		dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
		iommu_subdev_destroy(subdev);
	}
	__free_page(page);
}

/* The DMA parameters start as the parent's, and are the sub-device's own. */
static void subdev_test_dma_parms(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	dma_set_max_seg_size(t->parent, SZ_128K);
	dma_set_seg_boundary(t->parent, SZ_1M - 1);
	dma_set_min_align_mask(t->parent, SZ_2K - 1);
	subdev = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(subdev), SZ_128K);
	KUNIT_EXPECT_EQ(test, dma_get_seg_boundary(subdev), SZ_1M - 1);
	KUNIT_EXPECT_EQ(test, dma_get_min_align_mask(subdev), SZ_2K - 1);

	dma_set_max_seg_size(subdev, SZ_64K);
	dma_set_seg_boundary(subdev, SZ_64K - 1);
	dma_set_min_align_mask(subdev, SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(t->parent), SZ_128K);
	KUNIT_EXPECT_EQ(test, dma_get_seg_boundary(t->parent), SZ_1M - 1);
	KUNIT_EXPECT_EQ(test, dma_get_min_align_mask(t->parent), SZ_2K - 1);
	iommu_subdev_destroy(subdev);

	/* Nobody has set one: then dma_get_max_seg_size() is 64 KiB for the parent */
	dma_set_max_seg_size(t->parent, 0);
	subdev = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(subdev), UINT_MAX);
	KUNIT_EXPECT_EQ(test, dma_get_max_seg_size(t->parent), SZ_64K);
	iommu_subdev_destroy(subdev);
}

/* The dma-ranges of the parent, or of its bus, limit the IOVAs. */
static void subdev_test_dma_ranges(struct kunit *test)
{
	static const char *const names[] = {
		"parent-narrow", "parent-on-narrow-bus",
	};
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *parent = subdev_test_add_device(test, names[i]);
		struct device *subdev = subdev_test_must_create(test, parent, 1);
		dma_addr_t iova, coherent;
		void *mem;

		KUNIT_EXPECT_EQ(test, dma_set_mask_and_coherent(subdev, DMA_BIT_MASK(40)), 0);
		iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
		KUNIT_EXPECT_LT_MSG(test, iova, 0x20000000, "%s", names[i]);
		mem = dma_alloc_coherent(subdev, PAGE_SIZE, &coherent, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, mem);
		KUNIT_EXPECT_LT_MSG(test, coherent, 0x20000000, "%s", names[i]);
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x31, iova), page_to_phys(page));

		dma_free_coherent(subdev, PAGE_SIZE, mem, coherent);
		dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
		iommu_subdev_destroy(subdev);
		subdev_test_del_device(test, parent);
	}
	__free_page(page);
}

/* The sub-device is as coherent as firmware says of the parent. */
static void subdev_test_coherency(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parents[] = { t->parent, t->parent_b };
	const unsigned int streams[] = { STREAM_A(1), STREAM_B(1) };
	struct page *page = subdev_test_page(test);

	for (int i = 0; i < ARRAY_SIZE(parents); i++) {
		bool coherent = dev_is_dma_coherent(parents[i]);
		struct device *subdev = subdev_test_must_create(test, parents[i], 1);
		struct mock_domain *md;
		dma_addr_t iova;

		KUNIT_EXPECT_EQ(test, dev_is_dma_coherent(subdev), coherent);
		iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
		md = to_mock_domain(t->mock->stream[streams[i]].domain);
		KUNIT_EXPECT_EQ(test, !!(md->last_prot & IOMMU_CACHE), coherent);
		dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
		iommu_subdev_destroy(subdev);
	}
	/* Where the architecture has devices that are not, parent-b is one */
	KUNIT_EXPECT_TRUE(test, dev_is_dma_coherent(t->parent));
	if (IS_ENABLED(CONFIG_ARCH_HAS_SETUP_DMA_OPS) &&
	    !IS_ENABLED(CONFIG_OF_DMA_DEFAULT_COHERENT))
		KUNIT_EXPECT_FALSE(test, dev_is_dma_coherent(t->parent_b));
	__free_page(page);
}

/* A driver can attach a domain of its own, and gets the DMA API back after. */
static void subdev_test_own_domain(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct page *page = subdev_test_page(test);
	struct iommu_domain *domain;
	const dma_addr_t own = SZ_1M;
	dma_addr_t iova;

	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);

	domain = iommu_paging_domain_alloc(subdev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, own, page_to_phys(page), PAGE_SIZE,
					   IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0, iommu_attach_device(domain, subdev));
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), own), page_to_phys(page));
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova), MOCK_FAULT);

	iommu_detach_device(domain, subdev);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), own), MOCK_FAULT);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova), page_to_phys(page));
	iommu_unmap(domain, own, PAGE_SIZE);
	iommu_domain_free(domain);

	dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	__free_page(page);
}

static void direct_region(struct device *dev, struct list_head *head)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(SZ_1G, SZ_64K, IOMMU_READ | IOMMU_WRITE,
					 IOMMU_RESV_DIRECT, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, head);
}

/* What firmware says of a node is about the device of that node. */
static void direct_region_of_node(struct device *dev, struct list_head *head)
{
	if (dev->of_node)
		direct_region(dev, head);
}

/* What firmware mapped for the parent is not reached by its sub-devices. */
static void subdev_test_reserved(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent, *subdev;
	LIST_HEAD(regions);

	t->mock->ops.get_resv_regions = direct_region_of_node;
	parent = subdev_test_add_device(test, "parent-translated");
	subdev = subdev_test_must_create(test, parent, 1);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x2f, SZ_1G), SZ_1G);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x31, SZ_1G), MOCK_FAULT);
	iommu_get_resv_regions(subdev, &regions);
	KUNIT_EXPECT_TRUE(test, list_empty(&regions));
	iommu_put_resv_regions(subdev, &regions);

	mock_expect_translated(test, subdev, t->mock, 0x31);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, 0x31));
	subdev_test_del_device(test, parent);
	/* Of other devices the core leaves such a stream in identity */
	KUNIT_EXPECT_FALSE(test, mock_is_blocked(t->mock, 0x2f));
	t->mock->stream[0x2f].domain = &mock_blocked_domain;
	/* The pages that the core mapped for firmware die with their domain */
	subdev_test_let_release();
	atomic_set(&t->mock->forgotten_pages, 0);
}

/* A stream that needs direct mappings is blocked after destroy all the same. */
static void subdev_test_direct(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	t->mock->ops.get_resv_regions = direct_region;
	subdev = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), SZ_1G), SZ_1G);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	subdev_test_let_release();
	atomic_set(&t->mock->forgotten_pages, 0);
}

/* The contexts of child nodes */

/* Each stream in the iommus of the node reaches what the context maps. */
static void subdev_test_node_reach(struct kunit *test)
{
	const unsigned int streams[] = { 1, 2, 3 };
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct device *subdev = must_create_node(test, parent, "pixel");
	struct device *other = must_create_node(test, parent, "cached");

	mock_expect_left(test, t->mock, 2);
	KUNIT_EXPECT_PTR_NE(test, subdev->iommu_group, other->iommu_group);
	expect_all_translated(test, subdev, t->mock, streams, ARRAY_SIZE(streams));
	mock_expect_translated(test, other, t->mock, 9);
	iommu_subdev_destroy(subdev);
	for (int i = 0; i < ARRAY_SIZE(streams); i++)
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, streams[i]));
	iommu_subdev_destroy(other);
	subdev_test_del_device(test, parent);
}

/* Only a child of the parent's node, and of no other, describes its context. */
static void subdev_test_node_einval(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct fwnode_handle *pixel = child_node(test, parent, "pixel");
	struct device_node *nested;
	struct device *subdev;

	expect_node_refused(test, parent, NULL, -EINVAL);
	expect_node_refused(test, parent, ERR_PTR(-ENOENT), -EINVAL);
	expect_node_refused(test, parent, dev_fwnode(parent), -EINVAL);
	expect_node_refused(test, parent, dev_fwnode(t->parent), -EINVAL);
	expect_node_refused(test, t->parent, pixel, -EINVAL);
	expect_node_refused(test, NULL, pixel, -EINVAL);
	nested = subdev_test_find_node(test, "nested");
	expect_node_refused(test, parent, of_fwnode_handle(nested), -EINVAL);
	of_node_put(nested);

	subdev = must_create_node(test, parent, "cached");
	expect_node_refused(test, subdev, pixel, -EINVAL);
	iommu_subdev_destroy(subdev);

	device_release_driver(parent);
	expect_node_refused(test, parent, pixel, -EINVAL);
	mock_expect_left(test, t->mock, 0);
	subdev_test_del_device(test, parent);
}

/* A node, or its IOMMU, that is disabled, or without iommus, has no IOMMU. */
static void subdev_test_node_enodev(struct kunit *test)
{
	static const char *const names[] = { "off", "dark", "bare" };
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");

	for (int i = 0; i < ARRAY_SIZE(names); i++)
		expect_node_refused(test, parent, child_node(test, parent, names[i]), -ENODEV);
	mock_expect_left(test, t->mock, 0);
	subdev_test_del_device(test, parent);
}

/* A node that is not of a devicetree has no IOMMU. */
static void subdev_test_node_enodev_software(struct kunit *test)
{
	struct platform_device_info info = {
		.name		= subdev_test_parent_driver.driver.name,
		.id		= PLATFORM_DEVID_AUTO,
		.dma_mask	= DMA_BIT_MASK(32),
	};
	struct platform_device *pdev;
	struct fwnode_handle *child;

	info.fwnode = fwnode_create_software_node(NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, info.fwnode);
	child = fwnode_create_software_node(NULL, info.fwnode);
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, child);
	pdev = kunit_platform_device_register_full(test, &info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pdev);
	KUNIT_EXPECT_NOT_NULL(test, pdev->dev.driver);
	expect_node_refused(test, &pdev->dev, child, -ENODEV);
	kunit_platform_device_unregister(test, pdev);
	fwnode_remove_software_node(child);
	fwnode_remove_software_node(info.fwnode);
}

/* The driver of the IOMMU of a node is waited for. */
static void subdev_test_node_eprobe_defer(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");

	mock_unregister(t->mock);
	expect_node_refused(test, parent, child_node(test, parent, "pixel"), -EPROBE_DEFER);
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	iommu_subdev_destroy(must_create_node(test, parent, "pixel"));
	subdev_test_del_device(test, parent);
}

/* A node has one live sub-device, whichever form made it. */
static void subdev_test_node_eexist(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct fwnode_handle *node = child_node(test, parent, "pixel");

	for (int i = 0; i < 3; i++) {
		struct device *subdev = i & 1 ? devm_iommu_subdev_create_node(parent, node) :
						iommu_subdev_create_node(parent, node);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		expect_node_refused(test, parent, node, -EEXIST);
		/* Nodes are not IDs: the one that all nodes have is free */
		iommu_subdev_destroy(subdev_test_must_create(test, parent, 0));
		mock_expect_translated(test, subdev, t->mock, 2);
		iommu_subdev_destroy(subdev);
	}
	subdev_test_del_device(test, parent);
}

/* A stream that another node or an ID of the parent has is busy. */
static void subdev_test_node_ebusy(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct device *subdev = must_create_node(test, parent, "pixel");

	expect_node_refused(test, parent, child_node(test, parent, "double"), -EBUSY);
	KUNIT_EXPECT_PTR_EQ(test, iommu_subdev_create(parent, 2), ERR_PTR(-EBUSY));
	mock_expect_translated(test, subdev, t->mock, 2);
	iommu_subdev_destroy(subdev);

	subdev = subdev_test_must_create(test, parent, 2);
	expect_node_refused(test, parent, child_node(test, parent, "pixel"), -EBUSY);
	iommu_subdev_destroy(subdev);
	subdev_test_del_device(test, parent);
}

/* So is one that shares its group, by one of the streams or with everything. */
static void subdev_test_node_ebusy_group(struct kunit *test)
{
	const enum mock_grouping groupings[] = {
		MOCK_GROUP_EACH_STREAM, MOCK_GROUP_SINGLE,
	};
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct device *subdev;

	t->mock->does.shared_streams = true;
	for (int i = 0; i < ARRAY_SIZE(groupings); i++) {
		t->mock->does.grouping = groupings[i];
		subdev = must_create_node(test, parent, "pixel");
		expect_node_refused(test, parent,
				    child_node(test, parent, "double"), -EBUSY);
		subdev_expect_refused(test, parent, 2, -EBUSY);
		mock_expect_translated(test, subdev, t->mock, 2);
		iommu_subdev_destroy(subdev);
		subdev_test_let_release();

		subdev = subdev_test_must_create(test, parent, 2);
		expect_node_refused(test, parent,
				    child_node(test, parent, "pixel"), -EBUSY);
		mock_expect_translated(test, subdev, t->mock, 2);
		iommu_subdev_destroy(subdev);
		subdev_test_let_release();
	}
	subdev = must_create_node(test, parent, "pixel");
	expect_node_refused(test, parent, child_node(test, parent, "cached"), -EBUSY);
	iommu_subdev_destroy(subdev);
	subdev_test_del_device(test, parent);
}

/* A node with streams of two IOMMUs is refused. */
static void subdev_test_node_exdev(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-nodes");

	expect_node_refused(test, parent, child_node(test, parent, "split"), -EXDEV);
	for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++)
		mock_expect_left(test, &mock_iommus[i], 0);
	subdev_test_del_device(test, parent);
}

/* The dma-ranges of the node, or those above it, limit the IOVAs. */
static void subdev_test_node_dma_ranges(struct kunit *test)
{
	static const char *const names[][2] = {
		{ "parent-nodes", "narrow" },
		{ "parent-narrow", "context" },
		{ "parent-below-narrow-bus", "context" },
	};
	struct page *page = subdev_test_page(test);

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *parent = subdev_test_add_device(test, names[i][0]);
		struct device *subdev = must_create_node(test, parent, names[i][1]);
		dma_addr_t iova;

		KUNIT_EXPECT_EQ(test, dma_set_mask_and_coherent(subdev, DMA_BIT_MASK(40)), 0);
		iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
		KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
		KUNIT_EXPECT_GE_MSG(test, iova, 0x10000000, "%s", names[i][1]);
		KUNIT_EXPECT_LT_MSG(test, iova, 0x20000000, "%s", names[i][1]);
		dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);
		iommu_subdev_destroy(subdev);
		subdev_test_del_device(test, parent);
	}
	__free_page(page);
}

/* A node's ranges that cannot be used are not taken for none. */
static void subdev_test_node_efault(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-narrow");

	expect_node_refused(test, parent, child_node(test, parent, "outside"), -EFAULT);
	subdev_test_del_device(test, parent);
}

/* The context is as coherent as its node says, whatever the parent is. */
static void subdev_test_node_coherency(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct device *cached = must_create_node(test, parent, "cached");
	struct device *subdev = must_create_node(test, parent, "pixel");

	KUNIT_EXPECT_TRUE(test, dev_is_dma_coherent(cached));
	KUNIT_EXPECT_EQ(test, dev_is_dma_coherent(subdev), dev_is_dma_coherent(parent));
	iommu_subdev_destroy(cached);
	iommu_subdev_destroy(subdev);
	subdev_test_del_device(test, parent);
}

/* Nor is a child of a device that is coherent, if it says so. */
static void subdev_test_node_noncoherent(struct kunit *test)
{
	bool can_be = IS_ENABLED(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE);
	struct device *parent = subdev_test_add_device(test, "parent-cached");
	struct device *cached = must_create_node(test, parent, "cached");
	struct device *subdev = must_create_node(test, parent, "uncached");

	KUNIT_EXPECT_TRUE(test, dev_is_dma_coherent(parent));
	KUNIT_EXPECT_TRUE(test, dev_is_dma_coherent(cached));
	KUNIT_EXPECT_EQ(test, dev_is_dma_coherent(subdev), !can_be);
	iommu_subdev_destroy(cached);
	iommu_subdev_destroy(subdev);
	subdev_test_del_device(test, parent);
}

/*
 * Of the memory regions of the node, those with memory are mapped as firmware
 * says, those without are not handed out, and another context has none of it.
 */
static void subdev_test_node_reserved(struct kunit *test)
{
	const dma_addr_t image = 0x40000000, hole = 0xf0000000;
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	struct device *parent, *subdev, *other;
	dma_addr_t iova;

	t->mock->ops.get_resv_regions = iommu_dma_get_resv_regions;
	parent = subdev_test_add_device(test, "parent-nodes");
	KUNIT_ASSERT_EQ(test, 0, dma_set_mask_and_coherent(parent, DMA_BIT_MASK(32)));
	other = must_create_node(test, parent, "pixel");
	subdev = must_create_node(test, parent, "firmware");

	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 4, image), image);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 4, image + SZ_64K), MOCK_FAULT);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 1, image), MOCK_FAULT);

	/* IOVAs are handed out from the top, where firmware wants a hole */
	iova = dma_map_page(other, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(other, iova), 0);
	KUNIT_EXPECT_GE(test, iova, hole);
	dma_unmap_page(other, iova, PAGE_SIZE, DMA_TO_DEVICE);
	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
	KUNIT_EXPECT_LT(test, iova, hole);
	dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_TO_DEVICE);

	iommu_subdev_destroy(other);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, 4));
	subdev_test_del_device(test, parent);
	/* The pages that the core mapped for firmware die with their domain */
	subdev_test_let_release();
	atomic_set(&t->mock->forgotten_pages, 0);
	__free_page(page);
}

/* The name has that of the node, and sysfs links to it. */
static void subdev_test_node_names(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct device *subdev = must_create_node(test, parent, "pixel");
	struct kernfs_node *file;
	char name[64];

	snprintf(name, sizeof(name), "%s:pixel", dev_name(parent));
	KUNIT_EXPECT_STREQ(test, dev_name(subdev), name);
	KUNIT_EXPECT_PTR_EQ(test, dev_fwnode(subdev), child_node(test, parent, "pixel"));
	file = kernfs_find_and_get(subdev->kobj.sd, "of_node");
	KUNIT_EXPECT_NOT_NULL(test, file);
	kernfs_put(file);
	iommu_subdev_destroy(subdev);
	subdev_test_del_device(test, parent);
}

/* The sub-device, dead or alive, holds its node; the last reference frees it. */
static void subdev_test_node_reference(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-nodes");
	struct fwnode_handle *node = child_node(test, parent, "pixel");
	struct kref *kref = &to_of_node(node)->kobj.kref;
	unsigned int refs = kref_read(kref);
	struct device *subdev;

	subdev = get_device(must_create_node(test, parent, "pixel"));
	iommu_subdev_destroy(subdev);
	/* One is that of must_create_node(), until the end of the test */
	KUNIT_EXPECT_EQ(test, kref_read(kref), refs + 2);
	put_device(subdev);
	wait_for_release(kref_read(kref) == refs + 1);
	KUNIT_EXPECT_EQ(test, kref_read(kref), refs + 1);
	subdev_test_del_device(test, parent);
}

/*
 * The users. What follows asks for contexts as their drivers do, on nodes that
 * are laid out as those of their devicetrees are.
 */

#define HOST1X_CONTEXTS		16

/* All contexts of host1x that firmware has. Returns how many. */
static int host1x_create(struct device *host1x, struct device **contexts, int *err)
{
	int n = 0;
	s64 id;

	*err = 0;
	for (id = iommu_subdev_next_id(host1x, 0); id >= 0 && n <= HOST1X_CONTEXTS;
	     id = iommu_subdev_next_id(host1x, id + 1)) {
		contexts[n] = iommu_subdev_create(host1x, id);
		*err = PTR_ERR_OR_ZERO(contexts[n]);
		if (*err)
			break;
		n++;
	}
	return n;
}

/* Of host1x in Tegra234 16 contexts come up, 8 behind each of two IOMMUs. */
static void subdev_test_users_host1x(struct kunit *test)
{
	struct device *host1x = subdev_test_add_device(test, "host1x");
	struct device *contexts[HOST1X_CONTEXTS + 1];
	int n, err;

	for (int round = 0; round < 2; round++) {
		n = host1x_create(host1x, contexts, &err);
		KUNIT_EXPECT_EQ(test, err, 0);
		KUNIT_EXPECT_EQ(test, n, HOST1X_CONTEXTS);
		for (int i = 0; i < n; i++) {
			KUNIT_EXPECT_EQ(test, dev_iommu_fwspec_get(contexts[i])->num_ids, 1);
			KUNIT_EXPECT_EQ(test, 0, dma_set_mask_and_coherent(contexts[i],
									   DMA_BIT_MASK(38)));
			mock_expect_translated(test, contexts[i], &mock_iommus[i / 8],
					       0x20 + i % 8);
		}
		for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++)
			mock_expect_left(test, &mock_iommus[i], 8);
		while (n--)
			iommu_subdev_destroy(contexts[n]);
		for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++)
			mock_expect_left(test, &mock_iommus[i], 0);
	}
	subdev_test_del_device(test, host1x);
}

/* The probe of host1x is deferred until both IOMMUs are there. */
static void subdev_test_users_host1x_defer(struct kunit *test)
{
	struct device *host1x = subdev_test_add_device(test, "host1x");
	struct device *contexts[HOST1X_CONTEXTS + 1];
	int n, err;

	for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++) {
		mock_unregister(&mock_iommus[i]);
		n = host1x_create(host1x, contexts, &err);
		KUNIT_EXPECT_EQ(test, err, -EPROBE_DEFER);
		KUNIT_EXPECT_EQ(test, n, i * 8);
		while (n--)
			iommu_subdev_destroy(contexts[n]);
		KUNIT_ASSERT_EQ(test, 0, mock_register(&mock_iommus[i]));
		mock_expect_left(test, &mock_iommus[0], 0);
		mock_expect_left(test, &mock_iommus[1], 0);
	}
	subdev_test_del_device(test, host1x);
}

#define GPCDMA_CHANNELS		32
#define GPCDMA_MASK		0xfffffffe

/*
 * The channels of the GPC DMA in Tegra264 are apart from each other and from
 * the controller, which has a stream of its own. They end with its driver.
 */
static void subdev_test_users_gpcdma(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *dma = subdev_test_add_device(test, "gpcdma");
	struct device *channels[GPCDMA_CHANNELS] = {};

	KUNIT_EXPECT_TRUE(test, device_iommu_mapped(dma));
	for (int i = 0; i < GPCDMA_CHANNELS; i++) {
		if (!(GPCDMA_MASK & BIT(i)))
			continue;
		channels[i] = devm_iommu_subdev_create(dma, i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, channels[i]);
		KUNIT_EXPECT_EQ(test, dev_iommu_fwspec_get(channels[i])->ids[0], 0x20 + i);
	}
	/* The channel that the mask leaves out is not in the map either */
	KUNIT_EXPECT_PTR_EQ(test, iommu_subdev_create(dma, 0), ERR_PTR(-ENODEV));
	mock_expect_left(test, t->mock, GPCDMA_CHANNELS);
	mock_expect_translated(test, dma, t->mock, 0x20);
	for (int i = 1; i < GPCDMA_CHANNELS; i++)
		mock_expect_translated(test, channels[i], t->mock, 0x20 + i);

	device_release_driver(dma);
	mock_expect_left(test, t->mock, 1);
	subdev_test_del_device(test, dma);
}

/*
 * Each context bank of fastrpc gets all its streams. One that has the stream of
 * another, as in SC8280XP, is told from one without any, as in SDM845.
 */
static void subdev_test_users_fastrpc(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *fastrpc = subdev_test_add_device(test, "fastrpc");
	struct device *bank;
	u32 reg;

	for (int round = 0; round < 2; round++) {
		int busy = 0, none = 0;

		for_each_available_child_of_node_scoped(fastrpc->of_node, np) {
			bank = devm_iommu_subdev_create_node(fastrpc, of_fwnode_handle(np));
			if (IS_ERR(bank)) {
				busy += bank == ERR_PTR(-EBUSY);
				none += bank == ERR_PTR(-ENODEV);
				continue;
			}
			KUNIT_EXPECT_EQ(test, 0, of_property_read_u32(np, "reg", &reg));
			KUNIT_EXPECT_TRUE(test, dev_is_dma_coherent(bank));
			KUNIT_EXPECT_EQ(test, 0, dma_set_mask(bank, DMA_BIT_MASK(34)));
			mock_expect_translated(test, bank, t->mock, 0x20 + reg);
			if (reg < 8)
				mock_expect_translated(test, bank, t->mock, reg);
		}
		KUNIT_EXPECT_EQ(test, busy, 1);
		KUNIT_EXPECT_EQ(test, none, 1);
		mock_expect_left(test, t->mock, 8);
		device_release_driver(fastrpc);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(fastrpc), 1);
	}
	subdev_test_del_device(test, fastrpc);
}

/* The probe of fastrpc is deferred until the IOMMU is there. */
static void subdev_test_users_fastrpc_defer(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *fastrpc = subdev_test_add_device(test, "fastrpc");

	mock_unregister(t->mock);
	for_each_available_child_of_node_scoped(fastrpc->of_node, np)
		expect_node_refused(test, fastrpc, of_fwnode_handle(np),
				    of_property_present(np, "iommus") ? -EPROBE_DEFER : -ENODEV);
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	subdev_test_del_device(test, fastrpc);
}

/*
 * The firmware of venus, ath10k and ath11k runs in a domain that the driver
 * attaches and maps itself, and reaches nothing else.
 */
static void subdev_test_users_firmware(struct kunit *test)
{
	static const char *const names[][2] = {
		{ "venus", "video-firmware" }, { "wifi", "wifi-firmware" },
	};
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *parent = subdev_test_add_device(test, names[i][0]);
		struct page *page = subdev_test_page(test);
		struct iommu_domain *domain;
		struct device *fw;

		fw = must_create_node(test, parent, names[i][1]);
		domain = iommu_paging_domain_alloc(fw);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
		KUNIT_EXPECT_EQ(test, 0, iommu_attach_device(domain, fw));
		KUNIT_EXPECT_EQ(test, 0, iommu_map(domain, 0, page_to_phys(page), PAGE_SIZE,
						   IOMMU_READ | IOMMU_WRITE, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 2 + i, 0), page_to_phys(page));
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 2 + i, PAGE_SIZE), MOCK_FAULT);

		KUNIT_EXPECT_EQ(test, iommu_unmap(domain, 0, PAGE_SIZE), PAGE_SIZE);
		iommu_detach_device(domain, fw);
		iommu_domain_free(domain);
		iommu_subdev_destroy(fw);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, 2 + i));
		subdev_test_del_device(test, parent);
		__free_page(page);
	}
}

static struct device *iris_get_context(struct device *iris, const char *name)
{
	struct fwnode_handle *node = device_get_named_child_node(iris, name);
	struct device *dev;

	if (!node)
		return iris;
	dev = devm_iommu_subdev_create_node(iris, node);
	fwnode_handle_put(node);
	return dev;
}

/*
 * With child nodes the buffers of iris are in three address spaces, and what its
 * firmware runs from is mapped for that alone; without, all are in its own.
 */
static void subdev_test_users_iris(struct kunit *test)
{
	static const char *const names[] = { "non-pixel", "pixel", "firmware" };
	struct subdev_test *t = test->priv;
	struct device *iris, *old, *context;

	t->mock->ops.get_resv_regions = iommu_dma_get_resv_regions;
	iris = subdev_test_add_device(test, "iris");
	old = subdev_test_add_device(test, "venus");
	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		KUNIT_EXPECT_PTR_EQ(test, iris_get_context(old, names[i]), old);
		context = iris_get_context(iris, names[i]);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, context);
		KUNIT_EXPECT_PTR_NE(test, context, iris);
		mock_expect_translated(test, context, t->mock, 0x28 + i);
	}
	mock_expect_left(test, t->mock, 3 + 1);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x28, SZ_1G + SZ_1M), MOCK_FAULT);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x29, SZ_1G + SZ_1M), MOCK_FAULT);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, 0x2a, SZ_1G + SZ_1M), SZ_1G + SZ_1M);

	device_release_driver(iris);
	for (int i = 0; i < ARRAY_SIZE(names); i++)
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, 0x28 + i));
	subdev_test_del_device(test, iris);
	subdev_test_del_device(test, old);
	/* The pages that the core mapped for firmware die with their domain */
	subdev_test_let_release();
	atomic_set(&t->mock->forgotten_pages, 0);
}

/* The end */

struct death {
	struct kunit *test;
	struct device *subdev;
	struct page *page;
	dma_addr_t iova;
	dma_addr_t coherent;
	unsigned int calls;
};

static void expect_alive(void *data)
{
	struct death *death = data;
	struct kunit *test = death->test;
	struct subdev_test *t = test->priv;
	struct iommu_group *group = iommu_group_get(death->subdev);

	death->calls++;
	KUNIT_EXPECT_NOT_NULL(test, group);
	if (group) {
		int ret = iommu_group_claim_dma_owner(group, test);

		KUNIT_EXPECT_EQ(test, ret, -EPERM);
		if (!ret)
			iommu_group_release_dma_owner(group);
		iommu_group_put(group);
	}
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), death->iova),
			page_to_phys(death->page));
	dma_unmap_page(death->subdev, death->iova, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), death->iova), MOCK_FAULT);
	/* It is older, so it is still there */
	KUNIT_EXPECT_NE(test, mock_dma(t->mock, STREAM_A(1), death->coherent), MOCK_FAULT);
}

/* @death gets a page mapped, memory and an action that are managed on it. */
static void prepare_death(struct kunit *test, struct death *death,
			  struct device *subdev)
{
	*death = (struct death) { .test = test, .subdev = subdev };
	death->page = subdev_test_page(test);
	KUNIT_ASSERT_NOT_NULL(test, dmam_alloc_coherent(subdev, PAGE_SIZE,
							&death->coherent, GFP_KERNEL));
	death->iova = dma_map_page(subdev, death->page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, dma_mapping_error(subdev, death->iova), 0);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, expect_alive, death));
}

static void expect_dead(struct kunit *test, struct death *death)
{
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, death->calls, 1);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	/* dmam_alloc_coherent() was undone in the domain that it was done in */
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	mock_expect_left(test, t->mock, 0);
	__free_page(death->page);
}

/*
 * Frees @subdev if it was created by a form that is not managed. Unbinding the
 * parent has destroyed it, but its driver may not know.
 */
static void free_forgotten(int form, struct device *subdev)
{
	if (!subdev_test_is_managed(form))
		iommu_subdev_destroy(subdev);
}

/* Destroy ends what is managed while it is owned, attached and can be unmapped. */
static void subdev_test_order_of_death(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		iommu_subdev_destroy(subdev);
		expect_dead(test, &death);
	}
}

/* When the parent's driver unbinds, the same order of death holds. */
static void subdev_test_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		device_release_driver(t->parent);
		free_forgotten(i, subdev);
		expect_dead(test, &death);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static void rebind_iommu_and_parent(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->mock->dev);
	KUNIT_EXPECT_NULL(test, t->parent->driver);
	KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
}

static void expect_registered(void *data)
{
	struct kunit *test = data;
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, t->mock->registered);
}

/*
 * When the driver of the IOMMU unbinds, that of the parent is unbound before, so
 * nobody uses a sub-device while its IOMMU goes.
 */
static void subdev_test_iommu_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, expect_registered, test));
		rebind_iommu_and_parent(test);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		free_forgotten(i, subdev);
		expect_dead(test, &death);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static bool wait_asleep(struct task_struct *task)
{
	for (int i = 0; i < 1000; i++) {
		if (READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE)
			return true;
		msleep(20);
	}
	return false;
}

static struct mock_gate *change_gate;

static void pass_change_gate(void)
{
	/* With CONFIG_DEBUG_TEST_DRIVER_REMOVE there are more changes */
	mock_gate_pass(&change_gate);
}

static void register_and_pass_gate(void)
{
	if (!mock_iommus[0].registered)
		mock_register(&mock_iommus[0]);
	pass_change_gate();
}

static void thread_unbind_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_release_driver(t->mock->dev);
}

static void thread_bind_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->bad = device_attach(t->mock->dev) != 1;
}

static void thread_create_one(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->subdev = thread->create(t->parent, thread->id);
}

/*
 * A create waits while the driver of the IOMMU comes or goes. It works with one
 * that came and is deferred by one that went, though both are registered when it
 * begins.
 */
static void subdev_test_iommu_driver_changes(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread changer = {}, creator = {
			.id = 1, .create = subdev_test_forms[i],
		};
		struct mock_gate gate;

		mock_init_gate(&gate);
		change_gate = &gate;
		mock_on_change = pass_change_gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &changer,
							       thread_unbind_iommu));
		wait_for_completion(&gate.reached);
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
		KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
		complete(&gate.go);
		subdev_test_join_thread(&changer);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		mock_expect_left(test, t->mock, 0);

		mock_init_gate(&gate);
		change_gate = &gate;
		mock_on_change = register_and_pass_gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &changer,
							       thread_bind_iommu));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
		KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
		complete(&gate.go);
		subdev_test_join_thread(&changer);
		subdev_test_join_thread(&creator);
		mock_on_change = NULL;
		KUNIT_EXPECT_EQ(test, changer.bad, 0);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, creator.subdev);
		mock_expect_translated(test, creator.subdev, t->mock, STREAM_A(1));
		iommu_subdev_destroy(creator.subdev);
		/* So that no link to the parent is left */
		device_release_driver(t->parent);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/* Unbinding the parent destroys many sub-devices, managed and forgotten. */
static void subdev_test_unbind_many(struct kunit *test)
{
	const int forms = ARRAY_SIZE(subdev_test_forms);
	struct subdev_test *t = test->priv;
	struct device *many[8], *subdev;

	for (int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = subdev_test_forms[i % forms](t->parent, i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, many[i]);
	}
	/* Those of another parent do not */
	subdev = subdev_test_must_create(test, t->parent_b, 1);
	device_release_driver(t->parent);
	for (int i = 0; i < ARRAY_SIZE(many); i++) {
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(i)));
		free_forgotten(i % forms, many[i]);
	}
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, subdev, t->mock, STREAM_B(1));
	iommu_subdev_destroy(subdev);
}

struct unwound {
	struct kunit *test;
	unsigned int calls;
	unsigned int left;
	int err;
	struct completion *reached;
};

static void parent_action(void *data)
{
	struct unwound *unwound = data;
	struct subdev_test *t = unwound->test->priv;
	struct device *subdev;

	unwound->calls++;
	unwound->left = atomic_read(&t->mock->devices);
	subdev = iommu_subdev_create(t->parent, 2);
	unwound->err = PTR_ERR_OR_ZERO(subdev);
	if (unwound->reached)
		complete(unwound->reached);
}

/*
 * What the driver manages on the parent after a create is released while that
 * sub-device is there, what is older when it is gone, and no sub-device can be
 * created then.
 */
static void subdev_test_unbind_order(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct unwound older = { test }, newer = { test };
		struct device *subdev;

		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &older));
		subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));
		device_release_driver(t->parent);
		free_forgotten(i, subdev);

		KUNIT_EXPECT_EQ(test, newer.calls, 1);
		KUNIT_EXPECT_EQ(test, newer.left, 1);
		KUNIT_EXPECT_EQ(test, newer.err, -EINVAL);
		KUNIT_EXPECT_EQ(test, older.calls, 1);
		KUNIT_EXPECT_EQ(test, older.left, 0);
		KUNIT_EXPECT_EQ(test, older.err, -EINVAL);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

static struct device *made_in_probe[ARRAY_SIZE(subdev_test_forms)];
static int probe_result;

static int create_in_probe(struct device *parent)
{
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		/* CONFIG_DEBUG_TEST_DRIVER_REMOVE has removed the driver meanwhile */
		if (made_in_probe[i])
			free_forgotten(i, made_in_probe[i]);
		made_in_probe[i] = subdev_test_forms[i](parent, i);
	}
	return probe_result;
}

/* A driver may create in its probe function; if that fails they are gone. */
static void subdev_test_probe(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	subdev_test_on_probe = create_in_probe;

	probe_result = -ENXIO;
	KUNIT_EXPECT_LE(test, device_attach(t->parent), 0);
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, made_in_probe[i]);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(i)));
		free_forgotten(i, made_in_probe[i]);
		made_in_probe[i] = NULL;
	}
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
	mock_expect_left(test, t->mock, 0);

	probe_result = 0;
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, made_in_probe[i]);
		mock_expect_translated(test, made_in_probe[i], t->mock, STREAM_A(i));
		iommu_subdev_destroy(made_in_probe[i]);
		made_in_probe[i] = NULL;
	}
}

static int err_in_remove;

static void create_in_remove(struct device *parent)
{
	err_in_remove = PTR_ERR_OR_ZERO(iommu_subdev_create(parent, 1));
}

/* The remove function of a driver cannot create any more. */
static void subdev_test_remove(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_test_on_remove = create_in_remove;
	device_release_driver(t->parent);
	KUNIT_EXPECT_EQ(test, err_in_remove, -EINVAL);
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
}

/* A reference to a sub-device keeps it and its parent, even when both are deleted. */
static void subdev_test_reference(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-narrow");
	struct device *subdev[2];

	get_device(parent);
	subdev[0] = get_device(subdev_test_must_create(test, parent, 1));
	subdev[1] = devm_iommu_subdev_create(parent, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev[1]);
	get_device(subdev[1]);

	iommu_subdev_destroy(subdev[0]);
	/* The other one is destroyed by this */
	subdev_test_del_device(test, parent);
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
	/* Device links let go of it later */
	device_link_wait_removal();
	/* This one, and one for each sub-device */
	wait_for_release(kref_read(&parent->kobj.kref) == 3);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 3);

	KUNIT_EXPECT_STREQ(test, dev_name(subdev[0]->parent), dev_name(parent));
	put_device(subdev[0]);
	wait_for_release(kref_read(&parent->kobj.kref) == 2);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 2);
	KUNIT_EXPECT_STREQ(test, dev_name(subdev[1]->parent), dev_name(parent));
	put_device(subdev[1]);
	wait_for_release(kref_read(&parent->kobj.kref) == 1);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 1);
	put_device(parent);
	mock_expect_left(test, t->mock, 0);
}

/* destroy, unbind of the parent's driver, unbind of that of the IOMMU */
static const char *const end_orders[] = {
	"dur", "dru", "udr", "urd", "rdu", "rud",
};

static void end_order_desc(const char *const *order, char *desc)
{
	strscpy(desc, *order, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(end_order, end_orders, end_order_desc);

/*
 * Destroy and both unbinds can come in any order, with a reference to what is
 * managed. The first of them ends the sub-device.
 */
static void subdev_test_end_order(struct kunit *test)
{
	const char *order = *(const char *const *)test->param_value;
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		get_device(subdev);
		for (const char *step = order; *step; step++) {
			switch (*step) {
			case 'd':
				iommu_subdev_destroy(subdev);
				break;
			case 'u':
				device_release_driver(t->parent);
				break;
			case 'r':
				device_release_driver(t->mock->dev);
				break;
			}
			KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		}
		put_device(subdev);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* Threads */

static void thread_destroy_one(struct subdev_thread *thread)
{
	iommu_subdev_destroy(thread->subdev);
}

/* An ID is taken while a create of it is under way, and while a destroy is. */
static void subdev_test_eexist_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct subdev_thread thread = { .id = 1, .create = subdev_test_forms[i] };
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.attach_gate = &gate;
		if (!subdev_test_run_thread(test, &thread, thread_create_one))
			return;
		wait_for_completion(&gate.reached);
		subdev_expect_refused(test, t->parent, 1, -EEXIST);
		complete(&gate.go);
		subdev_test_join_thread(&thread);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread.subdev);
		mock_expect_translated(test, thread.subdev, t->mock, STREAM_A(1));

		mock_init_gate(&gate);
		t->mock->does.block_gate = &gate;
		if (!subdev_test_run_thread(test, &thread, thread_destroy_one))
			return;
		wait_for_completion(&gate.reached);
		subdev_expect_refused(test, t->parent, 1, -EEXIST);
		complete(&gate.go);
		subdev_test_join_thread(&thread);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static struct mock_gate *removed_gate;

static int pass_removed_gate(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		mock_gate_pass(&removed_gate);
	return NOTIFY_DONE;
}

/* A create waits for a destroy that has not freed the name yet. */
static void subdev_test_name_under_way(struct kunit *test)
{
	struct notifier_block nb = { .notifier_call = pass_removed_gate };
	struct subdev_thread creator = { .id = 1, .create = iommu_subdev_create };
	struct subdev_thread destroyer = {};
	struct subdev_test *t = test->priv;
	const struct bus_type *bus;
	struct mock_gate gate;

	destroyer.subdev = subdev_test_must_create(test, t->parent, 1);
	bus = destroyer.subdev->bus;
	KUNIT_ASSERT_EQ(test, 0, bus_register_notifier(bus, &nb));
	mock_init_gate(&gate);
	removed_gate = &gate;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &destroyer, thread_destroy_one));
	wait_for_completion(&gate.reached);
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator, thread_create_one));
	KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
	KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
	complete(&gate.go);
	subdev_test_join_thread(&creator);
	subdev_test_join_thread(&destroyer);
	KUNIT_EXPECT_EQ(test, 0, bus_unregister_notifier(bus, &nb));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, creator.subdev);
	mock_expect_translated(test, creator.subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(creator.subdev);
}

static void thread_unbind(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_release_driver(t->parent);
}

/* An unbind waits for a create that is under way, which then fails. */
static void subdev_test_unbind_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = { .id = 1, .create = subdev_test_forms[i] };
		struct subdev_thread unbinder = {};
		DECLARE_COMPLETION_ONSTACK(reached);
		struct unwound newer = { test, .reached = &reached };
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.attach_gate = &gate;
		if (!subdev_test_run_thread(test, &creator, thread_create_one))
			return;
		wait_for_completion(&gate.reached);
		/* This is released before the unbind comes to the new sub-device */
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));
		if (subdev_test_run_thread(test, &unbinder, thread_unbind)) {
			wait_for_completion(&reached);
			KUNIT_EXPECT_TRUE(test, wait_asleep(unbinder.task));
			KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
			complete(&gate.go);
			subdev_test_join_thread(&unbinder);
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
			KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		} else {
			complete(&gate.go);
		}
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EINVAL));
		KUNIT_EXPECT_EQ(test, newer.err, -EINVAL);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static void pass_gate(void *data)
{
	struct mock_gate *gate = data;

	complete(&gate->reached);
	wait_for_completion(&gate->go);
}

/*
 * A create that comes to the device link after the unbind has begun adds none: the
 * IOMMU could be unbound before the parent then.
 */
static void subdev_test_unbind_before_link(struct kunit *test)
{
	struct subdev_thread creator = { .id = 1, .create = iommu_subdev_create };
	struct subdev_test *t = test->priv;
	struct subdev_thread unbinder = {};
	struct mock_gate gate;

	mock_init_gate(&gate);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, pass_gate, &gate));
	device_lock(t->mock->dev);
	KUNIT_EXPECT_TRUE(test, subdev_test_run_thread(test, &creator, thread_create_one));
	KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
	KUNIT_EXPECT_TRUE(test, subdev_test_run_thread(test, &unbinder, thread_unbind));
	KUNIT_EXPECT_TRUE(test, wait_asleep(unbinder.task));
	device_unlock(t->mock->dev);
	subdev_test_join_thread(&creator);
	KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EINVAL));
	/* The unbind has still to release what is older than the sub-device */
	wait_for_completion(&gate.reached);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->parent->links.suppliers));
	complete(&gate.go);
	subdev_test_join_thread(&unbinder);
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
}

/* An unbind waits for a destroy that is under way, and does not repeat it. */
static void subdev_test_unbind_during_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread destroyer = {}, unbinder = {};
		DECLARE_COMPLETION_ONSTACK(reached);
		struct unwound newer = { test, .reached = &reached };
		struct mock_gate gate;

		destroyer.subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, destroyer.subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));

		mock_init_gate(&gate);
		t->mock->does.block_gate = &gate;
		if (!subdev_test_run_thread(test, &destroyer, thread_destroy_one))
			return;
		wait_for_completion(&gate.reached);
		if (subdev_test_run_thread(test, &unbinder, thread_unbind)) {
			wait_for_completion(&reached);
			KUNIT_EXPECT_TRUE(test, wait_asleep(unbinder.task));
			KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
			complete(&gate.go);
			subdev_test_join_thread(&unbinder);
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		} else {
			complete(&gate.go);
		}
		subdev_test_join_thread(&destroyer);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/*
 * An unbind of the IOMMU's driver waits for a create that is under way, and
 * unbinds the parent then.
 */
static void subdev_test_iommu_unbind_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = { .id = 1, .create = subdev_test_forms[i] };
		struct subdev_thread unbinder = {};
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.finalize_gate = &gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		KUNIT_EXPECT_TRUE(test, wait_asleep(unbinder.task));
		KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_NULL(test, t->parent->driver);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		free_forgotten(i, creator.subdev);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/*
 * While the unbind of the IOMMU's driver unbinds one parent, no other parent gets
 * a sub-device that would be left without its IOMMU.
 */
static void subdev_test_iommu_going(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1), *other;
		struct subdev_thread unbinder = {};
		struct mock_gate gate;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		mock_init_gate(&gate);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, pass_gate, &gate));
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		wait_for_completion(&gate.reached);
		other = iommu_subdev_create(t->parent_b, 1);
		KUNIT_EXPECT_PTR_EQ(test, other, ERR_PTR(-EPROBE_DEFER));
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		free_forgotten(i, subdev);
		iommu_subdev_destroy(other);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_B(1)));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		if (!t->parent_b->driver)
			KUNIT_ASSERT_EQ(test, device_attach(t->parent_b), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		subdev_expect_works(test, t->parent_b, 1, t->mock, STREAM_B(1));
	}
}

/* As the remove function of its driver does */
static void thread_unregister_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_lock(t->mock->dev);
	mock_unregister(t->mock);
	device_unlock(t->mock->dev);
}

/* While a device is configured, its IOMMU does not change. */
static void subdev_test_iommu_unregister_during_xlate(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread unregister = {}, creator = {
			.id = 1, .create = subdev_test_forms[i],
		};
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.xlate_gate = &gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unregister,
							       thread_unregister_iommu));
		KUNIT_EXPECT_TRUE(test, wait_asleep(unregister.task));
		KUNIT_EXPECT_FALSE(test, completion_done(&unregister.done));
		KUNIT_EXPECT_NOT_NULL(test, iommu_ops_from_fwnode(dev_fwnode(t->mock->dev)));
		complete(&gate.go);
		subdev_test_join_thread(&creator);
		subdev_test_join_thread(&unregister);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* Some drivers remove the IOMMU from sysfs before they unregister it. */
static void subdev_test_iommu_sysfs_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = {
			.id = 1, .create = subdev_test_forms[i],
		};

		device_lock(t->mock->dev);
		iommu_device_sysfs_remove(&t->mock->iommu);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
		iommu_device_unregister(&t->mock->iommu);
		device_unlock(t->mock->dev);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		iommu_subdev_destroy(creator.subdev);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* A device that is added while an IOMMU is unregistered does not get it. */
static void subdev_test_iommu_unregister_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device_node *np = subdev_test_find_node(test, "foreign");
	struct subdev_thread unregister = {};
	struct platform_device *late;
	struct mock_gate gate;
	struct device *dev;

	dev = subdev_test_add_device(test, "foreign-alone");
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(dev));
	device_release_driver(dev);
	mock_init_gate(&gate);
	t->mock->does.block_gate = &gate;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unregister,
						       thread_unregister_iommu));
	wait_for_completion(&gate.reached);
	late = of_platform_device_create(np, NULL, NULL);
	of_node_put(np);
	KUNIT_EXPECT_NOT_NULL(test, late);
	KUNIT_EXPECT_FALSE(test, late && device_iommu_mapped(&late->dev));
	complete(&gate.go);
	subdev_test_join_thread(&unregister);
	mock_expect_left(test, t->mock, 0);
	if (late)
		of_platform_device_destroy(&late->dev, NULL);
	subdev_test_del_device(test, dev);
}

/* Create checks the IOMMU that is registered when it probes, not an earlier one. */
static void subdev_test_iommu_replaced(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = {
			.id = 1, .create = subdev_test_forms[i],
		};

		device_lock(t->mock->dev);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, wait_asleep(creator.task));
		mock_unregister(t->mock);
		t->mock->ops.release_domain = NULL;
		KUNIT_EXPECT_EQ(test, 0, mock_register(t->mock));
		device_unlock(t->mock->dev);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EOPNOTSUPP));
		iommu_subdev_destroy(creator.subdev);
		t->mock->ops.release_domain = &mock_blocked_domain;
		mock_expect_left(test, t->mock, 0);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* An unbind of the IOMMU's driver waits for a destroy that is under way. */
static void subdev_test_iommu_unbind_during_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread destroyer = {}, unbinder = {};
		struct mock_gate gate;

		destroyer.subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, destroyer.subdev);
		mock_init_gate(&gate);
		/* With and without device_lock() of the IOMMU */
		if (i & 1)
			t->mock->does.block_gate = &gate;
		else
			KUNIT_ASSERT_EQ(test, 0, devm_add_action(destroyer.subdev, pass_gate,
								 &gate));
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &destroyer,
							       thread_destroy_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		KUNIT_EXPECT_TRUE(test, wait_asleep(unbinder.task));
		KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		subdev_test_join_thread(&destroyer);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

#define NR_THREADS	6
#define NR_ROUNDS	60
#define NR_WINS		5

static void thread_churn_own(struct subdev_thread *thread)
{
	const unsigned int forms = ARRAY_SIZE(subdev_test_forms);
	struct subdev_test *t = thread->test->priv;

	for (int i = 0; i < NR_ROUNDS; i++) {
		struct device *subdev;

		subdev = subdev_test_forms[i % forms](t->parent, thread->id);
		if (IS_ERR(subdev)) {
			thread->bad++;
			continue;
		}
		mock_expect_translated(thread->test, subdev, t->mock, STREAM_A(thread->id));
		iommu_subdev_destroy(subdev);
	}
}

/* Threads with IDs of their own never get in each other's way. */
static void subdev_test_threads_own_id(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	int n;

	t->mock->does.yield = true;
	for (n = 0; n < NR_THREADS; n++) {
		threads[n].id = n;
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_own))
			break;
	}
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
	}
}

static atomic_t holders, losses;

/* Until one came too early: the scheduler may run them one after the other. */
static void thread_churn_same(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	while ((thread->won < NR_WINS || !atomic_read(&losses)) &&
	       thread->won < 100 * NR_WINS && !thread->bad) {
		struct device *subdev;

		subdev = subdev_test_forms[thread->won % SUBDEV_TEST_NR_ID_FORMS](t->parent, 1);
		if (IS_ERR(subdev)) {
			if (subdev != ERR_PTR(-EEXIST))
				thread->bad++;
			atomic_inc(&losses);
			schedule();
			continue;
		}
		if (atomic_inc_return(&holders) != 1)
			thread->bad++;
		schedule();
		atomic_dec(&holders);
		thread->won++;
		iommu_subdev_destroy(subdev);
	}
}

/* Of threads that create for the same ID, one at a time succeeds. */
static void subdev_test_threads_same_id(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	unsigned int won = 0;
	int n;

	t->mock->does.yield = true;
	atomic_set(&losses, 0);
	for (n = 0; n < NR_THREADS; n++)
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_same))
			break;
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
		won += threads[n].won;
	}
	KUNIT_EXPECT_GT(test, atomic_read(&losses), 0);
	kunit_info(test, "%u creates won, %d came too early\n", won, atomic_read(&losses));
}

static void thread_churn_unbound(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	for (int i = 0; i < NR_ROUNDS; i++) {
		int form = i % SUBDEV_TEST_NR_ID_FORMS;
		struct device *subdev;
		int err;

		subdev = subdev_test_forms[form](t->parent, thread->id);
		err = PTR_ERR_OR_ZERO(subdev);
		if (!err)
			thread->won++;
		else if (err != -EEXIST && err != -EINVAL)
			thread->bad++;
		schedule();
		/* Only the unbind destroys what is managed: nobody knows when */
		if (!err)
			free_forgotten(form, subdev);
	}
}

/* The parent's driver may be bound and unbound while threads create. */
static void subdev_test_threads_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	int n;

	t->mock->does.yield = true;
	for (n = 0; n < NR_THREADS; n++) {
		threads[n].id = n;
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_unbound))
			break;
	}
	for (int i = 0; i < NR_ROUNDS; i++) {
		device_release_driver(t->parent);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		fsleep(2000);
		/* Nobody would remove a link that came too late */
		KUNIT_EXPECT_TRUE(test, list_empty(&t->parent->links.suppliers));
		KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
		schedule();
	}
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
	}
	device_release_driver(t->parent);
	mock_expect_left(test, t->mock, 0);
}

/* Every allocation fails once */

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
#define SWEEP_MAX	5000

static void allow_faults(struct kunit *test, bool pages)
{
	if (!subdev_test_allow_faults(pages))
		kunit_skip(test, "needs CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC");
}

static void start_failing(void *nth)
{
	current->fail_nth = *(unsigned int *)nth;
}

static void stop_failing(void *left)
{
	*(unsigned int *)left = current->fail_nth;
	current->fail_nth = 0;
}

/* @linked: the parent and its IOMMU are linked by an earlier create */
static void sweep_create(struct kunit *test, subdev_create_fn create, int streams,
			 bool linked)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left, failed = 0;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev;

		start_failing(&nth);
		subdev = create(t->parent, 1);
		stop_failing(&left);

		/* What was told apart from success was told right */
		if (IS_ERR(subdev)) {
			failed++;
			/* A device link that cannot be added has no error */
			if (linked || subdev != ERR_PTR(-EINVAL))
				KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(subdev), -ENOMEM,
						    "allocation %u", nth);
		} else {
			/* All or none */
			KUNIT_EXPECT_EQ(test, dev_iommu_fwspec_get(subdev)->num_ids, streams);
			mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
			iommu_subdev_destroy(subdev);
		}

		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		KUNIT_EXPECT_EQ(test, subdev_test_node_refs(t), t->refs);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		if (!linked)
			rebind_iommu_and_parent(test);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	KUNIT_EXPECT_GT(test, failed, 20);
	kunit_info(test, "%u allocations swept, create survived %u\n", nth - 1,
		   nth - 1 - failed);
}

/* Each allocation that fails makes create fail, with nothing left behind. */
static void subdev_test_enomem_create(struct kunit *test)
{
	sweep_create(test, iommu_subdev_create, 1, false);
}

/* So does each of the managed form. */
static void subdev_test_enomem_devm_create(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	iommu_subdev_destroy(subdev_test_must_create(test, t->parent, 1));
	sweep_create(test, devm_iommu_subdev_create, 1, true);
}

/* And with a node. */
static void subdev_test_enomem_create_node(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->ops.get_resv_regions = iommu_dma_get_resv_regions;
	sweep_create(test, subdev_test_create_of_node, 2, false);
}

/* A context without its window is none: DMA addresses would be anywhere. */
static void subdev_test_enomem_window(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-narrow");
	struct subdev_test *t = test->priv;
	unsigned int nth, left, failed = 0;

	allow_faults(test, false);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev;

		start_failing(&nth);
		subdev = iommu_subdev_create(parent, 1);
		stop_failing(&left);
		if (IS_ERR(subdev))
			failed++;
		else
			KUNIT_EXPECT_NOT_NULL_MSG(test, subdev->dma_range_map,
						  "allocation %u", nth);
		iommu_subdev_destroy(subdev);
		mock_expect_left(test, t->mock, 0);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	KUNIT_EXPECT_GT(test, failed, 20);
	kunit_info(test, "%u allocations swept, create survived %u\n", nth - 1,
		   nth - 1 - failed);
	subdev_test_del_device(test, parent);
}

/* Destroy does its work without memory. */
static void subdev_test_enomem_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev = subdev_test_must_create(test, t->parent, 1);

		start_failing(&nth);
		iommu_subdev_destroy(subdev);
		stop_failing(&left);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	kunit_info(test, "%u allocations swept\n", nth - 1);
}

/* So does what is managed when the parent's driver unbinds. */
static void subdev_test_enomem_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, stop_failing, &left));
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, devm_iommu_subdev_create(t->parent, 1));
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, start_failing, &nth));
		device_release_driver(t->parent);

		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	kunit_info(test, "%u allocations swept\n", nth - 1);
}
#else /* !CONFIG_FAULT_INJECTION_DEBUG_FS */
static void subdev_test_enomem_create(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAULT_INJECTION_DEBUG_FS");
}

#define subdev_test_enomem_devm_create	subdev_test_enomem_create
#define subdev_test_enomem_create_node	subdev_test_enomem_create
#define subdev_test_enomem_window	subdev_test_enomem_create
#define subdev_test_enomem_destroy	subdev_test_enomem_create
#define subdev_test_enomem_unbind	subdev_test_enomem_create
#endif /* CONFIG_FAULT_INJECTION_DEBUG_FS */

/* The suites */

static struct kunit_case subdev_test_error_cases[] = {
	KUNIT_CASE(subdev_test_einval_null),
	KUNIT_CASE(subdev_test_einval_unregistered),
	KUNIT_CASE(subdev_test_einval_unbound),
	KUNIT_CASE(subdev_test_einval_subdev),
	KUNIT_CASE(subdev_test_enodev_id),
	KUNIT_CASE(subdev_test_enodev_map),
	KUNIT_CASE(subdev_test_enodev_disabled),
	KUNIT_CASE(subdev_test_enodev_fwnode),
	KUNIT_CASE(subdev_test_enodev_taken),
	KUNIT_CASE(subdev_test_eprobe_defer),
	KUNIT_CASE(subdev_test_eprobe_defer_found),
	KUNIT_CASE(subdev_test_eexist),
	KUNIT_CASE(subdev_test_same_id_of_two_parents),
	KUNIT_CASE(subdev_test_ebusy_foreign_first),
	KUNIT_CASE(subdev_test_ebusy_foreign_later),
	KUNIT_CASE(subdev_test_ebusy_same_stream),
	KUNIT_CASE(subdev_test_ebusy_ignored_bits),
	KUNIT_CASE(subdev_test_ebusy_parent),
	KUNIT_CASE(subdev_test_ebusy_single_group),
	KUNIT_CASE(subdev_test_ebusy_duplicate),
	KUNIT_CASE(subdev_test_eopnotsupp),
	KUNIT_CASE(subdev_test_eopnotsupp_ids),
	KUNIT_CASE(subdev_test_eopnotsupp_device),
	KUNIT_CASE(subdev_test_eopnotsupp_ops),
	KUNIT_CASE(subdev_test_driver_errors),
	KUNIT_CASE(subdev_test_enxio),
	KUNIT_CASE(subdev_test_attach_error),
	{}
};

static struct kunit_case subdev_test_cases[] = {
	KUNIT_CASE(subdev_test_create),
	KUNIT_CASE(subdev_test_next_id),
	KUNIT_CASE(subdev_test_destroy_nothing),
	KUNIT_CASE(subdev_test_destroy_other),
	KUNIT_CASE(subdev_test_destroy_again),
	KUNIT_CASE(subdev_test_again),
	KUNIT_CASE(subdev_test_passthrough),
	KUNIT_CASE(subdev_test_ownership),
	KUNIT_CASE(subdev_test_domain_shared),
	KUNIT_CASE(subdev_test_no_driver),
	KUNIT_CASE(subdev_test_identity_early),
	KUNIT_CASE(subdev_test_names),
	KUNIT_CASE(subdev_test_long_name),
	KUNIT_CASE(subdev_test_tracepoints),
	KUNIT_CASE(subdev_test_same_iova),
	KUNIT_CASE(subdev_test_masks),
	KUNIT_CASE(subdev_test_dma_parms),
	KUNIT_CASE(subdev_test_dma_ranges),
	KUNIT_CASE(subdev_test_coherency),
	KUNIT_CASE(subdev_test_own_domain),
	KUNIT_CASE(subdev_test_reserved),
	KUNIT_CASE(subdev_test_direct),
	{}
};

static struct kunit_case subdev_test_node_cases[] = {
	KUNIT_CASE(subdev_test_node_reach),
	KUNIT_CASE(subdev_test_node_einval),
	KUNIT_CASE(subdev_test_node_enodev),
	KUNIT_CASE(subdev_test_node_enodev_software),
	KUNIT_CASE(subdev_test_node_eprobe_defer),
	KUNIT_CASE(subdev_test_node_eexist),
	KUNIT_CASE(subdev_test_node_ebusy),
	KUNIT_CASE(subdev_test_node_ebusy_group),
	KUNIT_CASE(subdev_test_node_exdev),
	KUNIT_CASE(subdev_test_node_dma_ranges),
	KUNIT_CASE(subdev_test_node_efault),
	KUNIT_CASE(subdev_test_node_coherency),
	KUNIT_CASE(subdev_test_node_noncoherent),
	KUNIT_CASE(subdev_test_node_reserved),
	KUNIT_CASE(subdev_test_node_names),
	KUNIT_CASE(subdev_test_node_reference),
	{}
};

static struct kunit_case subdev_test_users_cases[] = {
	KUNIT_CASE(subdev_test_users_host1x),
	KUNIT_CASE(subdev_test_users_host1x_defer),
	KUNIT_CASE(subdev_test_users_gpcdma),
	KUNIT_CASE(subdev_test_users_fastrpc),
	KUNIT_CASE(subdev_test_users_fastrpc_defer),
	KUNIT_CASE(subdev_test_users_firmware),
	KUNIT_CASE(subdev_test_users_iris),
	{}
};

static struct kunit_case subdev_test_end_cases[] = {
	KUNIT_CASE(subdev_test_order_of_death),
	KUNIT_CASE(subdev_test_unbind),
	KUNIT_CASE(subdev_test_iommu_unbind),
	KUNIT_CASE(subdev_test_iommu_driver_changes),
	KUNIT_CASE(subdev_test_unbind_many),
	KUNIT_CASE(subdev_test_unbind_order),
	KUNIT_CASE(subdev_test_probe),
	KUNIT_CASE(subdev_test_remove),
	KUNIT_CASE(subdev_test_reference),
	KUNIT_CASE_PARAM(subdev_test_end_order, end_order_gen_params),
	{}
};

static struct kunit_case subdev_test_thread_cases[] = {
	KUNIT_CASE(subdev_test_eexist_under_way),
	KUNIT_CASE(subdev_test_name_under_way),
	KUNIT_CASE(subdev_test_unbind_under_way),
	KUNIT_CASE(subdev_test_unbind_before_link),
	KUNIT_CASE(subdev_test_unbind_during_destroy),
	KUNIT_CASE(subdev_test_iommu_going),
	KUNIT_CASE(subdev_test_iommu_unbind_under_way),
	KUNIT_CASE(subdev_test_iommu_unregister_during_xlate),
	KUNIT_CASE(subdev_test_iommu_sysfs_first),
	KUNIT_CASE(subdev_test_iommu_unregister_first),
	KUNIT_CASE(subdev_test_iommu_replaced),
	KUNIT_CASE(subdev_test_iommu_unbind_during_destroy),
	KUNIT_CASE(subdev_test_threads_own_id),
	KUNIT_CASE(subdev_test_threads_same_id),
	KUNIT_CASE(subdev_test_threads_unbind),
	{}
};

static struct kunit_case subdev_test_enomem_cases[] = {
	KUNIT_CASE_SLOW(subdev_test_enomem_create),
	KUNIT_CASE_SLOW(subdev_test_enomem_devm_create),
	KUNIT_CASE_SLOW(subdev_test_enomem_create_node),
	KUNIT_CASE_SLOW(subdev_test_enomem_window),
	KUNIT_CASE_SLOW(subdev_test_enomem_destroy),
	KUNIT_CASE_SLOW(subdev_test_enomem_unbind),
	{}
};

/*
 * kmemleak looks by itself only a minute after boot and then every ten minutes,
 * and says in the kernel's log what it found. Be there when it does.
 */
static void subdev_test_await_kmemleak(struct kunit_suite *suite)
{
	time64_t now = ktime_get_boottime_seconds();
	time64_t first = 60, second = first + 600, takes = 40;

	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN))
		ssleep((now < first - 5 ? first : second) + takes - now);
}

SUBDEV_TEST_SUITE("_errors", subdev_test_error_cases);
SUBDEV_TEST_SUITE("", subdev_test_cases);
SUBDEV_TEST_SUITE("_node", subdev_test_node_cases);
SUBDEV_TEST_SUITE("_users", subdev_test_users_cases);
SUBDEV_TEST_SUITE("_end", subdev_test_end_cases);
SUBDEV_TEST_SUITE("_threads", subdev_test_thread_cases);
SUBDEV_TEST_SUITE("_enomem", subdev_test_enomem_cases,
		  .suite_exit = subdev_test_await_kmemleak);

kunit_test_suites(&subdev_test_error_cases_suite,
		  &subdev_test_cases_suite,
		  &subdev_test_node_cases_suite,
		  &subdev_test_users_cases_suite,
		  &subdev_test_end_cases_suite,
		  &subdev_test_thread_cases_suite,
		  &subdev_test_enomem_cases_suite);

MODULE_DESCRIPTION("KUnit tests for sub-devices");
MODULE_LICENSE("GPL");
