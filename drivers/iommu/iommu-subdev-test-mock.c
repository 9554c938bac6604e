// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock IOMMU for the tests of sub-devices
 *
 * It has real page tables, in memory, and knows for each stream what is attached
 * to it. So a test can ask what a DMA of that stream reaches now.
 */
#include <kunit/of.h>
#include <kunit/test.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "iommu-priv.h"
#include "iommu-subdev-test.h"

struct mock_iommu mock_iommus[2];

static struct mock_iommu *dev_to_mock(struct device *dev)
{
	return container_of(dev->iommu->iommu_dev, struct mock_iommu, iommu);
}

static struct mock_iommu *fwnode_to_mock(const struct fwnode_handle *fwnode)
{
	for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++)
		if (mock_iommus[i].dev && dev_fwnode(mock_iommus[i].dev) == fwnode)
			return &mock_iommus[i];
	return NULL;
}

void mock_init_gate(struct mock_gate *gate)
{
	init_completion(&gate->reached);
	init_completion(&gate->go);
}

void mock_gate_pass(struct mock_gate **where)
{
	struct mock_gate *gate = xchg(where, NULL);

	if (!gate)
		return;
	complete(&gate->reached);
	wait_for_completion(&gate->go);
}

void mock_attach_streams(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct mock_iommu *mock = dev_to_mock(dev);

	for (int i = 0; i < fwspec->num_ids; i++)
		WRITE_ONCE(mock->stream[fwspec->ids[i]].domain, domain);
	if (mock->does.yield)
		schedule();
}

/* As the driver of the SMMUv3, which takes the device out of @old */
static void mock_check_old(struct device *dev, struct iommu_domain *old)
{
	struct mock_iommu *mock = dev_to_mock(dev);
	u32 stream = dev_iommu_fwspec_get(dev)->ids[0];

	if (dev->iommu->isolated && old && mock->stream[stream].domain != old)
		atomic_inc(&mock->not_attached);
}

static int mock_attach_static(struct iommu_domain *domain, struct device *dev,
			      struct iommu_domain *old)
{
	mock_check_old(dev, old);
	if (domain->type == IOMMU_DOMAIN_BLOCKED)
		mock_gate_pass(&dev_to_mock(dev)->does.block_gate);
	else if (dev->iommu->isolated)
		atomic_inc(&dev_to_mock(dev)->exposed);
	mock_attach_streams(domain, dev);
	return 0;
}

static const struct iommu_domain_ops mock_static_domain_ops = {
	.attach_dev	= mock_attach_static,
};

struct iommu_domain mock_blocked_domain = {
	.type	= IOMMU_DOMAIN_BLOCKED,
	.ops	= &mock_static_domain_ops,
};

struct iommu_domain mock_identity_domain = {
	.type	= IOMMU_DOMAIN_IDENTITY,
	.ops	= &mock_static_domain_ops,
};

struct iommu_domain mock_platform_domain = {
	.type	= IOMMU_DOMAIN_PLATFORM,
	.ops	= &mock_static_domain_ops,
};

static int mock_attach_paging(struct iommu_domain *domain, struct device *dev,
			      struct iommu_domain *old)
{
	struct mock_domain *md = to_mock_domain(domain);
	struct mock_iommu *mock = dev_to_mock(dev);

	mock_gate_pass(&mock->does.attach_gate);
	if (mock->does.attach_err)
		return mock->does.attach_err;
	/* A domain has its context from the first attach on */
	if (mock->does.contexts && !md->has_context) {
		if (!atomic_add_unless(&mock->contexts, 1, mock->does.contexts))
			return -ENOSPC;
		md->has_context = true;
	}
	mock_attach_streams(domain, dev);
	return 0;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *md = to_mock_domain(domain);
	size_t before = *mapped;
	int ret;

	ret = md->pgtable->map_pages(md->pgtable, iova, paddr, pgsize, pgcount,
				     prot, gfp, mapped);
	atomic_add((*mapped - before) / pgsize, &md->pages);
	md->last_prot = prot;
	return ret;
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *md = to_mock_domain(domain);
	size_t unmapped;

	unmapped = md->pgtable->unmap_pages(md->pgtable, iova, pgsize, pgcount,
					    gather);
	atomic_sub(unmapped / pgsize, &md->pages);
	return unmapped;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	struct mock_domain *md = to_mock_domain(domain);

