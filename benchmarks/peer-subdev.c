// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ours
 */
#include <linux/iommu-subdev.h>

#include "bench.h"

static void subdev_fault(struct device *dev, dma_addr_t iova, bool write, void *data)
{
}

/* As a session begins: with a handler of its faults */
static struct device *subdev_create(unsigned int context)
{
	struct device *dev = iommu_subdev_create(bench_parent, bench_first_id + context);

	if (!IS_ERR(dev))
		iommu_subdev_set_fault_handler(dev, subdev_fault, NULL);
	return dev;
}

static void subdev_destroy(struct device *dev, unsigned int context)
{
	iommu_subdev_destroy(dev);
}

static int subdev_reset(struct device *dev, unsigned int context)
{
	int ret = iommu_subdev_reset(dev);

	if (!ret)
		iommu_subdev_set_fault_handler(dev, subdev_fault, NULL);
	return ret;
}

static const char * const subdev_notes[] = {
	"fails if the DMA would not be translated",
	"owns its domain",
	"refuses a stream that another device has",
	"unmap and free still work after destroy",
	"is destroyed when the parent's driver is unbound",
	"has a handler of its faults",
	NULL
};

const struct bench_peer bench_subdev = {
	.name		= "subdev",
	.notes		= subdev_notes,
	.isolated	= true,
	.create		= subdev_create,
	.destroy	= subdev_destroy,
	.reset		= subdev_reset,
};
