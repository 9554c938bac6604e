// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the rig's programs call the sub-device API for any platform or PCI device
 * that has a driver, in good and bad ways, and counts what it costs
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/pci.h>
#include <linux/perf_event.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "subdev-rig.h"

#define RIG_HANDLES	1024
#define RIG_WARMUP	4

/* What user space has a handle of: a sub-device, alive or dead */
struct rig_context {
	/* A reference: unbind may destroy it, and it is still a device */
	struct device *subdev;
	/* That of RIG_MANAGED_BUFFER */
	u8 *buffer;
	bool managed;
	bool destroyed;
};

struct rig_buffer {
	struct device *subdev;
	enum subdev_rig_kind kind;
	size_t size;
	u8 byte;
	u8 *mem;
	dma_addr_t dma;
	struct page **pages;
	struct sg_table sgt;
};

static DEFINE_MUTEX(rig_lock);
static struct rig_context rig_contexts[RIG_HANDLES];
static struct rig_buffer rig_buffers[RIG_BUFFERS];

/* 6.12 has none */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
static struct device *iommu_subdev_create_pasid(struct device *parent, u32 *pasid)
{
	return ERR_PTR(-EOPNOTSUPP);
}

#define devm_iommu_subdev_create_pasid iommu_subdev_create_pasid
#endif

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
	struct rig_context *ctx;
	struct device *subdev;
	int handle;

	for (handle = 0; handle < RIG_HANDLES; handle++)
		if (!rig_contexts[handle].subdev)
			break;
	if (handle == RIG_HANDLES)
		return -ENOSPC;

	if (rig->op == RIG_DEVM_CREATE)
		subdev = devm_iommu_subdev_create(parent, rig->id);
	else if (rig->op == RIG_CREATE_NODE || rig->op == RIG_DEVM_CREATE_NODE)
		subdev = rig_create_node(parent, rig);
	else if (rig->op == RIG_CREATE_PASID)
		subdev = iommu_subdev_create_pasid(parent, &rig->id);
	else if (rig->op == RIG_DEVM_CREATE_PASID)
		subdev = devm_iommu_subdev_create_pasid(parent, &rig->id);
	else
		subdev = iommu_subdev_create(parent, rig->id);
	if (IS_ERR_OR_NULL(subdev))
		return subdev ? PTR_ERR(subdev) : -ENXIO;

	strscpy(rig->name, dev_name(subdev), sizeof(rig->name));
	rig->handle = handle;
	ctx = &rig_contexts[handle];
	ctx->subdev = get_device(subdev);
	ctx->managed = rig->op == RIG_DEVM_CREATE || rig->op == RIG_DEVM_CREATE_NODE ||
		       rig->op == RIG_DEVM_CREATE_PASID;
	return 0;
}

static int rig_next_id(struct device *parent, struct subdev_rig *rig)
{
	s64 id = iommu_subdev_next_id(parent, rig->id);

	if (id < 0)
		return id;
	rig->id = id;
	return 0;
}

/*
 * Unbind may have destroyed it, which is no mistake of whoever has a reference. Only
 * a managed one may be destroyed twice.
 */
static void rig_destroy_keep(struct rig_context *ctx)
{
	if (ctx->managed || !ctx->destroyed)
		iommu_subdev_destroy(ctx->subdev);
	ctx->destroyed = true;
	ctx->buffer = NULL;
}

static void rig_destroy(struct rig_context *ctx)
{
	rig_destroy_keep(ctx);
	put_device(ctx->subdev);
	memset(ctx, 0, sizeof(*ctx));
}

/* Not 64 KiB: QEMU's RISC-V IOMMU does not know pages of that size */
#define RIG_BUFFER_SIZE		(15 * PAGE_SIZE)
#define RIG_BUFFER_BYTE		0xa5