	return md->pgtable->iova_to_phys(md->pgtable, iova);
}

static void mock_domain_free(struct iommu_domain *domain)
{
	struct mock_domain *md = to_mock_domain(domain);
	struct mock_iommu *mock = md->mock;

	for (int i = 0; i < MOCK_NR_STREAMS; i++)
		if (READ_ONCE(mock->stream[i].domain) == domain)
			atomic_inc(&mock->freed_in_use);
	atomic_add(atomic_read(&md->pages), &mock->forgotten_pages);
	atomic_dec(&mock->domains);
	if (md->has_context)
		atomic_dec(&mock->contexts);
	free_io_pgtable_ops(md->pgtable);
	kfree(md);
}

/* The mock has no TLB: what is unmapped cannot be reached any more. */
static void mock_flush_iotlb_all(struct iommu_domain *domain)
{
}

static const struct iommu_domain_ops mock_paging_domain_ops = {
	.attach_dev		= mock_attach_paging,
	.map_pages		= mock_map_pages,
	.unmap_pages		= mock_unmap_pages,
	.flush_iotlb_all	= mock_flush_iotlb_all,
	.iova_to_phys		= mock_iova_to_phys,
	.free			= mock_domain_free,
};

static void mock_tlb_flush_all(void *cookie)
{
}

static void mock_tlb_flush_walk(unsigned long iova, size_t size, size_t granule,
				void *cookie)
{
}

static const struct iommu_flush_ops mock_flush_ops = {
	.tlb_flush_all	= mock_tlb_flush_all,
	.tlb_flush_walk	= mock_tlb_flush_walk,
};

struct iommu_domain *mock_domain_alloc_paging(struct device *dev)
{
	struct mock_iommu *mock = dev_to_mock(dev);
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap	= MOCK_PGSIZES,
		.ias		= MOCK_ADDR_BITS,
		.oas		= MOCK_ADDR_BITS,
		.coherent_walk	= true,
		.tlb		= &mock_flush_ops,
		.iommu_dev	= mock->dev,
	};
	struct mock_domain *md;

	if (mock->does.alloc_err)
		return ERR_PTR(mock->does.alloc_err);

	md = kzalloc_obj(*md);
	if (!md)
		return ERR_PTR(-ENOMEM);

	md->pgtable = alloc_io_pgtable_ops(ARM_64_LPAE_S1, &cfg, md);
	if (!md->pgtable) {
		kfree(md);
		return ERR_PTR(-ENOMEM);
	}

	md->mock = mock;
	md->domain.ops = &mock_paging_domain_ops;
	md->domain.pgsize_bitmap = cfg.pgsize_bitmap;
	md->domain.geometry.aperture_end = DMA_BIT_MASK(MOCK_ADDR_BITS);
	md->domain.geometry.force_aperture = true;
	atomic_inc(&mock->domains);
	return &md->domain;
}

static int mock_of_xlate(struct device *dev, const struct of_phandle_args *args)
{
	struct mock_iommu *mock = fwnode_to_mock(of_fwnode_handle(args->np));
	u32 stream = args->args[0] & ~mock->does.ignored_bits;

	mock_gate_pass(&mock->does.xlate_gate);
	if (mock->does.xlate_err)
		return mock->does.xlate_err;
	if (mock->does.without_ids)
		return 0;
	/* Nobody finds it any more */
	if (mock->does.go_when_found)
		mock->iommu.fwnode = dev_fwnode(dev->parent);
	return iommu_fwspec_add_ids(dev, &stream, 1);
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct mock_iommu *mock = fwnode_to_mock(fwspec->iommu_fwnode);
	int i;

	if (mock->does.probe_err)
		return ERR_PTR(mock->does.probe_err);

	if (mock->does.probe_adds_ids) {
		u32 stream = fwspec->ids[0];

		if (iommu_fwspec_add_ids(dev, &stream, 1))
			return ERR_PTR(-ENOMEM);
		fwspec = dev_iommu_fwspec_get(dev);
	}
	for (i = 0; i < fwspec->num_ids; i++) {
		if (fwspec->ids[i] >= MOCK_NR_STREAMS)
			return ERR_PTR(-EINVAL);
		/* As SMMUv3 does with a duplicate stream ID */
		if (mock->stream[fwspec->ids[i]].dev &&
		    !mock->does.shared_streams)
			return ERR_PTR(-ENODEV);
	}
	for (i = 0; i < fwspec->num_ids; i++) {
		/* As the RISC-V driver: whoever has the stream loses it */
		WRITE_ONCE(mock->stream[fwspec->ids[i]].domain,
			   &mock_blocked_domain);
		mock->stream[fwspec->ids[i]].dev = dev;
		mock->stream[fwspec->ids[i]].users++;
	}

	if (mock->does.link_clients)
		device_link_add(dev, mock->dev,
				DL_FLAG_PM_RUNTIME | DL_FLAG_AUTOREMOVE_SUPPLIER);

	atomic_inc(&mock->devices);
	if (mock->does.yield)
		schedule();
	return &mock->iommu;
}

