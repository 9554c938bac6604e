// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the rig's programs call the sub-device API for any platform or PCI device
 * that has a driver, in good and bad ways, and counts what it costs
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/perf_event.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "subdev-rig.h"

#define RIG_HANDLES	1024
#define RIG_WARMUP	4

static DEFINE_MUTEX(rig_lock);
static struct device *rig_subdev[RIG_HANDLES];
static u8 *rig_buffer[RIG_HANDLES];

static struct device *rig_create_node(struct device *parent,
				      struct subdev_rig *rig)
{
	struct fwnode_handle *node;
	struct device *subdev;

	rig->name[sizeof(rig->name) - 1] = 0;
	/* Of a devicetree a disabled one, too */
	if (parent->of_node)
		node = of_fwnode_handle(of_get_child_by_name(parent->of_node,
							     rig->name));
	else
		node = device_get_named_child_node(parent, rig->name);
	if (rig->op == RIG_DEVM_CREATE_NODE)
		subdev = devm_iommu_subdev_create_node(parent, node);
	else
		subdev = iommu_subdev_create_node(parent, node);
	fwnode_handle_put(node);
	return subdev;
}

static int rig_create(struct device *parent, struct subdev_rig *rig)
{
	unsigned int n = min(rig->count, ARRAY_SIZE(rig->ids));
	struct device *subdev;
	int handle;

	for (handle = 0; handle < RIG_HANDLES; handle++)
		if (!rig_subdev[handle])
			break;
	if (handle == RIG_HANDLES)
		return -ENOSPC;

	if (rig->op == RIG_DEVM_CREATE)
		subdev = devm_iommu_subdev_create(parent, rig->id);
	else if (rig->op == RIG_CREATE_IDS)
		subdev = iommu_subdev_create_ids(parent, rig->ids, n);
	else if (rig->op == RIG_DEVM_CREATE_IDS)
		subdev = devm_iommu_subdev_create_ids(parent, rig->ids, n);
	else if (rig->op == RIG_CREATE_NODE || rig->op == RIG_DEVM_CREATE_NODE)
		subdev = rig_create_node(parent, rig);
	else
		subdev = iommu_subdev_create(parent, rig->id);
	if (IS_ERR_OR_NULL(subdev))
		return subdev ? PTR_ERR(subdev) : -ENXIO;

	strscpy(rig->name, dev_name(subdev), sizeof(rig->name));
	rig->handle = handle;
	/* So that one which the parent's unbind destroys is still a device */
	rig_subdev[handle] = get_device(subdev);
	return 0;
}

static int rig_destroy(struct subdev_rig *rig)
{
	struct device *subdev = rig_subdev[rig->handle];

	rig_subdev[rig->handle] = NULL;
	rig_buffer[rig->handle] = NULL;
	if (device_is_registered(subdev))
		iommu_subdev_destroy(subdev);
	put_device(subdev);
	return 0;
}

#define RIG_BUFFER_SIZE		SZ_64K
#define RIG_BUFFER_BYTE		0xa5

