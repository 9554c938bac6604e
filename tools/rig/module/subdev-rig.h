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
	/* Give @parent and, in @name, that of its child node, get the same */
	RIG_CREATE_NODE,
	RIG_DEVM_CREATE_NODE,
	/* Give @parent, get @handle, @name and, in @id, the PASID */
	RIG_CREATE_PASID,
	RIG_DEVM_CREATE_PASID,
	/* Give @handle */
	RIG_DESTROY,
	/* Destroy it, but keep a reference, which RIG_DESTROY drops */
	RIG_DESTROY_KEEP,
	/* Give @parent and @id, get in @id the next ID that firmware maps */
	RIG_NEXT_ID,
	/* iommu_subdev_create() with a parent that it has to refuse */
	RIG_PARENT_NULL,
	RIG_PARENT_UNREGISTERED,
	RIG_PARENT_DRIVERLESS,
	/* Give @handle, whose sub-device is the parent */
	RIG_PARENT_SUBDEV,
	/* NULL and an error pointer to iommu_subdev_destroy() */
	RIG_DESTROY_NOTHING,
	/* Give @parent, which iommu_subdev_destroy() is called with */
	RIG_DESTROY_PARENT,
	/* Somebody else wants the DMA of @handle's group */
	RIG_CLAIM_GROUP,
	/* The same of @parent's group */
	RIG_CLAIM_PARENT,
	/* A domain of the driver's own attached to @handle, mapped, detached */
	RIG_OWN_DOMAIN,
	/* dmam_alloc_coherent() on @handle, left to destroy. Get its @dma */
	RIG_MANAGED_BUFFER,
	/* Get @count, how many bytes of that were written since the last time */
	RIG_WRITTEN,
	/*
	 * Give @handle, @size, @kind and, unless it is 0, the DMA @mask, get
	 * @buffer and @dma. A buffer has a reference to the sub-device, so it
	 * may be synchronised and freed at any time. It is filled with @byte.
	 */
	RIG_ALLOC,
	RIG_FREE,
	RIG_SYNC,
	/* Get in @mask a bit for each buffer that was written; all are refilled */
	RIG_SCAN,
	/* Give @buffer and @byte, get @count, how many of its bytes are that */
	RIG_COUNT,
	/* Get in @dma the physical address of RIG_OTHERS pages of somebody else's */
	RIG_OTHERS_ALLOC,
	/* Get @count, how many of their bytes or references are not right. Frees them */
	RIG_OTHERS_FREE,
	/* Give @parent and @id, get @cost */
	RIG_COST,
	/* The same for a PASID of @parent, and for what @parent maps for itself */
	RIG_COST_PASID,
	RIG_COST_PARENT,
	/*
	 * Give @parent, @id and @count: creates, maps and destroys that often,
	 * beside others who do the same. @count returns how often it got one.
	 */
	RIG_CHURN,
	/*
	 * Give @parent, get the @dma of a buffer that is mapped for itself, and
	 * @count, how many bytes of that were written since the last time
	 */
	RIG_PARENT_BUFFER,
	/*
	 * Give @parent, @count and so many @ids: from now on its probe creates
	 * these, and returns -EPROBE_DEFER if that has not
	 */
	RIG_DEFER,
	/*
	 * The same, but the probe succeeds if it could create all of them, each with a
	 * buffer that is managed on it
	 */
	RIG_PROBE,
	/*
	 * Get @count, how often that was probed, and @intact, how many of the buffers
	 * its remove() has found as they were. It is probed as ever again
	 */
	RIG_PROBE_END,
	/* Give @parent, any device: turns its runtime PM on, suspended, or off */
	RIG_PM_ENABLE,
	RIG_PM_DISABLE,
	/* Get @count, its usage count, and @resumes, if its driver is the rig's */
	RIG_PM_USAGE,
	/* Give @parent and @id, which its driver creates, and destroys, while it resumes */
	RIG_PM_CREATE,
	/* Give @parent and @id, which is created and destroyed when the system sleeps and wakes */
	RIG_SLEEP_CREATE,
	/* Get @count, how often that was done. Its errno if it failed. Not any more */
	RIG_SLEEP_END,
	/* Give @handle, which its first fault destroys, with a reference left */
	RIG_END_BY_FAULT,
	/*
	 * Give @parent, @id and @count: creates and destroys that often, with a fault
	 * handler. Get @count, how often it was called. EIO if it was so too late
	 */
	RIG_FAULT_CHURN,
	/* Give @parent, any device: its driver is unbound, as for one that goes, or bound */
	RIG_UNBIND,
	RIG_BIND,
	/* Give @parent, a PCI device, which looks as if it was pulled out */
	RIG_PULL_OUT,
	/* Give @parent, a platform device, and in @id which of its interrupts comes, once */
	RIG_INTERRUPT,
};

enum subdev_rig_kind {
	RIG_COHERENT,
	/* Pages, and scattered pages, with the streaming API */
	RIG_PAGES,
	RIG_SG,
	RIG_KINDS
};

/* As many as there are bits to report them */
#define RIG_BUFFERS	32
#define RIG_OTHERS	4

struct subdev_rig_cost {
	/* Instructions in the kernel, for each of them */
	__u64 create;
	__u64 destroy;
	/* 4 KiB, of an address that was mapped before */
	__u64 map;
	__u64 unmap;
	/* For the next user, after that; 0 for the parent */
	__u64 reset;
};

struct subdev_rig {
	__u32 op;
	__u32 id;
	__s32 handle;
	__u32 count;
	__u32 ids[2];
	__u32 buffer;
	__u32 kind;
	__u32 size;
	__u32 byte;
	__u32 resumes;
	__u32 intact;
	__u64 mask;
	__u64 dma;
	char parent[48];
	char name[48];
	struct subdev_rig_cost cost;
};

#define SUBDEV_RIG_DO	_IOWR('r', 0, struct subdev_rig)

#endif /* _SUBDEV_RIG_H */
