// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ours, for a device that sends a PASID with its DMA. QEMU's SMMUv3 has none: the driver
 * is made to believe in them, and nobody can send one. For the machine of the benchmarks
 * only.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu-subdev.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "arm-smmu-v3.h"
#include "bench.h"

/* Enough for all contexts, and for 0, which is no PASID */
#define PASID_BITS	11

static struct device *pasid_parent;

static struct arm_smmu_device *pasid_smmu(struct device_node *np)
{
	struct device_node *node = of_parse_phandle(np, "iommus", 0);
	struct platform_device *pdev = of_find_device_by_node(node);
	struct arm_smmu_device *smmu;

	of_node_put(node);
	if (!pdev)
		return NULL;
	smmu = platform_get_drvdata(pdev);
	put_device(&pdev->dev);
	return smmu;
}

static int pasid_prepare(unsigned int n)
{
	struct device_node *np = of_get_compatible_child(bench_parent->of_node,
							 "iommu-subdev,bench-pasids");
	struct arm_smmu_device *smmu = np ? pasid_smmu(np) : NULL;
	struct platform_device *pdev = NULL;

	if (smmu) {
		smmu->ssid_bits = PASID_BITS;
		smmu->iommu.max_pasids = 1 << PASID_BITS;
		smmu->features |= ARM_SMMU_FEAT_2_LVL_CDTAB;
		pdev = of_platform_device_create(np, NULL, bench_parent);
	}
	of_node_put(np);
	if (!pdev)
		return -EOPNOTSUPP;
	pasid_parent = &pdev->dev;
	return 0;
}

static void pasid_unprepare(unsigned int n)
{
	of_platform_device_destroy(pasid_parent, NULL);
}

static void pasid_fault(struct device *dev, dma_addr_t iova, bool write, void *data)
{
}

static struct device *pasid_create(unsigned int context)
{
	struct device *dev;
	u32 pasid;

	dev = iommu_subdev_create_pasid(pasid_parent, &pasid);
	if (!IS_ERR(dev))
		iommu_subdev_set_fault_handler(dev, pasid_fault, NULL);
	return dev;
}

static void pasid_destroy(struct device *dev, unsigned int context)
{
	iommu_subdev_destroy(dev);
}

static const char * const pasid_notes[] = {
	"as a sub-device of a stream",
	"needs a device that sends PASIDs",
	"faults are in the log only",
	NULL
};

const struct bench_peer bench_subdev_pasid = {
	.name		= "subdev-pasid",
	.notes		= pasid_notes,
	.isolated	= true,
	.prepare	= pasid_prepare,
	.unprepare	= pasid_unprepare,
	.create		= pasid_create,
	.destroy	= pasid_destroy,
};
