// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parents for machines whose firmware does not describe any: platform devices
 * that nothing or only software describes, one of ACPI, and any PCI device that
 * is given to the driver by its driver_override
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/property.h>

static int parents_probe(struct platform_device *pdev)
{
	return dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
}

static const struct acpi_device_id parents_acpi_match[] = {
	{ "RIGP0001" },
	{ }
};
MODULE_DEVICE_TABLE(acpi, parents_acpi_match);

static const struct platform_device_id parents_ids[] = {
	{ "rig-plain" },
	{ "rig-software" },
	{ }
};
MODULE_DEVICE_TABLE(platform, parents_ids);

static struct platform_driver parents_driver = {
	.probe		= parents_probe,
	.id_table	= parents_ids,
	.driver		= {
		.name			= "subdev-rig-parents",
		.acpi_match_table	= parents_acpi_match,
	},
};

static int parents_pci_probe(struct pci_dev *pdev,
			     const struct pci_device_id *id)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	return dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(48));
}

/* It takes no device by itself */
static const struct pci_device_id parents_pci_ids[] = {
	{ }
};

static struct pci_driver parents_pci_driver = {
	.name		= "subdev-rig-pci",
	.id_table	= parents_pci_ids,
	.probe		= parents_pci_probe,
};

static const struct software_node parents_node = { .name = "rig-software" };
static const struct software_node parents_child = {
	.name	= "CHLD",
	.parent	= &parents_node,
};

static const struct software_node *parents_nodes[] = {
	&parents_node, &parents_child, NULL,
};

static struct platform_device *parents_plain, *parents_software;

static int __init parents_init(void)
{
	struct platform_device_info info = {
		.name		= "rig-plain",
		.id		= PLATFORM_DEVID_NONE,
		.dma_mask	= DMA_BIT_MASK(48),
	};
	int ret;

	ret = software_node_register_node_group(parents_nodes);
	if (ret)
		return ret;
	ret = platform_driver_register(&parents_driver);
	if (ret)
		goto err_nodes;
	ret = pci_register_driver(&parents_pci_driver);
	if (ret)
		goto err_driver;

	parents_plain = platform_device_register_full(&info);
	ret = PTR_ERR_OR_ZERO(parents_plain);
	if (ret)
		goto err_pci;
	info.name = "rig-software";
	info.fwnode = software_node_fwnode(&parents_node);
	parents_software = platform_device_register_full(&info);
	ret = PTR_ERR_OR_ZERO(parents_software);
	if (ret)
		goto err_plain;
	return 0;

err_plain:
	platform_device_unregister(parents_plain);
err_pci:
	pci_unregister_driver(&parents_pci_driver);
err_driver:
	platform_driver_unregister(&parents_driver);
err_nodes:
	software_node_unregister_node_group(parents_nodes);
	return ret;
}
module_init(parents_init);

static void __exit parents_exit(void)
{
	platform_device_unregister(parents_software);
	platform_device_unregister(parents_plain);
	pci_unregister_driver(&parents_pci_driver);
	platform_driver_unregister(&parents_driver);
	software_node_unregister_node_group(parents_nodes);
}
module_exit(parents_exit);

MODULE_DESCRIPTION("Parents for the rig that firmware maps no input IDs for");
MODULE_LICENSE("GPL");
