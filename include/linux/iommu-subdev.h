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

struct device *__iommu_subdev_create(struct device *parent,
				     struct fwnode_handle *fwnode, u32 id,
				     bool managed);
s64 iommu_subdev_next_id(struct device *parent, u64 from);
void iommu_subdev_destroy(struct device *subdev);

#else /* !CONFIG_IOMMU_SUBDEV */

static inline struct device *
__iommu_subdev_create(struct device *parent, struct fwnode_handle *fwnode, u32 id,
		      bool managed)
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

#endif /* CONFIG_IOMMU_SUBDEV */

/**
 * iommu_subdev_create() - Create an isolated DMA context for an input ID
 * @parent: the device that issues the DMA, with a driver bound or binding
 * @stream_id: the input ID of the stream, a plain number: the key in the
 *	``iommu-map`` of @parent's devicetree node, or in the mappings of its
 *	named component in the ACPI IORT. Firmware translates it to the IOMMU's
 *	own stream ID.
 *
 * The sub-device works with the ordinary DMA API. Its DMA masks and &struct
 * device_dma_parameters start as a copy of @parent's. If @parent has no max_segment_size,
 * that of the sub-device is UINT_MAX and not 64 KiB. Its coherency and ``dma-ranges`` are
 * those of @parent's node. IOMMU drivers that look for quirks by the ``compatible`` of a
 * device find none: use iommu_subdev_create_node().
 *
 * Any number of threads may create and destroy. Create has no effect on the
 * probe of @parent, whose driver may return -EPROBE_DEFER after it, and does not
 * resume @parent. It works in callbacks of runtime PM, and in ->suspend() and
 * ->resume() if @parent is linked to this IOMMU already: otherwise it adds the link,
 * which reorders the list that these callbacks are called from. In the late, early
 * and noirq callbacks the IOMMU may be suspended. Because of the link, the IOMMU is
 * active whenever @parent is, until @parent's driver is unbound.
 *
 * Context: Process context. May sleep. Not below the probe or remove function of
 * the IOMMU's driver, as it takes device_lock() of the IOMMU.
 * Return:
 * * the sub-device, to be passed to iommu_subdev_destroy(), or an ERR_PTR(), never
 *   NULL
 * * -EINVAL: @parent is NULL, is not registered, has no driver bound or binding,
 *   or is a sub-device itself; or device_link_add() fails for @parent and the
 *   IOMMU: there is no memory for the link, or the IOMMU depends on @parent
 * * -ENODEV: firmware maps no IOMMU for @stream_id, or the IOMMU is disabled
 * * -EPROBE_DEFER: the driver of the IOMMU is not bound yet
 * * -EEXIST: @parent has a sub-device with this ID, or a device has its name
 * * -EBUSY: another device has the stream or is in its IOMMU group
 * * -EOPNOTSUPP: the IOMMU only provides identity; or it has no stream IDs; or it has no
 *   device; or it is @parent; or it would not block the stream after destroy; or IOMMU_DMA
 *   or CONFIG_IOMMU_SUBDEV is not set
 * * -ENOSPC: the IOMMU has no more contexts (-EBUSY with an SMMUv3). A destroyed
 *   sub-device occupies its context for as long as somebody holds a reference to it.
 * * -ENOMEM, or any other error: of firmware's map, -EINVAL if it is malformed; of
 *   ``dma-ranges``, -EFAULT if the IOMMU or a bus cannot address them; of the IOMMU's
 *   driver, -ENXIO for its -ENODEV; or of its runtime resume
 */
static inline struct device *iommu_subdev_create(struct device *parent,
						 u32 stream_id)
{
	return __iommu_subdev_create(parent, NULL, stream_id, false);
}

/**
 * iommu_subdev_create_node() - Create the DMA context of a child node
 * @parent: the device that issues the DMA, with a driver bound or binding
 * @node: a child of @parent's devicetree node
 *
 * The properties of @node are those of a device: ``iommus``, with any number of
 * streams of one IOMMU; ``dma-ranges``, or else those above, as the limit of the
 * addresses; ``dma-coherent``; and ``memory-region`` with ``iommu-addresses`` for
 * @node, mapped or reserved. No other device may exist for @node. All else is as
 * for iommu_subdev_create(). It has a reference to @node, until it is freed.
 *
 * Context: as iommu_subdev_create().
 * Return:
 * * as iommu_subdev_create(), with these differences:
 * * -EINVAL: also when @node is NULL or is not a child of @parent's node
 * * -ENODEV: @node or its IOMMU is disabled, it has no ``iommus``, or it is not
 *   part of a devicetree
 * * -EEXIST: @node has a sub-device
 * * -EBUSY: another device has one of the streams or is in the IOMMU group
 * * -EXDEV: @node has streams of more than one IOMMU
 */
static inline struct device *
iommu_subdev_create_node(struct device *parent, struct fwnode_handle *node)
{
	return __iommu_subdev_create(parent, node ?: ERR_PTR(-ENOENT), 0, false);
}

/**
 * devm_iommu_subdev_create() - Managed iommu_subdev_create()
 * @parent: the device that issues the DMA, with a driver bound or binding
 * @stream_id: the input ID of the stream, see iommu_subdev_create()
 *
 * The sub-device is destroyed when @parent's driver is unbound, in the reverse
 * order of all that is managed on @parent, or by iommu_subdev_destroy() before.
 * A thread that may use it during the unbind holds a reference to it.
 *
 * Context: as iommu_subdev_create().
 * Return: as iommu_subdev_create().
 */
static inline struct device *devm_iommu_subdev_create(struct device *parent,
						      u32 stream_id)
{
	return __iommu_subdev_create(parent, NULL, stream_id, true);
}

/**
 * devm_iommu_subdev_create_node() - Managed iommu_subdev_create_node()
 * @parent: the device that issues the DMA, with a driver bound or binding
 * @node: a child of @parent's devicetree node
 *
 * It is destroyed as that of devm_iommu_subdev_create().
 *
 * Context: as iommu_subdev_create().
 * Return: as iommu_subdev_create_node().
 */
static inline struct device *
devm_iommu_subdev_create_node(struct device *parent, struct fwnode_handle *node)
{
	return __iommu_subdev_create(parent, node ?: ERR_PTR(-ENOENT), 0, true);
}

#endif /* __LINUX_IOMMU_SUBDEV_H */