/* The stream stays attached to what the core attached last. */
void mock_release_device(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct mock_iommu *mock = dev_to_mock(dev);

	for (int i = 0; i < fwspec->num_ids; i++) {
		struct mock_stream *stream = &mock->stream[fwspec->ids[i]];

		if (stream->dev == dev)
			stream->dev = NULL;
		/* The group is released later than that, if somebody has it */
		if (!--stream->users)
			stream->group = NULL;
	}
	atomic_dec(&mock->devices);
}

/* May come when the streams of the group are in another one already */
static void mock_group_release(void *data)
{
	struct mock_iommu *mock = data;

	atomic_dec(&mock->groups);
}

static struct iommu_group *mock_device_group(struct device *dev)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct mock_iommu *mock = dev_to_mock(dev);
	struct iommu_group *group;
	int i;

	if (mock->does.group_err)
		return ERR_PTR(mock->does.group_err);

	if (mock->does.grouping == MOCK_GROUP_EACH_STREAM)
		for (i = 0; i < fwspec->num_ids; i++)
			if (mock->stream[fwspec->ids[i]].group)
				return iommu_group_ref_get(mock->stream[fwspec->ids[i]].group);
	if (mock->does.grouping == MOCK_GROUP_SINGLE)
		group = generic_single_device_group(dev);
	else
		group = generic_device_group(dev);
	if (IS_ERR(group) || iommu_group_get_iommudata(group))
		return group;

	for (i = 0; i < fwspec->num_ids; i++)
		mock->stream[fwspec->ids[i]].group = group;
	atomic_inc(&mock->groups);
	iommu_group_set_iommudata(group, mock, mock_group_release);
	return group;
}

static void mock_probe_finalize(struct device *dev)
{
	struct mock_iommu *mock = dev_to_mock(dev);

	if (mock->does.finalize)
		mock->does.finalize(dev);
	mock_gate_pass(&mock->does.finalize_gate);
}

static int mock_def_domain_type(struct device *dev)
{
	return dev_to_mock(dev)->does.def_domain_type;
}

static bool mock_is_attach_deferred(struct device *dev)
{
	return dev_to_mock(dev)->does.defer_attach;
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY ||
	       cap == IOMMU_CAP_DEFERRED_FLUSH;
}

static const struct iommu_ops mock_ops = {
	.capable		= mock_capable,
	.of_xlate		= mock_of_xlate,
	.probe_device		= mock_probe_device,
	.probe_finalize		= mock_probe_finalize,
	.release_device		= mock_release_device,
	.device_group		= mock_device_group,
	.def_domain_type	= mock_def_domain_type,
	.is_attach_deferred	= mock_is_attach_deferred,
	.domain_alloc_paging	= mock_domain_alloc_paging,
	.identity_domain	= &mock_identity_domain,
	.blocked_domain		= &mock_blocked_domain,
	.release_domain		= &mock_blocked_domain,
	.owner			= THIS_MODULE,
};

int mock_register(struct mock_iommu *mock)
{
	int ret;

	memset(&mock->iommu, 0, sizeof(mock->iommu));
	ret = iommu_device_sysfs_add(&mock->iommu, mock->dev, NULL, "mock-%s",
				     dev_name(mock->dev));
	if (ret)
		return ret;

	if (mock->does.without_device)
		mock->iommu.fwnode = dev_fwnode(mock->dev);
	ret = iommu_device_register(&mock->iommu, &mock->ops,
				    mock->does.without_firmware ||
				    mock->does.without_device ? NULL : mock->dev);
	if (ret)
		iommu_device_sysfs_remove(&mock->iommu);
	else
		mock->registered = true;
	return ret;
}

