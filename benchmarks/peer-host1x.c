// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pattern of host1x's memory contexts, on their bus: a device without a
 * driver, registered first and configured then. host1x makes all of them at
 * once, in one array; here each is an allocation.
 */
#include <linux/dma-mapping.h>
#include <linux/host1x_context_bus.h>
#include <linux/iommu.h>
#include <linux/of_device.h>
#include <linux/slab.h>

#include "bench.h"

struct host1x_bench {
	struct device dev;
	struct device_dma_parameters dma_parms;
	u64 dma_mask;
	u32 stream_id;
};

static void host1x_release(struct device *dev)
{
	kfree(container_of(dev, struct host1x_bench, dev));
}

static struct device *host1x_create(unsigned int context)
{
	u32 id = bench_first_id + context;
	struct host1x_bench *ctx;
	int ret;

	ctx = kzalloc_obj(*ctx);
	if (!ctx)
		return ERR_PTR(-ENOMEM);

	device_initialize(&ctx->dev);
	ctx->dma_mask = BENCH_MASK;
	ctx->dev.dma_mask = &ctx->dma_mask;
	ctx->dev.coherent_dma_mask = BENCH_MASK;
	ctx->dev.bus = &host1x_context_device_bus_type;
	ctx->dev.parent = bench_parent;
	ctx->dev.release = host1x_release;
	ctx->dev.dma_parms = &ctx->dma_parms;
	dma_set_max_seg_size(&ctx->dev, UINT_MAX);
	ret = dev_set_name(&ctx->dev, "host1x-ctx.%u", context);
	if (ret)
		goto err_put;

	ret = device_add(&ctx->dev);
	if (ret)
		goto err_put;

	ret = of_dma_configure_id(&ctx->dev, bench_parent->of_node, true, &id);
	if (ret)
		goto err_del;

	if (!tegra_dev_iommu_get_stream_id(&ctx->dev, &ctx->stream_id) ||
	    !device_iommu_mapped(&ctx->dev)) {
		ret = -EINVAL;
		goto err_del;
	}
	return &ctx->dev;

err_del:
	device_del(&ctx->dev);
err_put:
	put_device(&ctx->dev);
	return ERR_PTR(ret);
}

static void host1x_destroy(struct device *dev, unsigned int context)
{
	device_unregister(dev);
}

static const char * const host1x_notes[] = {
	"no ownership: root can switch the domain below it",
	"does not look whether the domain translates",
	"managed memory outlives the IOMMU",
	"any module can put a device on its bus",
	NULL
};

const struct bench_peer bench_host1x = {
	.name		= "host1x",
	.notes		= host1x_notes,
	.isolated	= true,
	.create		= host1x_create,
	.destroy	= host1x_destroy,
};