static int rig_managed_buffer(struct device *subdev, struct subdev_rig *rig)
{
	dma_addr_t dma;
	u8 *buffer;

	buffer = dmam_alloc_coherent(subdev, RIG_BUFFER_SIZE, &dma, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	memset(buffer, RIG_BUFFER_BYTE, RIG_BUFFER_SIZE);
	rig_buffer[rig->handle] = buffer;
	rig->dma = dma;
	return 0;
}

static int rig_written(struct subdev_rig *rig)
{
	u8 *buffer = rig_buffer[rig->handle];

	if (!buffer)
		return -EBADF;
	rig->count = 0;
	for (int i = 0; i < RIG_BUFFER_SIZE; i++)
		rig->count += READ_ONCE(buffer[i]) != RIG_BUFFER_BYTE;
	memset(buffer, RIG_BUFFER_BYTE, RIG_BUFFER_SIZE);
	return 0;
}

static int rig_parent_buffer(struct device *parent, struct subdev_rig *rig)
{
	static struct device *owner;
	static dma_addr_t dma;
	static u8 *buffer;

	if (owner != parent) {
		buffer = dmam_alloc_coherent(parent, PAGE_SIZE, &dma, GFP_KERNEL);
		owner = buffer ? parent : NULL;
		if (!buffer)
			return -ENOMEM;
		memset(buffer, RIG_BUFFER_BYTE, PAGE_SIZE);
	}
	rig->dma = dma;
	rig->count = 0;
	for (int i = 0; i < PAGE_SIZE; i++)
		rig->count += READ_ONCE(buffer[i]) != RIG_BUFFER_BYTE;
	memset(buffer, RIG_BUFFER_BYTE, PAGE_SIZE);
	return 0;
}

/* What create said of a parent that is none; it must not have liked it. */
static int rig_refused(struct device *parent)
{
	struct device *subdev = iommu_subdev_create(parent, 0);

	if (IS_ERR(subdev))
		return PTR_ERR(subdev);
	iommu_subdev_destroy(subdev);
	return 0;
}

static void rig_release(struct device *dev)
{
	kfree(dev);
}

static int rig_parent_unregistered(void)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int ret;

	if (!dev)
		return -ENOMEM;
	device_initialize(dev);
	dev->release = rig_release;
	ret = dev_set_name(dev, "subdev-rig-unregistered");
	if (!ret)
		ret = rig_refused(dev);
	put_device(dev);
	return ret;
}

static int rig_parent_driverless(void)
{
	struct platform_device *pdev;
	int ret;

	pdev = platform_device_register_simple("subdev-rig-driverless",
					       PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	ret = rig_refused(&pdev->dev);
	platform_device_unregister(pdev);
	return ret;
}

static int rig_claim_group(struct device *subdev)
{
	struct iommu_group *group = iommu_group_get(subdev);
	int ret;

	if (!group)
		return -ENODEV;
	ret = iommu_group_claim_dma_owner(group, &rig_lock);
	if (!ret)
		iommu_group_release_dma_owner(group);
	iommu_group_put(group);
	return ret;
}

/* As firmware loaders do it: an address of their own choice, in their domain */
static int rig_own_domain(struct device *subdev)
{
	struct iommu_domain *domain;
	struct page *page;
	int ret = -ENOMEM;

	domain = iommu_paging_domain_alloc(subdev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	page = alloc_page(GFP_KERNEL);
	if (!page)
		goto out_free_domain;
	ret = iommu_attach_device(domain, subdev);
	if (ret)
		goto out_free_page;
	ret = iommu_map(domain, SZ_1M, page_to_phys(page), PAGE_SIZE,
			IOMMU_READ, GFP_KERNEL);
	if (ret)
		goto out_detach;
	if (iommu_iova_to_phys(iommu_get_domain_for_dev(subdev), SZ_1M) !=
	    page_to_phys(page))
		ret = -EFAULT;
	iommu_unmap(domain, SZ_1M, PAGE_SIZE);
out_detach:
	iommu_detach_device(domain, subdev);
out_free_page:
	__free_page(page);
out_free_domain:
	iommu_domain_free(domain);
	return ret;
}

static u64 rig_count(struct perf_event *event)
{
	u64 enabled, running;

	return perf_event_read_value(event, &enabled, &running);
}

/* One round. The counter's own cost is taken off: it is the same each time. */
static int rig_cost_once(struct device *parent, u32 id, struct perf_event *event,
			 struct page *page, struct subdev_rig_cost *cost)
{
	struct device *subdev;
	dma_addr_t dma;
	u64 t[6], own;
	int i;

	t[0] = rig_count(event);
	t[1] = rig_count(event);
	own = t[1] - t[0];

	t[0] = rig_count(event);
	subdev = iommu_subdev_create(parent, id);
	t[1] = rig_count(event);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);

	for (i = 0; i < RIG_WARMUP; i++) {
		t[2] = rig_count(event);
		dma = dma_map_page(subdev, page, 0, PAGE_SIZE,
				   DMA_BIDIRECTIONAL);
		t[3] = rig_count(event);
		if (dma_mapping_error(subdev, dma)) {
			iommu_subdev_destroy(subdev);
			return -ENOMEM;
		}
		dma_unmap_page(subdev, dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
		t[4] = rig_count(event);
	}

	cost->create = t[1] - t[0] - own;
	cost->map = t[3] - t[2] - own;
	cost->unmap = t[4] - t[3] - own;

	t[4] = rig_count(event);
	iommu_subdev_destroy(subdev);
	t[5] = rig_count(event);
	cost->destroy = t[5] - t[4] - own;
	return 0;
}

static int rig_cost(struct device *parent, struct subdev_rig *rig)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.size = sizeof(attr),
		.exclude_user = 1,
		.pinned = 1,
	};
	struct perf_event *event;
	struct page *page;
	int i, ret = 0;

	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	event = perf_event_create_kernel_counter(&attr, -1, current, NULL, NULL);
	if (IS_ERR(event)) {
		__free_page(page);
		return PTR_ERR(event);
	}

	/* The last one counts: the first ones fill the allocators' caches */
	for (i = 0; i < RIG_WARMUP && !ret; i++)
		ret = rig_cost_once(parent, rig->id, event, page, &rig->cost);

	perf_event_release_kernel(event);
	__free_page(page);
	return ret;
}

