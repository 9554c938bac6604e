/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rig's programs ask its module to do: one ioctl on /dev/subdev-rig,
 * which fails with the errno that the kernel's function returned.
 */
#ifndef _SUBDEV_RIG_H
#define _SUBDEV_RIG_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum subdev_rig_op {
	/* Give @parent and @id, get @handle and @name */
	RIG_CREATE,
	RIG_DEVM_CREATE,
	/* Give @parent, @count and so many @ids, get @handle and @name */
	RIG_CREATE_IDS,
	/* Give @parent and, in @name, that of its child node, get the same */
	RIG_CREATE_NODE,
	/* Give @handle */
	RIG_DESTROY,
	/* iommu_subdev_create() with a parent that it has to refuse */
	RIG_PARENT_NULL,
	RIG_PARENT_UNREGISTERED,
	RIG_PARENT_DRIVERLESS,
	/* Give @handle, whose sub-device is the parent */
	RIG_PARENT_SUBDEV,
	/* NULL and an error pointer to iommu_subdev_destroy() */
	RIG_DESTROY_NOTHING,
	/* Somebody else wants the DMA of @handle's group */
	RIG_CLAIM_GROUP,
	/* A domain of the driver's own attached to @handle, mapped, detached */
	RIG_OWN_DOMAIN,
	/* dmam_alloc_coherent() on @handle, left to destroy. Get its @dma */
	RIG_MANAGED_BUFFER,
	/* Get @count, how many bytes of that were written since the last time */
	RIG_WRITTEN,
	/* Give @parent and @id, get @cost */
	RIG_COST,
	/*
	 * Give @parent, @id and @count: creates, maps and destroys that often,
	 * beside others who do the same. @count returns how often it got one.
	 */
	RIG_CHURN,
	/* As those without DEVM */
	RIG_DEVM_CREATE_IDS,
	RIG_DEVM_CREATE_NODE,
	/* Give @parent, which iommu_subdev_destroy() is called with */
	RIG_DESTROY_PARENT,
	/*
	 * Give @parent, get the @dma of a buffer that is mapped for itself, and
	 * @count, how many bytes of that were written since the last time
	 */
	RIG_PARENT_BUFFER,
};

struct subdev_rig_cost {
	/* Instructions in the kernel, for each of them */
	__u64 create;
	__u64 destroy;
	/* 4 KiB, of an address that was mapped before */
	__u64 map;
	__u64 unmap;
};

struct subdev_rig {
	__u32 op;
	__u32 id;
	__s32 handle;
	__u32 count;
	__u32 ids[4];
	__u64 dma;
	char parent[48];
	char name[48];
	struct subdev_rig_cost cost;
};

#define SUBDEV_RIG_DO	_IOWR('r', 0, struct subdev_rig)

#endif /* _SUBDEV_RIG_H */