void mock_unregister(struct mock_iommu *mock)
{
	if (!mock->registered)
		return;
	mock->registered = false;
	iommu_device_unregister(&mock->iommu);
	iommu_device_sysfs_remove(&mock->iommu);
}

/* What is left of devices when the mock has no release_device of its own */
void mock_forget_devices(struct mock_iommu *mock)
{
	atomic_set(&mock->devices, 0);
	for (int i = 0; i < MOCK_NR_STREAMS; i++)
		mock->stream[i] = (struct mock_stream) {
			.domain = &mock_blocked_domain,
		};
}

static void mock_init(struct mock_iommu *mock, struct device *dev)
{
	memset(mock, 0, sizeof(*mock));
	mock->dev = dev;
	mock->ops = mock_ops;
	for (int i = 0; i < MOCK_NR_STREAMS; i++)
		mock->stream[i].domain = &mock_blocked_domain;
}

/* What does a DMA of this stream to this address reach now? */
phys_addr_t mock_dma(struct mock_iommu *mock, unsigned int stream,
		     dma_addr_t iova)
{
	struct iommu_domain *domain = READ_ONCE(mock->stream[stream].domain);
	phys_addr_t phys;

	if (domain->type == IOMMU_DOMAIN_IDENTITY)
		return iova;
	if (!(domain->type & __IOMMU_DOMAIN_PAGING))
		return MOCK_FAULT;
	phys = iommu_iova_to_phys(domain, iova);
	return phys ?: MOCK_FAULT;
}

bool mock_is_blocked(struct mock_iommu *mock, unsigned int stream)
{
	return READ_ONCE(mock->stream[stream].domain) == &mock_blocked_domain;
}

/* The platform drivers of the mock and of the parents */

void (*mock_on_change)(void);

static int mock_platform_probe(struct platform_device *pdev)
{
	if (mock_on_change)
		mock_on_change();
	return 0;
}

#define MOCK_COMPATIBLE		"test,iommu-subdev-iommu"
#define PARENT_COMPATIBLE	"test,iommu-subdev-parent"

static const struct of_device_id mock_of_match[] = {
	{ .compatible = MOCK_COMPATIBLE },
	{}
};

static void mock_platform_remove(struct platform_device *pdev)
{
	struct mock_iommu *mock = fwnode_to_mock(dev_fwnode(&pdev->dev));

	if (mock_on_change)
		mock_on_change();
	if (mock)
		mock_unregister(mock);
}

static int mock_runtime_resume(struct device *dev)
{
	struct mock_iommu *mock = fwnode_to_mock(dev_fwnode(dev));

	if (!mock)
		return 0;
	mock->resumes++;
	if (mock->does.resumed)
		mock->does.resumed();
	return mock->does.resume_err;
}

static const struct dev_pm_ops mock_pm_ops = {
	RUNTIME_PM_OPS(NULL, mock_runtime_resume, NULL)
};

static struct platform_driver mock_platform_driver = {
	.probe	= mock_platform_probe,
	.remove	= mock_platform_remove,
	.driver	= {
		.name		= "iommu-subdev-test-iommu",
		.of_match_table	= mock_of_match,
		.pm		= pm_ptr(&mock_pm_ops),
	},
};

int (*subdev_test_on_probe)(struct device *parent);
void (*subdev_test_on_remove)(struct device *parent);
int (*subdev_test_on_resume)(struct device *parent);

static int parent_probe(struct platform_device *pdev)
{
	return subdev_test_on_probe ? subdev_test_on_probe(&pdev->dev) : 0;
}

static void parent_remove(struct platform_device *pdev)
{
	if (subdev_test_on_remove)
		subdev_test_on_remove(&pdev->dev);
}

static int parent_runtime_resume(struct device *dev)
{
	return subdev_test_on_resume ? subdev_test_on_resume(dev) : 0;
}

static const struct dev_pm_ops parent_pm_ops = {
	RUNTIME_PM_OPS(NULL, parent_runtime_resume, NULL)
};

