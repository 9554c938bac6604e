// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ordinary platform device with "iommus" of its own and a driver. Mapping
 * through a sub-device must not cost more. It has a node in the devicetree, which is
 * added for it.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "bench.h"

static struct device_node *direct_node[BENCH_CONTEXTS];

#ifdef CONFIG_OF_DYNAMIC

static struct of_changeset direct_nodes;
static struct device_node *direct_bus;

/* The stream is that of a context with the same number. */
static int direct_stream(unsigned int context, u32 iommus[2])
{
	struct device *dev = bench_subdev.create(context);
	struct iommu_fwspec *fwspec;
	struct device_node *np;
	u32 cells = 0;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	fwspec = dev_iommu_fwspec_get(dev);
	np = to_of_node(fwspec->iommu_fwnode);
	if (np)
		of_property_read_u32(np, "#iommu-cells", &cells);
	if (cells == 1) {
		iommus[0] = np->phandle;
		iommus[1] = fwspec->ids[0];
	}
	bench_subdev.destroy(dev, context);
	return cells == 1 ? 0 : -EOPNOTSUPP;
}

static int direct_add_node(unsigned int context)
{
	struct device_node *np;
	u32 iommus[2];
	char name[24];
	bool coherent;
	int ret;

	ret = direct_stream(context, iommus);
	if (ret)
		return ret;
	snprintf(name, sizeof(name), "direct-%u", context);
	np = of_changeset_create_node(&direct_nodes, direct_bus, name);
	if (!np)
		return -ENOMEM;
	direct_node[context] = np;
	ret = of_changeset_add_prop_string(&direct_nodes, np, "compatible",
					   "iommu-subdev,bench-direct");
	if (!ret)
		ret = of_changeset_add_prop_u32_array(&direct_nodes, np, "iommus",
						      iommus, ARRAY_SIZE(iommus));
	/* Which of them is the default is up to the architecture */
	coherent = device_get_dma_attr(bench_parent) == DEV_DMA_COHERENT;
	return ret ?: of_changeset_add_prop_bool(&direct_nodes, np, coherent ?
						 "dma-coherent" : "dma-noncoherent");
}

static void direct_remove_nodes(void)
{
	unsigned int i;

	of_changeset_destroy(&direct_nodes);
	for (i = 0; i < BENCH_CONTEXTS && direct_node[i]; i++) {
		of_node_put(direct_node[i]);
		direct_node[i] = NULL;
	}
	of_node_put(direct_bus);
	direct_bus = NULL;
}

static void direct_unprepare(unsigned int n)
{
	of_changeset_revert(&direct_nodes);
	direct_remove_nodes();
}

/* To add a node, and to look for one, is not what is measured. */
static int direct_prepare(unsigned int n)
{
	struct device_node *root = of_find_node_by_path("/");
	unsigned int i;
	int ret = 0;

	of_changeset_init(&direct_nodes);
	direct_bus = of_changeset_create_node(&direct_nodes, root, "subdev-bench");
	of_node_put(root);
	if (!direct_bus) {
		of_changeset_destroy(&direct_nodes);
		return -ENOMEM;
	}
	/* It is no device */
	of_node_set_flag(direct_bus, OF_POPULATED);
	for (i = 0; i < n && !ret; i++)
		ret = direct_add_node(i);
	if (!ret)
		ret = of_changeset_apply(&direct_nodes);
	if (ret)
		direct_remove_nodes();
	return ret;
}

#else

static void direct_unprepare(unsigned int n)
{
}

static int direct_prepare(unsigned int n)
{
	return -EOPNOTSUPP;
}

#endif

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
