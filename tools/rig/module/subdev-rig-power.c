// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power domains and resets for the devices of users.dts whose registers are RAM:
 * drivers may ask for anything, and nothing happens
 */
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm_domain.h>
#include <linux/reset-controller.h>

#define RIG_DOMAINS	8
#define RIG_RESETS	8

struct rig_power {
	struct generic_pm_domain domains[RIG_DOMAINS];
	struct generic_pm_domain *list[RIG_DOMAINS];
	struct genpd_onecell_data data;
	struct reset_controller_dev resets;
};

static int rig_power_set_state(struct generic_pm_domain *domain, unsigned int state)
{
	return 0;
}

static int rig_power_set_hwmode(struct generic_pm_domain *domain, struct device *dev,
				bool enable)
{
	return 0;
}

static int rig_reset(struct reset_controller_dev *resets, unsigned long id)
{
	return 0;
}

static const struct reset_control_ops rig_reset_ops = {
	.reset		= rig_reset,
	.assert		= rig_reset,
	.deassert	= rig_reset,
};

static int rig_power_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct rig_power *power;
	int i, ret;

	power = devm_kzalloc(dev, sizeof(*power), GFP_KERNEL);
	if (!power)
		return -ENOMEM;

	for (i = 0; i < RIG_DOMAINS; i++) {
		struct generic_pm_domain *domain = &power->domains[i];

		domain->name = devm_kasprintf(dev, GFP_KERNEL, "rig-%d", i);
		if (!domain->name)
			return -ENOMEM;
		domain->set_performance_state = rig_power_set_state;
		domain->set_hwmode_dev = rig_power_set_hwmode;
		ret = pm_genpd_init(domain, NULL, true);
		if (ret)
			return ret;
		power->list[i] = domain;
	}
	power->data.domains = power->list;
	power->data.num_domains = RIG_DOMAINS;
	ret = of_genpd_add_provider_onecell(dev->of_node, &power->data);
	if (ret)
		return ret;

	power->resets.ops = &rig_reset_ops;
	power->resets.owner = THIS_MODULE;
	power->resets.of_node = dev->of_node;
	power->resets.nr_resets = RIG_RESETS;
	return devm_reset_controller_register(dev, &power->resets);
}

static const struct of_device_id rig_power_of_match[] = {
	{ .compatible = "iommu-subdev,rig-power" },
	{ }
};
MODULE_DEVICE_TABLE(of, rig_power_of_match);

static struct platform_driver rig_power_driver = {
	.probe	= rig_power_probe,
	.driver	= {
		.name			= "subdev-rig-power",
		.of_match_table		= rig_power_of_match,
		.suppress_bind_attrs	= true,
	},
};

/* It stays: the core does not let go of domains that have consumers */
static int __init rig_power_init(void)
{
	return platform_driver_register(&rig_power_driver);
}
module_init(rig_power_init);

MODULE_DESCRIPTION("Power domains and resets for the rig's devices in RAM");
MODULE_LICENSE("GPL");