static const struct of_device_id parent_of_match[] = {
	{ .compatible = PARENT_COMPATIBLE },
	{}
};

struct platform_driver subdev_test_parent_driver = {
	.probe	= parent_probe,
	.remove	= parent_remove,
	.driver	= {
		.name		= "iommu-subdev-test-parent",
		.of_match_table	= parent_of_match,
		.pm		= pm_ptr(&parent_pm_ops),
	},
};

/* Once: a driver's name may stay taken for a while after it is unregistered */
builtin_platform_driver(mock_platform_driver);
builtin_platform_driver(subdev_test_parent_driver);

/* What each test starts with, and what it must leave behind */

struct device_node *subdev_test_find_node(struct kunit *test, const char *name)
{
	struct device_node *np = of_find_node_by_name(NULL, name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, np, "no node %s", name);
	return np;
}

static void destroy_device(void *dev)
{
	of_platform_device_destroy(dev, NULL);
	put_device(dev);
}

/* The device of a node of the overlay, with its driver bound. */
struct device *subdev_test_add_device(struct kunit *test, const char *name)
{
	struct device_node *np = subdev_test_find_node(test, name);
	struct platform_device *pdev;

	pdev = of_platform_device_create(np, NULL, NULL);
	of_node_put(np);
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no device for %s", name);
	get_device(&pdev->dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy_device,
							   &pdev->dev));
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev->dev.driver, "%s has no driver",
				  name);
	return &pdev->dev;
}

void subdev_test_del_device(struct kunit *test, struct device *dev)
{
	kunit_release_action(test, destroy_device, dev);
}

/* References to the nodes that creates and destroys must give back. */
unsigned int subdev_test_node_refs(struct subdev_test *t)
{
	unsigned int refs = 0;

	for_each_child_of_node_scoped(t->parent->of_node, np)
		refs += kref_read(&np->kobj.kref);
	return refs + kref_read(&t->parent->of_node->kobj.kref) +
	       kref_read(&t->parent_b->of_node->kobj.kref) +
	       kref_read(&mock_iommus[0].dev->of_node->kobj.kref) +
	       kref_read(&mock_iommus[1].dev->of_node->kobj.kref);
}

static unsigned int node_refs(struct device_node *top)
{
	unsigned int refs = kref_read(&top->kobj.kref);

	for_each_child_of_node_scoped(top, np)
		refs += node_refs(np);
	return refs;
}

static unsigned int overlay_refs(void)
{
	struct device_node *top = of_find_node_by_name(NULL, "iommu-subdev-test");
	unsigned int refs = node_refs(top);

	of_node_put(top);
	return refs;
}

/* Only then the nodes of the devices can be removed. */
static void wait_for_devices(void *data)
{
	struct subdev_test *t = data;

	wait_for_release(overlay_refs() == t->overlay_refs);
}

int subdev_test_init(struct kunit *test)
{
	struct subdev_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;

	KUNIT_ASSERT_EQ(test, 0, of_overlay_apply_kunit(test, iommu_subdev_test));
	t->overlay_refs = overlay_refs();
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, wait_for_devices, t));

	mock_init(&mock_iommus[0], subdev_test_add_device(test, "iommu-a"));
	mock_init(&mock_iommus[1], subdev_test_add_device(test, "iommu-b"));
	t->mock = &mock_iommus[0];
	KUNIT_ASSERT_EQ(test, 0, mock_register(&mock_iommus[0]));
	KUNIT_ASSERT_EQ(test, 0, mock_register(&mock_iommus[1]));

	t->parent = subdev_test_add_device(test, "parent-a");
	t->parent_b = subdev_test_add_device(test, "parent-b");
	t->refs = subdev_test_node_refs(t);
	return 0;
}

static int any_child(struct device *dev, void *data)
{
	return 1;
}

static int any_subdev(struct device *dev, void *data)
{
	return of_device_is_compatible(dev->of_node, PARENT_COMPATIBLE) &&
	       device_for_each_child(dev, NULL, any_child);
}

/* The parents have no other children. Their bus is private, so look from here. */
bool subdev_test_none_left(void)
{
	return !bus_for_each_dev(&platform_bus_type, NULL, NULL, any_subdev);
}

