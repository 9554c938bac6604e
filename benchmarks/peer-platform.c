// SPDX-License-Identifier: GPL-2.0-only
/*
 * A platform device for each context, configured by hand from its parent's node,
 * as in iris in January 2026
 */
#include <linux/dma-mapping.h>
#include <linux/of_device.h>
#include <linux/platform_device.h>

#include "bench.h"

static struct device *platform_create(unsigned int context)
{
	struct platform_device_info info = {
		.parent		= bench_parent,
		.name		= "subdev-bench-ctx",
		.id		= context,
		.dma_mask	= BENCH_MASK,
	};
	u32 id = bench_first_id + context;
	struct platform_device *pdev;
	int ret;

	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return ERR_CAST(pdev);

	ret = of_dma_configure_id(&pdev->dev, bench_parent->of_node, true, &id);
	if (!ret && !device_iommu_mapped(&pdev->dev))
		ret = -ENODEV;
	if (ret) {
		platform_device_unregister(pdev);
		return ERR_PTR(ret);
	}
	return &pdev->dev;
}

static void platform_destroy(struct device *dev, unsigned int context)
{
	platform_device_unregister(to_platform_device(dev));
}

static const char * const platform_notes[] = {
	"no ownership: root can switch the domain below it",
	"calls of_dma_configure_id() outside of a bus",
	"does not check that the domain translates",
	"managed DMA memory is freed after the IOMMU has released the device",
	"freeing DMA memory after destroy can corrupt other memory",
	"a platform device without hardware",
	"as posted: does not call dma_set_mask() so no sync is skipped",
	NULL
};

const struct bench_peer bench_platform = {
	.name		= "platform",
	.notes		= platform_notes,
	.isolated	= true,
	.create		= platform_create,
	.destroy	= platform_destroy,
};
