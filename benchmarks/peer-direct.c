// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ordinary platform device with "iommus" of its own and a driver. Mapping
 * through a sub-device must not cost more. Firmware has a node for each.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "bench.h"

static struct device_node *direct_node[BENCH_CONTEXTS];

static void direct_unprepare(unsigned int n)
{
	while (n--)
		of_node_put(direct_node[n]);
}

/* To look for a node is not what is measured. */
static int direct_prepare(unsigned int n)
{
	struct device_node *np;
	unsigned int i = 0;

	for_each_child_of_node(bench_parent->of_node, np) {
		if (i == n) {
			of_node_put(np);
			return 0;
		}
		if (of_device_is_compatible(np, "iommu-subdev,bench-direct"))
			direct_node[i++] = of_node_get(np);
	}
	if (i == n)
		return 0;
	direct_unprepare(i);
	return -EOPNOTSUPP;
}

static struct device *direct_create(unsigned int context)
{
	struct platform_device *pdev;

	pdev = of_platform_device_create(direct_node[context], NULL,
					 bench_parent);
	if (!pdev)
		return ERR_PTR(-EBUSY);
	if (!pdev->dev.driver || !device_iommu_mapped(&pdev->dev)) {
		of_platform_device_destroy(&pdev->dev, NULL);
		return ERR_PTR(-ENODEV);
	}
	return &pdev->dev;
}

static void direct_destroy(struct device *dev, unsigned int context)
{
	of_platform_device_destroy(dev, NULL);
}

static const char * const direct_notes[] = {
	"what mapping costs at best: a device of its own in firmware with a driver",
	"cannot be created at run time",
	NULL
};

const struct bench_peer bench_direct = {
	.name		= "direct",
	.notes		= direct_notes,
	.isolated	= true,
	.prepare	= direct_prepare,
	.unprepare	= direct_unprepare,
	.create		= direct_create,
	.destroy	= direct_destroy,
};

static int direct_probe(struct platform_device *pdev)
{
	/* As it is for a sub-device: where a buffer is one range, it is one segment */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	return dma_set_mask_and_coherent(&pdev->dev, BENCH_MASK);
}

static const struct of_device_id direct_of_match[] = {
	{ .compatible = "iommu-subdev,bench-direct" },
	/* The parent of those that have PASIDs needs any driver */
	{ .compatible = "iommu-subdev,bench-pasids" },
	{ }
};
MODULE_DEVICE_TABLE(of, direct_of_match);

struct platform_driver bench_direct_driver = {
	.probe	= direct_probe,
	.driver	= {
		.name		= "subdev-bench-direct",
		.of_match_table	= direct_of_match,
	},
};
