// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for contexts of child nodes, and for the layouts of the drivers that use
 * sub-devices
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
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/sizes.h>

#include "dma-iommu.h"
#include "iommu-priv.h"
#include "iommu-subdev-test.h"

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

/* A context may have two IDs that are one stream to the IOMMU. */
static void subdev_test_node_ignored_bits(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent, *subdev;

	t->mock->does.grouping = MOCK_GROUP_EACH_STREAM;
	t->mock->does.shared_streams = true;
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

static struct kunit_case subdev_test_node_cases[] = {
	KUNIT_CASE(subdev_test_node_reach),
	KUNIT_CASE(subdev_test_node_einval),
	KUNIT_CASE(subdev_test_node_enodev),
	KUNIT_CASE(subdev_test_node_enodev_software),
	KUNIT_CASE(subdev_test_node_eprobe_defer),
	KUNIT_CASE(subdev_test_node_eexist),
	KUNIT_CASE(subdev_test_node_ebusy),
	KUNIT_CASE(subdev_test_node_ignored_bits),
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

SUBDEV_TEST_SUITE("_node", subdev_test_node_cases);
SUBDEV_TEST_SUITE("_users", subdev_test_users_cases);

kunit_test_suites(&subdev_test_node_cases_suite,
		  &subdev_test_users_cases_suite);
