// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for sub-devices, against a mock IOMMU
 */
#include <kunit/platform_device.h>
#include <kunit/test.h>
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
#include <linux/sizes.h>
#include <trace/events/iommu_subdev.h>

#include "dma-iommu.h"
#include "iommu-priv.h"
#include "iommu-subdev-test.h"

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
	static const u32 two_cells[] = { 0x10, 0x30 };
	struct device *parent;

	subdev_expect_ids(test, "parent-sparse", sparse, ARRAY_SIZE(sparse));
	subdev_expect_ids(test, "parent-masked", masked, ARRAY_SIZE(masked));
	subdev_expect_ids(test, "parent-forbidden", forbidden, ARRAY_SIZE(forbidden));
	subdev_expect_ids(test, "parent-beyond", beyond, ARRAY_SIZE(beyond));
	subdev_expect_ids(test, "parent-two-cells", two_cells, ARRAY_SIZE(two_cells));
	subdev_expect_ids(test, "parent-odd-map", NULL, 0);
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
	struct device *subdev;

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

/* Destroy gives the ownership up, and only then releases the device: not for others */
static void subdev_test_unowned(struct kunit *test)
{
	static const char *const types[] = { "identity", "DMA", "auto" };
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct iommu_domain *domain = iommu_get_domain_for_dev(subdev);
	struct iommu_group *group = iommu_group_get(subdev);
	int ret;

	iommu_device_unuse_default_domain(subdev);
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		KUNIT_EXPECT_EQ_MSG(test, write_group_type(subdev, types[i]), -EPERM,
				    "%s", types[i]);
	ret = iommu_group_claim_dma_owner(group, test);
	KUNIT_EXPECT_EQ(test, ret, -EINVAL);
	if (!ret)
		iommu_group_release_dma_owner(group);
	KUNIT_EXPECT_PTR_EQ(test, iommu_get_domain_for_dev(subdev), domain);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	KUNIT_ASSERT_EQ(test, 0, iommu_device_use_default_domain(subdev));
	iommu_group_put(group);
	iommu_subdev_destroy(subdev);
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
	KUNIT_CASE(subdev_test_unowned),
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

SUBDEV_TEST_SUITE("_errors", subdev_test_error_cases);
SUBDEV_TEST_SUITE("", subdev_test_cases);

kunit_test_suites(&subdev_test_error_cases_suite,
		  &subdev_test_cases_suite);

MODULE_DESCRIPTION("KUnit tests for sub-devices");
MODULE_LICENSE("GPL");