/* The mock has @n devices, each in a group of its own, and nothing else. */
void mock_expect_left(struct kunit *test, struct mock_iommu *mock, int n)
{
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->devices), n);
	/* The last reference to a sub-device, or to its group, frees these */
	wait_for_release(atomic_read(&mock->domains) == n &&
			 atomic_read(&mock->groups) == n);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->domains), n);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->groups), n);
}

void subdev_test_exit(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_test_on_probe = NULL;
	subdev_test_on_remove = NULL;
	subdev_test_on_resume = NULL;
	mock_on_change = NULL;
	iommu_set_default_translated(false);
	/* Init has failed */
	if (!t || !t->refs)
		return;

	/* Device links let go of their devices later */
	device_link_wait_removal();
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
	for (int i = 0; i < ARRAY_SIZE(mock_iommus); i++) {
		mock_unregister(&mock_iommus[i]);
		mock_expect_left(test, &mock_iommus[i], 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&mock_iommus[i].forgotten_pages), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&mock_iommus[i].freed_in_use), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&mock_iommus[i].exposed), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&mock_iommus[i].not_attached), 0);
		for (int j = 0; j < MOCK_NR_STREAMS; j++)
			KUNIT_EXPECT_TRUE_MSG(test, mock_is_blocked(&mock_iommus[i], j),
					      "stream 0x%x", j);
	}
	wait_for_release(subdev_test_node_refs(t) == t->refs);
	KUNIT_EXPECT_EQ(test, subdev_test_node_refs(t), t->refs);
}

/* What most tests do */

/* The node of parent-a that has this stream, and another one */
static struct fwnode_handle *context_node(struct device *parent, u32 stream_id)
{
	char name[16];

	snprintf(name, sizeof(name), "context-%x", stream_id);
	return device_get_named_child_node(parent, name);
}

struct device *subdev_test_create_of_node(struct device *parent, u32 stream_id)
{
	struct fwnode_handle *node = context_node(parent, stream_id);
	struct device *subdev = iommu_subdev_create_node(parent, node);

	fwnode_handle_put(node);
	return subdev;
}

struct device *subdev_test_devm_create_of_node(struct device *parent, u32 stream_id)
{
	struct fwnode_handle *node = context_node(parent, stream_id);
	struct device *subdev = devm_iommu_subdev_create_node(parent, node);

	fwnode_handle_put(node);
	return subdev;
}

/* The folder of the group of @dev, which the caller must put */
struct kernfs_node *subdev_test_group_node(struct device *dev)
{
	struct kernfs_node *link, *group;

	link = kernfs_find_and_get(dev->kobj.sd, "iommu_group");
	if (!link)
		return NULL;
	group = link->symlink.target_kn;
	kernfs_get(group);
	kernfs_put(link);
	return group;
}

/* As user space does in /sys/kernel/iommu_groups */
ssize_t subdev_test_write_type(struct kernfs_node *group, const char *type)
{
	struct kernfs_node *file = kernfs_find_and_get(group, "type");
	struct kobject *kobj = group->priv;
	ssize_t ret;

	if (!file)
		return -ENOENT;
	ret = get_ktype(kobj)->sysfs_ops->store(kobj, file->priv, type, strlen(type));
	kernfs_put(file);
	return ret;
}

const subdev_create_fn subdev_test_forms[] = {
	iommu_subdev_create,
	devm_iommu_subdev_create,
	subdev_test_create_of_node,
	subdev_test_devm_create_of_node,
};

struct device *subdev_test_must_create(struct kunit *test, struct device *parent,
				       u32 id)
{
	struct device *subdev = iommu_subdev_create(parent, id);

	KUNIT_ASSERT_NOT_ERR_OR_NULL_MSG(test, subdev, "ID 0x%x", id);
	return subdev;
}

/* All forms of create with an ID say @err. */
void subdev_expect_refused(struct kunit *test, struct device *parent, u32 id,
			   int err)
{
	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct device *subdev = subdev_test_forms[i](parent, id);

		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(subdev), err,
				    "ID 0x%x, form %d", id, i);
		iommu_subdev_destroy(subdev);
	}
}

struct page *subdev_test_page(struct kunit *test)
{
	void *mem = (void *)get_zeroed_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	return virt_to_page(mem);
}

