// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives the SMMUv3 substream IDs, which that of QEMU 7.2 does not have, and then adds
 * the devices below the node. Nothing is changed but what the driver has read in IDR1.
 */
#include <linux/err.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "arm-smmu-v3.h"

#define SSIDS_BITS	8

static int ssids_probe(struct platform_device *pdev)
{
	struct device_node *node = of_parse_phandle(pdev->dev.of_node, "smmu", 0);
	struct platform_device *smmu_pdev = of_find_device_by_node(node);
	struct arm_smmu_device *smmu;

	of_node_put(node);
	if (!smmu_pdev)
		return -ENODEV;
	smmu = platform_get_drvdata(smmu_pdev);
	put_device(&smmu_pdev->dev);
	if (!smmu)
		return -EPROBE_DEFER;
	smmu->ssid_bits = SSIDS_BITS;
	smmu->iommu.max_pasids = 1 << SSIDS_BITS;
	return devm_of_platform_populate(&pdev->dev);
}

static const struct of_device_id ssids_of_match[] = {
	{ .compatible = "iommu-subdev,rig-ssids" },
	{ }
};
MODULE_DEVICE_TABLE(of, ssids_of_match);

static struct platform_driver ssids_driver = {
	.probe	= ssids_probe,
	.driver	= {
		.name		= "subdev-rig-ssids",
		.of_match_table	= ssids_of_match,
	},
};
module_platform_driver(ssids_driver);

MODULE_DESCRIPTION("Substream IDs for the rig's SMMUv3");
MODULE_LICENSE("GPL");
