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

#if IS_ENABLED(CONFIG_IOMMU_SUBDEV)

struct device *iommu_subdev_create(struct device *parent, u32 stream_id);
struct device *iommu_subdev_create_node(struct device *parent,
					struct fwnode_handle *node);
struct device *devm_iommu_subdev_create(struct device *parent, u32 stream_id);
struct device *devm_iommu_subdev_create_node(struct device *parent,
					     struct fwnode_handle *node);
void iommu_subdev_destroy(struct device *subdev);

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

static inline void iommu_subdev_destroy(struct device *subdev)
{
}

#endif /* CONFIG_IOMMU_SUBDEV */

#endif /* __LINUX_IOMMU_SUBDEV_H */