static int rig_managed_buffer(struct rig_context *ctx, struct subdev_rig *rig)
{
	dma_addr_t dma;
	u8 *buffer;

	buffer = dmam_alloc_coherent(ctx->subdev, RIG_BUFFER_SIZE, &dma, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	memset(buffer, RIG_BUFFER_BYTE, RIG_BUFFER_SIZE);
	ctx->buffer = buffer;
	rig->dma = dma;
	return 0;
}

static int rig_written(struct rig_context *ctx, struct subdev_rig *rig)
{
	u8 *buffer = ctx->buffer;

	if (!buffer)
		return -EBADF;
	rig->count = 0;
	for (int i = 0; i < RIG_BUFFER_SIZE; i++)
		rig->count += READ_ONCE(buffer[i]) != RIG_BUFFER_BYTE;
	memset(buffer, RIG_BUFFER_BYTE, RIG_BUFFER_SIZE);
	return 0;
}

/* Buffers that may outlive their context, as those of a dma-buf do */

static void rig_pages_free(struct rig_buffer *buf)
{
	unsigned int i, n = buf->size / PAGE_SIZE;

	vunmap(buf->mem);
	for (i = 0; i < n; i++)
		if (buf->pages[i])
			__free_page(buf->pages[i]);
	kfree(buf->pages);
}

/* RIG_SG takes every second page, so that they are not contiguous by chance */
static int rig_pages_alloc(struct rig_buffer *buf)
{
	unsigned int i, n = buf->size / PAGE_SIZE;
	struct page *block = NULL;

	buf->pages = kcalloc(n, sizeof(*buf->pages), GFP_KERNEL);
	if (!buf->pages)
		return -ENOMEM;
	if (buf->kind == RIG_PAGES) {
		block = alloc_pages(GFP_KERNEL, get_order(buf->size));
		if (!block)
			goto err_free;
		split_page(block, get_order(buf->size));
		for (i = n; i < 1 << get_order(buf->size); i++)
			__free_page(block + i);
	}
	for (i = 0; i < n; i++) {
		buf->pages[i] = block ? block + i : alloc_page(GFP_KERNEL);
		if (!buf->pages[i])
			goto err_free;
	}
	buf->mem = vmap(buf->pages, n, VM_MAP, PAGE_KERNEL);
	if (!buf->mem)
		goto err_free;
	return 0;

err_free:
	rig_pages_free(buf);
	return -ENOMEM;
}

static int rig_sg_map(struct rig_buffer *buf)
{
	unsigned int n = buf->size / PAGE_SIZE;
	int ret;

	ret = sg_alloc_table_from_pages(&buf->sgt, buf->pages, n, 0, buf->size, GFP_KERNEL);
	if (ret)
		return ret;
	ret = dma_map_sgtable(buf->subdev, &buf->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		sg_free_table(&buf->sgt);
	else
		buf->dma = sg_dma_address(buf->sgt.sgl);
	/* Which error it is depends on where it went wrong */
	return ret ? -EIO : 0;
}

static int rig_buffer_map(struct rig_buffer *buf)
{
	int ret;

	if (buf->kind == RIG_COHERENT) {
		buf->mem = dma_alloc_coherent(buf->subdev, buf->size, &buf->dma, GFP_KERNEL);
		return buf->mem ? 0 : -ENOMEM;
	}

	ret = rig_pages_alloc(buf);
	if (ret)
		return ret;
	if (buf->kind == RIG_PAGES) {
		buf->dma = dma_map_page(buf->subdev, buf->pages[0], 0, buf->size,
					DMA_BIDIRECTIONAL);
		if (dma_mapping_error(buf->subdev, buf->dma))
			ret = -EIO;
	} else {
		ret = rig_sg_map(buf);
	}
	if (ret)
		rig_pages_free(buf);
	return ret;
}

static void rig_buffer_free(struct rig_buffer *buf)
{
	if (buf->kind == RIG_COHERENT) {
		dma_free_coherent(buf->subdev, buf->size, buf->mem, buf->dma);
	} else {
		if (buf->kind == RIG_PAGES) {
			dma_unmap_page(buf->subdev, buf->dma, buf->size, DMA_BIDIRECTIONAL);
		} else {
			dma_unmap_sgtable(buf->subdev, &buf->sgt, DMA_BIDIRECTIONAL, 0);
			sg_free_table(&buf->sgt);
		}
		rig_pages_free(buf);
	}
	put_device(buf->subdev);
	memset(buf, 0, sizeof(*buf));
}

static int rig_alloc(struct device *subdev, struct subdev_rig *rig)
{
	struct rig_buffer *buf = rig_buffers;
	int ret = 0;

	if (!rig->size || !PAGE_ALIGNED(rig->size) || rig->size > SZ_2M ||
	    rig->kind >= RIG_KINDS)
		return -EINVAL;
	while (buf->subdev)
		if (++buf == rig_buffers + RIG_BUFFERS)
			return -ENOSPC;

	if (rig->mask)
		ret = dma_set_mask_and_coherent(subdev, rig->mask);
	if (ret)
		return ret;
	buf->kind = rig->kind;
	buf->size = rig->size;
	buf->subdev = get_device(subdev);
	ret = rig_buffer_map(buf);
	if (ret) {
		put_device(subdev);
		memset(buf, 0, sizeof(*buf));
		return ret;
	}

	buf->byte = rig->byte;
	memset(buf->mem, buf->byte, buf->size);
	rig->buffer = buf - rig_buffers;
	rig->dma = buf->dma;
	return 0;
}

static void rig_sync(struct rig_buffer *buf)
{
	if (buf->kind == RIG_PAGES) {
		dma_sync_single_for_device(buf->subdev, buf->dma, buf->size, DMA_BIDIRECTIONAL);
		dma_sync_single_for_cpu(buf->subdev, buf->dma, buf->size, DMA_BIDIRECTIONAL);
	} else if (buf->kind == RIG_SG) {
		dma_sync_sgtable_for_device(buf->subdev, &buf->sgt, DMA_BIDIRECTIONAL);
		dma_sync_sgtable_for_cpu(buf->subdev, &buf->sgt, DMA_BIDIRECTIONAL);
	}
}

static void rig_scan(struct subdev_rig *rig)
{
	struct rig_buffer *buf;
	unsigned int i;

	rig->mask = 0;
	for (i = 0; i < RIG_BUFFERS; i++) {
		buf = &rig_buffers[i];
		if (!buf->subdev || !memchr_inv(buf->mem, buf->byte, buf->size))
			continue;
		rig->mask |= BIT_ULL(i);
		memset(buf->mem, buf->byte, buf->size);
	}
}

static int rig_do_buffer(struct subdev_rig *rig)
{
	struct rig_buffer *buf;

	if (rig->buffer >= RIG_BUFFERS || !rig_buffers[rig->buffer].subdev)
		return -EBADF;
	buf = &rig_buffers[rig->buffer];

	switch (rig->op) {
	case RIG_FREE:
		rig_buffer_free(buf);
		return 0;
	case RIG_SYNC:
		rig_sync(buf);
		return 0;
	case RIG_COUNT:
		rig->count = 0;
		for (size_t i = 0; i < buf->size; i++)
			rig->count += READ_ONCE(buf->mem[i]) == (u8)rig->byte;
		return 0;
	}
	return -EOPNOTSUPP;
}

#define RIG_OTHERS_BYTE		0x5a

static struct page *rig_others;

static int rig_others_alloc(struct subdev_rig *rig)
{
	unsigned int order = get_order(RIG_OTHERS * PAGE_SIZE);

	if (rig_others)
		return -EBUSY;
	rig_others = alloc_pages(GFP_KERNEL, order);
	if (!rig_others)
		return -ENOMEM;
	split_page(rig_others, order);
	memset(page_address(rig_others), RIG_OTHERS_BYTE, RIG_OTHERS * PAGE_SIZE);
	rig->dma = page_to_phys(rig_others);
	return 0;
}

/* A page that was freed is what somebody gets who allocates now */
#define RIG_TAKERS	1024

static int rig_others_free(struct subdev_rig *rig)
{
	struct page **takers;
	u8 *mem;
	int i;

	if (!rig_others)
		return -EBADF;
	takers = kcalloc(RIG_TAKERS, sizeof(*takers), GFP_KERNEL);
	if (!takers)
		return -ENOMEM;
	for (i = 0; i < RIG_TAKERS; i++) {
		takers[i] = alloc_page(GFP_KERNEL);
		if (takers[i])
			clear_page(page_address(takers[i]));
	}
	rig->count = 0;
	mem = page_address(rig_others);
	for (i = 0; i < RIG_OTHERS * PAGE_SIZE; i++)
		rig->count += READ_ONCE(mem[i]) != RIG_OTHERS_BYTE;
	for (i = 0; i < RIG_OTHERS; i++)
		rig->count += page_count(rig_others + i) != 1;
	for (i = 0; i < RIG_TAKERS; i++)
		if (takers[i])
			__free_page(takers[i]);
	/* Those that are not right any more are left alone */
	for (i = 0; !rig->count && i < RIG_OTHERS; i++)
		__free_page(rig_others + i);
	rig_others = NULL;
	kfree(takers);
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

static int rig_claim_group(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
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

static struct device *rig_cost_create(struct device *parent, struct subdev_rig *rig)
{
	if (rig->op == RIG_COST_PARENT)
		return parent;
	if (rig->op == RIG_COST_PASID)
		return iommu_subdev_create_pasid(parent, &rig->id);
	return iommu_subdev_create(parent, rig->id);
}

static void rig_cost_destroy(struct device *dev, struct subdev_rig *rig)
{
	if (rig->op != RIG_COST_PARENT)
		iommu_subdev_destroy(dev);
}

/* One round. The counter's own cost is taken off: it is the same each time. */
static int rig_cost_once(struct device *parent, struct subdev_rig *rig,
			 struct perf_event *event, struct page *page)
{
	struct subdev_rig_cost *cost = &rig->cost;
	struct device *subdev;
	dma_addr_t dma;
	u64 t[6], own;
	int i, ret = 0;

	t[0] = rig_count(event);
	t[1] = rig_count(event);
	own = t[1] - t[0];

	t[0] = rig_count(event);
	subdev = rig_cost_create(parent, rig);
	t[1] = rig_count(event);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);

	for (i = 0; i < RIG_WARMUP; i++) {
		t[2] = rig_count(event);
		dma = dma_map_page(subdev, page, 0, PAGE_SIZE,
				   DMA_BIDIRECTIONAL);
		t[3] = rig_count(event);
		if (dma_mapping_error(subdev, dma)) {
			rig_cost_destroy(subdev, rig);
			return -ENOMEM;
		}
		dma_unmap_page(subdev, dma, PAGE_SIZE, DMA_BIDIRECTIONAL);
		t[4] = rig_count(event);
	}

	cost->create = t[1] - t[0] - own;
	cost->map = t[3] - t[2] - own;
	cost->unmap = t[4] - t[3] - own;

	t[4] = rig_count(event);
	if (rig->op != RIG_COST_PARENT)
		ret = iommu_subdev_reset(subdev);
	t[5] = rig_count(event);
	cost->reset = rig->op == RIG_COST_PARENT ? 0 : t[5] - t[4] - own;

	t[4] = rig_count(event);
	rig_cost_destroy(subdev, rig);
	t[5] = rig_count(event);
	cost->destroy = t[5] - t[4] - own;
	return ret;
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
		ret = rig_cost_once(parent, rig, event, page);

	perf_event_release_kernel(event);
	__free_page(page);
	return ret;
}

/* A driver's own fence: no sub-device is used once its remove has begun */
static DECLARE_RWSEM(rig_bound);

/* What stays mapped when its context has been destroyed, and is unmapped later */
struct rig_leftover {
	struct device *subdev;
	dma_addr_t dma;
};

static void rig_leftover_unmap(struct rig_leftover *left)
{
	if (!left->subdev)
		return;
	dma_unmap_page(left->subdev, left->dma, PAGE_SIZE, DMA_TO_DEVICE);
	put_device(left->subdev);
	left->subdev = NULL;
}

static int rig_churn_once(struct device *parent, u32 id, struct page *page, bool stay,
			  struct rig_leftover *left)
{
	struct device *subdev;
	dma_addr_t dma;
	int ret = 0;

	subdev = iommu_subdev_create(parent, id);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);
	/* Others may do to it what they can meanwhile */
	if (stay)
		usleep_range(100, 1000);
	dma = dma_map_page(subdev, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	/* The page's own address would be one that nothing translates */
	if (dma_mapping_error(subdev, dma) || dma == page_to_phys(page))
		ret = -EIO;
	if (!ret && left) {
		left->subdev = get_device(subdev);
		left->dma = dma;
	} else if (!ret) {
		dma_unmap_page(subdev, dma, PAGE_SIZE, DMA_TO_DEVICE);
	}
	iommu_subdev_destroy(subdev);
	return ret;
}

static int rig_churn(struct device *parent, struct subdev_rig *rig)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct rig_leftover left = {};
	u32 got = 0, i;
	int ret = 0;

	if (!page)
		return -ENOMEM;
	for (i = 0; i < rig->count && !ret; i++) {
		/* The parent and the IOMMU may have gone since */
		if (i % 8 == 7)
			rig_leftover_unmap(&left);
		down_read(&rig_bound);
		ret = rig_churn_once(parent, rig->id, page, !(i % 16),
				     left.subdev || i % 8 ? NULL : &left);
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
	rig_leftover_unmap(&left);
	__free_page(page);
	return ret;
}

/* A probe that creates, see RIG_DEFER. Protected by rig_lock, but for the counts */
static struct {
	char parent[48];
	u32 ids[2];
	unsigned int nr_ids;
	bool defer;
	atomic_t probes;
	/* Each as long as it is there */
	u8 *buffers[2];
	unsigned int intact;
} rig_probe;

static void rig_probe_freed(void *buffer)
{
	*(u8 **)buffer = NULL;
}

static int rig_probe_buffer(struct device *subdev, u8 **buffer)
{
	dma_addr_t dma;

	*buffer = dmam_alloc_coherent(subdev, PAGE_SIZE, &dma, GFP_KERNEL);
	if (!*buffer)
		return -ENOMEM;
	memset(*buffer, RIG_BUFFER_BYTE, PAGE_SIZE);
	return devm_add_action_or_reset(subdev, rig_probe_freed, buffer);
}

static int rig_probe_create(struct device *dev)
{
	struct device *subdev;
	int ret;

	atomic_inc(&rig_probe.probes);
	for (int i = 0; i < rig_probe.nr_ids; i++) {
		subdev = devm_iommu_subdev_create(dev, rig_probe.ids[i]);
		if (IS_ERR(subdev))
			return PTR_ERR(subdev);
		ret = rig_probe.defer ? 0 : rig_probe_buffer(subdev, &rig_probe.buffers[i]);
		if (ret)
			return ret;
	}
	return rig_probe.defer ? -EPROBE_DEFER : 0;
}

static void rig_probe_removed(struct device *dev)
{
	if (strcmp(dev_name(dev), rig_probe.parent))
		return;
	for (int i = 0; i < ARRAY_SIZE(rig_probe.buffers); i++)
		if (rig_probe.buffers[i] &&
		    !memchr_inv(rig_probe.buffers[i], RIG_BUFFER_BYTE, PAGE_SIZE))
			rig_probe.intact++;
}

static int rig_probe_begin(struct subdev_rig *rig)
{
	if (!rig->count || rig->count > ARRAY_SIZE(rig_probe.ids))
		return -EINVAL;
	atomic_set(&rig_probe.probes, 0);
	rig_probe.intact = 0;
	rig_probe.defer = rig->op == RIG_DEFER;
	memcpy(rig_probe.ids, rig->ids, sizeof(rig_probe.ids));
	rig_probe.nr_ids = rig->count;
	strscpy(rig_probe.parent, rig->parent);
	return 0;
}

static int rig_probe_end(struct subdev_rig *rig)
{
	rig_probe.parent[0] = 0;
	rig->count = atomic_read(&rig_probe.probes);
	rig->intact = rig_probe.intact;
	return 0;
}

/* Runtime PM of a parent or an IOMMU, from outside of their drivers */

/* What the rig's own parents do when they resume. Protected by rig_lock */
static struct {
	unsigned int resumes;
	bool create;
	u32 id;
	int ret;
} rig_pm;

static int rig_parent_resume(struct device *dev)
{
	struct device *subdev;

	rig_pm.resumes++;
	if (!rig_pm.create)
		return 0;
	subdev = iommu_subdev_create(dev, rig_pm.id);
	rig_pm.ret = PTR_ERR_OR_ZERO(subdev);
	iommu_subdev_destroy(subdev);
	return 0;
}

static int rig_parent_suspend(struct device *dev)
{
	return 0;
}

static int rig_pm_create(struct device *parent, struct subdev_rig *rig)
{
	int ret;

	rig_pm.create = true;
	rig_pm.id = rig->id;
	rig_pm.ret = -ENXIO;
	ret = pm_runtime_resume_and_get(parent);
	rig_pm.create = false;
	if (ret)
		return ret;
	pm_runtime_put_sync(parent);
	return rig_pm.ret;
}

/* What a parent of the rig does in its callbacks of system sleep */
static struct {
	char parent[48];
	u32 id;
	unsigned int done;
	int ret;
} rig_sleep;

static int rig_parent_sleep(struct device *dev)
{
	struct device *subdev;
	dma_addr_t dma;
	void *mem;

	if (strcmp(dev_name(dev), rig_sleep.parent))
		return 0;

	subdev = iommu_subdev_create(dev, rig_sleep.id);
	if (IS_ERR(subdev)) {
		rig_sleep.ret = PTR_ERR(subdev);
		return 0;
	}
	mem = dma_alloc_coherent(subdev, SZ_64K, &dma, GFP_KERNEL);
	if (mem)
		dma_free_coherent(subdev, SZ_64K, mem, dma);
	else
		rig_sleep.ret = -ENOMEM;
	iommu_subdev_destroy(subdev);
	rig_sleep.done++;
	return 0;
}

/* The kernels of x86 are without power management */
static int rig_pm_usage(struct device *dev)
{
#ifdef CONFIG_PM
	return atomic_read(&dev->power.usage_count);
#else
	return 0;
#endif
}

static int rig_do_pm(struct device *dev, struct subdev_rig *rig)
{
	switch (rig->op) {
	case RIG_PM_ENABLE:
		rig_pm.resumes = 0;
		pm_runtime_enable(dev);
		return 0;
	case RIG_PM_DISABLE:
		pm_runtime_disable(dev);
		pm_runtime_set_suspended(dev);
		return 0;
	case RIG_SLEEP_CREATE:
		strscpy(rig_sleep.parent, dev_name(dev));
		rig_sleep.id = rig->id;
		rig_sleep.done = 0;
		rig_sleep.ret = 0;
		return 0;
	case RIG_PM_USAGE:
		rig->count = rig_pm_usage(dev);
		rig->resumes = rig_pm.resumes;
		return 0;
	}
	return rig_pm_create(dev, rig);
}

struct rig_lookup {
	const char *name;
	struct device *child;
};

/* A virtio device is the child of one of PCI */
static int rig_find_child(struct device *dev, void *data)
{
	struct rig_lookup *lookup = data;

	lookup->child = device_find_child_by_name(dev, lookup->name);
	return !!lookup->child;
}

static struct device *rig_find(const char *name)
{
	struct rig_lookup lookup = { .name = name };
	struct device *dev;

	dev = bus_find_device_by_name(&platform_bus_type, NULL, name);
	if (!dev)
		dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev && bus_for_each_dev(&pci_bus_type, NULL, &lookup, rig_find_child))
		dev = lookup.child;
	return dev;
}

/* What the handler of a context uses, freed by the work if that was scheduled */
struct rig_end {
	struct work_struct work;
	struct rig_context *ctx;
	struct device *subdev;
	bool scheduled;
};

static void rig_end_work(struct work_struct *work)
{
	struct rig_end *end = container_of(work, struct rig_end, work);

	mutex_lock(&rig_lock);
	/* Unless it has been destroyed, and another one has its place */
	if (end->ctx->subdev == end->subdev)
		rig_destroy_keep(end->ctx);
	mutex_unlock(&rig_lock);
	put_device(end->subdev);
	kfree(end);
}

static void rig_end_by_fault(struct device *subdev, dma_addr_t iova, bool write, void *data)
{
	struct rig_end *end = data;

	if (!xchg(&end->scheduled, true))
		schedule_work(&end->work);
}

/* It lives until there has been a fault: no test goes without */
static int rig_set_end(struct rig_context *ctx)
{
	struct rig_end *end = kzalloc_obj(*end);

	if (!end)
		return -ENOMEM;
	INIT_WORK(&end->work, rig_end_work);
	end->ctx = ctx;
	end->subdev = get_device(ctx->subdev);
	iommu_subdev_set_fault_handler(ctx->subdev, rig_end_by_fault, end);
	return 0;
}

#define RIG_FAULT_MAGIC	0x6661756c74ULL

struct rig_fault {
	u64 magic;
	unsigned int calls;
};

static unsigned int rig_late_faults;

static void rig_note_fault(struct device *subdev, dma_addr_t iova, bool write, void *data)
{
	struct rig_fault *fault = data;

	if (READ_ONCE(fault->magic) != RIG_FAULT_MAGIC)
		rig_late_faults++;
	/* Long enough for a destroy that does not wait */
	udelay(20);
	if (READ_ONCE(fault->magic) != RIG_FAULT_MAGIC)
		rig_late_faults++;
	fault->calls++;
}

static int rig_fault_churn(struct device *parent, struct subdev_rig *rig)
{
	unsigned int n = rig->count;

	rig_late_faults = 0;
	for (rig->count = 0; n; n--) {
		struct rig_fault *fault = kzalloc_obj(*fault);
		struct device *subdev;

		if (!fault)
			return -ENOMEM;
		fault->magic = RIG_FAULT_MAGIC;
		subdev = iommu_subdev_create(parent, rig->id);
		if (IS_ERR(subdev)) {
			kfree(fault);
			return PTR_ERR(subdev);
		}
		iommu_subdev_set_fault_handler(subdev, rig_note_fault, fault);
		/* On a busy machine the first fault may take longer than a context lives */
		for (int i = 0; i < 100 && !READ_ONCE(fault->calls); i++)
			usleep_range(500, 1000);
		iommu_subdev_destroy(subdev);
		WRITE_ONCE(fault->magic, 0);
		rig->count += fault->calls;
		kfree(fault);
	}
	return rig_late_faults ? -EIO : 0;
}

static int rig_interrupt(struct device *dev, unsigned int n)
{
	int irq;

	if (!dev_is_platform(dev))
		return -ENOTTY;
	irq = platform_get_irq(to_platform_device(dev), n);
	return irq < 0 ? irq : irq_set_irqchip_state(irq, IRQCHIP_STATE_PENDING, true);
}

static int rig_do_parent(struct subdev_rig *rig)
{
	struct device *parent;
	int ret = 0;

	rig->parent[sizeof(rig->parent) - 1] = 0;
	parent = rig_find(rig->parent);
	if (!parent)
		return -ENOTTY;

	switch (rig->op) {
	case RIG_COST:
	case RIG_COST_PASID:
	case RIG_COST_PARENT:
		ret = rig_cost(parent, rig);
		break;
	case RIG_CHURN:
		ret = rig_churn(parent, rig);
		break;
	case RIG_FAULT_CHURN:
		ret = rig_fault_churn(parent, rig);
		break;
	case RIG_PARENT_BUFFER:
		ret = rig_parent_buffer(parent, rig);
		break;
	case RIG_DESTROY_PARENT:
		iommu_subdev_destroy(parent);
		break;
	case RIG_NEXT_ID:
		ret = rig_next_id(parent, rig);
		break;
	case RIG_CLAIM_PARENT:
		ret = rig_claim_group(parent);
		break;
	case RIG_PM_ENABLE:
	case RIG_PM_DISABLE:
	case RIG_PM_USAGE:
	case RIG_PM_CREATE:
	case RIG_SLEEP_CREATE:
		ret = rig_do_pm(parent, rig);
		break;
	case RIG_UNBIND:
		device_release_driver(parent);
		break;
	case RIG_BIND:
		ret = device_attach(parent) == 1 ? 0 : -ENODEV;
		break;
	case RIG_PULL_OUT:
		to_pci_dev(parent)->error_state = pci_channel_io_perm_failure;
		break;
	case RIG_INTERRUPT:
		ret = rig_interrupt(parent, rig->id);
		break;
	default:
		ret = rig_create(parent, rig);
		break;
	}
	put_device(parent);
	return ret;
}

static int rig_do_context(struct subdev_rig *rig)
{
	struct rig_context *ctx;

	if (rig->handle < 0 || rig->handle >= RIG_HANDLES ||
	    !rig_contexts[rig->handle].subdev)
		return -EBADF;
	ctx = &rig_contexts[rig->handle];

	switch (rig->op) {
	case RIG_DESTROY:
		rig_destroy(ctx);
		return 0;
	case RIG_DESTROY_KEEP:
		rig_destroy_keep(ctx);
		return 0;
	case RIG_PARENT_SUBDEV:
		return rig_refused(ctx->subdev);
	case RIG_CLAIM_GROUP:
		return rig_claim_group(ctx->subdev);
	case RIG_OWN_DOMAIN:
		return rig_own_domain(ctx->subdev);
	case RIG_MANAGED_BUFFER:
		return rig_managed_buffer(ctx, rig);
	case RIG_WRITTEN:
		return rig_written(ctx, rig);
	case RIG_END_BY_FAULT:
		return rig_set_end(ctx);
	case RIG_ALLOC:
		return rig_alloc(ctx->subdev, rig);
	}
	return -EOPNOTSUPP;
}

static int rig_do(struct subdev_rig *rig)
{
	switch (rig->op) {
	case RIG_CREATE:
	case RIG_DEVM_CREATE:
	case RIG_CREATE_NODE:
	case RIG_DEVM_CREATE_NODE:
	case RIG_CREATE_PASID:
	case RIG_DEVM_CREATE_PASID:
	case RIG_CLAIM_PARENT:
	case RIG_DESTROY_PARENT:
	case RIG_NEXT_ID:
	case RIG_PARENT_BUFFER:
	case RIG_COST:
	case RIG_COST_PASID:
	case RIG_COST_PARENT:
	case RIG_PM_ENABLE:
	case RIG_PM_DISABLE:
	case RIG_PM_USAGE:
	case RIG_PM_CREATE:
	case RIG_SLEEP_CREATE:
	case RIG_FAULT_CHURN:
	case RIG_UNBIND:
	case RIG_BIND:
	case RIG_PULL_OUT:
	case RIG_INTERRUPT:
		return rig_do_parent(rig);
	case RIG_SLEEP_END:
		rig_sleep.parent[0] = 0;
		rig->count = rig_sleep.done;
		return rig_sleep.ret;
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
	case RIG_FREE:
	case RIG_SYNC:
	case RIG_COUNT:
		return rig_do_buffer(rig);
	case RIG_SCAN:
		rig_scan(rig);
		return 0;
	case RIG_OTHERS_ALLOC:
		return rig_others_alloc(rig);
	case RIG_OTHERS_FREE:
		return rig_others_free(rig);
	case RIG_DEFER:
	case RIG_PROBE:
		return rig_probe_begin(rig);
	case RIG_PROBE_END:
		return rig_probe_end(rig);
	}
	return rig_do_context(rig);
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
	if (!strcmp(dev_name(&pdev->dev), rig_probe.parent))
		return rig_probe_create(&pdev->dev);
	return dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
}

static void rig_parent_remove(struct platform_device *pdev)
{
	down_write(&rig_bound);
	up_write(&rig_bound);
	rig_probe_removed(&pdev->dev);
}

static const struct of_device_id rig_parent_of_match[] = {
	{ .compatible = "iommu-subdev,rig-parent" },
	{ }
};
MODULE_DEVICE_TABLE(of, rig_parent_of_match);

static const struct dev_pm_ops rig_parent_pm = {
	RUNTIME_PM_OPS(rig_parent_suspend, rig_parent_resume, NULL)
	SYSTEM_SLEEP_PM_OPS(rig_parent_sleep, rig_parent_sleep)
};

static struct platform_driver rig_parent_driver = {
	.probe	= rig_parent_probe,
	.remove	= rig_parent_remove,
	.driver	= {
		.name		= "subdev-rig-parent",
		.of_match_table	= rig_parent_of_match,
		.pm		= &rig_parent_pm,
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
	int i;

	misc_deregister(&rig_misc);
	for (i = 0; i < RIG_BUFFERS; i++)
		if (rig_buffers[i].subdev)
			rig_buffer_free(&rig_buffers[i]);
	for (i = 0; i < RIG_HANDLES; i++)
		if (rig_contexts[i].subdev)
			rig_destroy(&rig_contexts[i]);
	platform_driver_unregister(&rig_parent_driver);
}
module_exit(rig_exit);

MODULE_DESCRIPTION("Calls the IOMMU sub-device API for the rig's programs");
MODULE_LICENSE("GPL");