/* A driver's own fence: no sub-device is used once its remove has begun */
static DECLARE_RWSEM(rig_bound);

static int rig_churn_once(struct device *parent, u32 id, struct page *page,
			  bool keep)
{
	struct device *subdev;
	dma_addr_t dma;
	int ret = 0;

	subdev = iommu_subdev_create(parent, id);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);
	/* Others may do to it what they can meanwhile */
	if (keep)
		usleep_range(100, 1000);
	dma = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	if (!dma_mapping_error(subdev, dma)) {
		/* The page's own address would be one that nothing translates */
		if (dma == page_to_phys(page))
			ret = -EIO;
		dma_unmap_page(subdev, dma, PAGE_SIZE, DMA_TO_DEVICE);
	} else {
		ret = -EIO;
	}
	iommu_subdev_destroy(subdev);
	return ret;
}

static int rig_churn(struct device *parent, struct subdev_rig *rig)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u32 got = 0, i;
	int ret = 0;

	if (!page)
		return -ENOMEM;
	for (i = 0; i < rig->count && !ret; i++) {
		down_read(&rig_bound);
		ret = rig_churn_once(parent, rig->id, page, !(i % 16));
		up_read(&rig_bound);
		if (!ret)
			got++;
		/*
		 * Somebody else has the ID, nobody has the parent, or its IOMMU
		 * has no driver: try later
		 */
		if (ret == -EEXIST || ret == -EINVAL || ret == -EPROBE_DEFER) {
			usleep_range(100, 1000);
			ret = 0;
		}
		cond_resched();
	}
	rig->count = got;
	__free_page(page);
	return ret;
}

static int rig_do_parent(struct subdev_rig *rig)
{
	struct device *parent;
	int ret = 0;

	rig->parent[sizeof(rig->parent) - 1] = 0;
	parent = bus_find_device_by_name(&platform_bus_type, NULL, rig->parent);
	if (!parent)
		parent = bus_find_device_by_name(&pci_bus_type, NULL, rig->parent);
	if (!parent)
		return -ENOTTY;

	if (rig->op == RIG_COST)
		ret = rig_cost(parent, rig);
	else if (rig->op == RIG_CHURN)
		ret = rig_churn(parent, rig);
	else if (rig->op == RIG_PARENT_BUFFER)
		ret = rig_parent_buffer(parent, rig);
	else if (rig->op == RIG_DESTROY_PARENT)
		iommu_subdev_destroy(parent);
	else
		ret = rig_create(parent, rig);
	put_device(parent);
	return ret;
}

