/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Isolated DMA contexts for the streams of one device
 */
#ifndef __LINUX_IOMMU_SUBDEV_H
#define __LINUX_IOMMU_SUBDEV_H

#include <linux/err.h>
#include <linux/types.h>

struct device;
struct fwnode_handle;

/* See iommu_subdev_set_fault_handler() */
typedef void (*iommu_subdev_fault_t)(struct device *subdev, dma_addr_t iova,
				     bool write, void *data);

#if IS_ENABLED(CONFIG_IOMMU_SUBDEV)

struct device *iommu_subdev_create(struct device *parent, u32 stream_id);
struct device *iommu_subdev_create_node(struct device *parent,
					struct fwnode_handle *node);
struct device *devm_iommu_subdev_create(struct device *parent, u32 stream_id);
struct device *devm_iommu_subdev_create_node(struct device *parent,
					     struct fwnode_handle *node);
s64 iommu_subdev_next_id(struct device *parent, u64 from);
void iommu_subdev_destroy(struct device *subdev);
void iommu_subdev_set_fault_handler(struct device *subdev,
				    iommu_subdev_fault_t fn, void *data);

#else /* !CONFIG_IOMMU_SUBDEV */

static inline struct device *iommu_subdev_create(struct device *parent,
						 u32 stream_id)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct device *
iommu_subdev_create_node(struct device *parent, struct fwnode_handle *node)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct device *devm_iommu_subdev_create(struct device *parent,
						      u32 stream_id)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct device *
devm_iommu_subdev_create_node(struct device *parent, struct fwnode_handle *node)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline s64 iommu_subdev_next_id(struct device *parent, u64 from)
{
	return -EOPNOTSUPP;
}

static inline void iommu_subdev_destroy(struct device *subdev)
{
}

static inline void iommu_subdev_set_fault_handler(struct device *subdev,
						  iommu_subdev_fault_t fn,
						  void *data)
{
}

#endif /* CONFIG_IOMMU_SUBDEV */

#endif /* __LINUX_IOMMU_SUBDEV_H */