/* What the DMA API maps for @subdev is what its stream reaches, in a domain. */
void mock_expect_translated(struct kunit *test, struct device *subdev,
			    struct mock_iommu *mock, unsigned int stream)
{
	struct page *page = subdev_test_page(test);
	dma_addr_t iova;

	iova = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(subdev, iova), 0);
	if (!dma_mapping_error(subdev, iova)) {
		KUNIT_EXPECT_EQ(test, mock_dma(mock, stream, iova),
				page_to_phys(page));
		KUNIT_EXPECT_EQ(test, mock_dma(mock, stream, page_to_phys(page)),
				MOCK_FAULT);
		dma_unmap_page(subdev, iova, PAGE_SIZE, DMA_BIDIRECTIONAL);
		KUNIT_EXPECT_EQ(test, mock_dma(mock, stream, iova), MOCK_FAULT);
	}
	__free_page(page);
}

/* All forms of create with an ID give a context; destroy blocks its stream. */
void subdev_expect_works(struct kunit *test, struct device *parent, u32 id,
			 struct mock_iommu *mock, unsigned int stream)
{
	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct device *subdev;

		subdev_test_let_release();
		subdev = subdev_test_forms[i](parent, id);
		KUNIT_EXPECT_NOT_ERR_OR_NULL_MSG(test, subdev,
						 "ID 0x%x, form %d", id, i);
		if (IS_ERR_OR_NULL(subdev))
			continue;
		mock_expect_translated(test, subdev, mock, stream);
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(mock, stream));
	}
}

/* Failing allocations */

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
/* The variable behind a file in debugfs, or NULL */
static void *fault_knob(const char *dir, const char *name)
{
	struct dentry *parent, *file;
	void *knob = NULL;

	parent = debugfs_lookup(dir, NULL);
	if (!parent)
		return NULL;
	file = debugfs_lookup(name, parent);
	if (file) {
		knob = d_inode(file)->i_private;
		dput(file);
	}
	dput(parent);
	return knob;
}

/*
 * Allocations fail only in a task that has set its fail_nth, but they have to
 * fail there although they may sleep. Only user space can set that. KUnit has
 * none, so this writes the variables that the files in debugfs stand for.
 * Without @pages only those of slab objects fail. Pages are allocated for slabs
 * now and then, so with them a sweep may pass over an allocation.
 */
bool subdev_test_allow_faults(bool pages)
{
	static const char *const dirs[] = { "failslab", "fail_page_alloc" };
	u32 *min_order = fault_knob("fail_page_alloc", "min-order");

	if (!min_order)
		return false;
	*min_order = pages ? 0 : NR_PAGE_ORDERS;
	for (int i = 0; i < ARRAY_SIZE(dirs); i++) {
		bool *ignore = fault_knob(dirs[i], "ignore-gfp-wait");
		unsigned long *verbose = fault_knob(dirs[i], "verbose");

		if (!ignore || !verbose)
			return false;
		*ignore = false;
		*verbose = 0;
	}
	return true;
}
#else /* !CONFIG_FAULT_INJECTION_DEBUG_FS */
bool subdev_test_allow_faults(bool pages)
{
	return false;
}
#endif /* CONFIG_FAULT_INJECTION_DEBUG_FS */

/* Threads */

static int subdev_thread_main(void *data)
{
	struct subdev_thread *thread = data;

	thread->run(thread);
	complete_all(&thread->done);
	return 0;
}

bool subdev_test_run_thread(struct kunit *test, struct subdev_thread *thread,
			    void (*run)(struct subdev_thread *thread))
{
	thread->test = test;
	thread->run = run;
	init_completion(&thread->done);
	thread->task = kthread_create(subdev_thread_main, thread, "iommu-subdev-test");
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, thread->task);
	if (IS_ERR(thread->task))
		return false;
	get_task_struct(thread->task);
	wake_up_process(thread->task);
	return true;
}

bool subdev_test_wait_asleep(struct subdev_thread *thread)
{
	for (int i = 0; i < 1000; i++) {
		if (READ_ONCE(thread->task->__state) & TASK_UNINTERRUPTIBLE)
			return true;
		msleep(20);
	}
	return false;
}

void subdev_test_join_thread(struct subdev_thread *thread)
{
	wait_for_completion(&thread->done);
	put_task_struct(thread->task);
}