static int rig_do(struct subdev_rig *rig)
{
	struct device *subdev;

	switch (rig->op) {
	case RIG_CREATE:
	case RIG_DEVM_CREATE:
	case RIG_CREATE_IDS:
	case RIG_CREATE_NODE:
	case RIG_DEVM_CREATE_IDS:
	case RIG_DEVM_CREATE_NODE:
	case RIG_DESTROY_PARENT:
	case RIG_PARENT_BUFFER:
	case RIG_COST:
		return rig_do_parent(rig);
	case RIG_PARENT_NULL:
		return rig_refused(NULL);
	case RIG_PARENT_UNREGISTERED:
		return rig_parent_unregistered();
	case RIG_PARENT_DRIVERLESS:
		return rig_parent_driverless();
	case RIG_DESTROY_NOTHING:
		iommu_subdev_destroy(NULL);
		iommu_subdev_destroy(ERR_PTR(-ENODEV));
		return 0;
	}

	if (rig->handle < 0 || rig->handle >= RIG_HANDLES ||
	    !rig_subdev[rig->handle])
		return -EBADF;
	subdev = rig_subdev[rig->handle];

	switch (rig->op) {
	case RIG_DESTROY:
		return rig_destroy(rig);
	case RIG_PARENT_SUBDEV:
		return rig_refused(subdev);
	case RIG_CLAIM_GROUP:
		return rig_claim_group(subdev);
	case RIG_OWN_DOMAIN:
		return rig_own_domain(subdev);
	case RIG_MANAGED_BUFFER:
		return rig_managed_buffer(subdev, rig);
	case RIG_WRITTEN:
		return rig_written(rig);
	}
	return -EOPNOTSUPP;
}

static long rig_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct subdev_rig rig;
	int ret;

	if (cmd != SUBDEV_RIG_DO)
		return -ENOTTY;
	if (copy_from_user(&rig, (void __user *)arg, sizeof(rig)))
		return -EFAULT;

	if (rig.op == RIG_CHURN) {
		ret = rig_do_parent(&rig);
	} else {
		mutex_lock(&rig_lock);
		ret = rig_do(&rig);
		mutex_unlock(&rig_lock);
	}

	if (copy_to_user((void __user *)arg, &rig, sizeof(rig)))
		return -EFAULT;
	return ret;
}

static const struct file_operations rig_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= rig_ioctl,
};

static struct miscdevice rig_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "subdev-rig",
	.fops	= &rig_fops,
};

/* A parent that does nothing, for the nodes that are there for their maps */
static int rig_parent_probe(struct platform_device *pdev)
{
	return dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
}

static void rig_parent_remove(struct platform_device *pdev)
{
	down_write(&rig_bound);
	up_write(&rig_bound);
}

static const struct of_device_id rig_parent_of_match[] = {
	{ .compatible = "iommu-subdev,rig-parent" },
	{ }
};
MODULE_DEVICE_TABLE(of, rig_parent_of_match);

static struct platform_driver rig_parent_driver = {
	.probe	= rig_parent_probe,
	.remove	= rig_parent_remove,
	.driver	= {
		.name		= "subdev-rig-parent",
		.of_match_table	= rig_parent_of_match,
	},
};

static int __init rig_init(void)
{
	int ret;

	ret = platform_driver_register(&rig_parent_driver);
	if (ret)
		return ret;
	ret = misc_register(&rig_misc);
	if (ret)
		platform_driver_unregister(&rig_parent_driver);
	return ret;
}
module_init(rig_init);

static void __exit rig_exit(void)
{
	struct subdev_rig rig = {};

	misc_deregister(&rig_misc);
	for (rig.handle = 0; rig.handle < RIG_HANDLES; rig.handle++)
		if (rig_subdev[rig.handle])
			rig_destroy(&rig);
	platform_driver_unregister(&rig_parent_driver);
}
module_exit(rig_exit);

MODULE_DESCRIPTION("Calls the IOMMU sub-device API for the rig's programs");
MODULE_LICENSE("GPL");
