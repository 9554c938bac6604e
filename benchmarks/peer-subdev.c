// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ours
 */
#include <linux/iommu-subdev.h>

#include "bench.h"

static struct device *subdev_create(unsigned int context)
{
	return iommu_subdev_create(bench_parent, bench_first_id + context);
}

static void subdev_destroy(struct device *dev, unsigned int context)
{
	iommu_subdev_destroy(dev);
}

static const char * const subdev_notes[] = {
	"fails if the DMA would not be translated",
	"owns its domain",
	"refuses a stream that another device has",
	"unmap and free still work after destroy",
	"is destroyed when the parent's driver is unbound",
	NULL
};

const struct bench_peer bench_subdev = {
	.name		= "subdev",
	.notes		= subdev_notes,
	.isolated	= true,
	.create		= subdev_create,
	.destroy	= subdev_destroy,
};
