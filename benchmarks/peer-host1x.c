// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pattern of host1x's memory contexts, on their bus: a device without a
 * driver, registered first and configured then. host1x creates all of them at
 * once, in one array; here each is an allocation of its own.
 *
 * These are two peers. The lean one has the switches of a sub-device that are a line
 * each in any driver: no uevents, no power management, and dma_set_mask(), which has
 * syncs skipped.
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

static struct device *host1x_create_one(unsigned int context, bool lean)
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

	if (lean) {
		dev_set_uevent_suppress(&ctx->dev, 1);
		device_set_pm_not_required(&ctx->dev);
	}
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
	if (lean)
		dma_set_mask(&ctx->dev, BENCH_MASK);
	return &ctx->dev;

err_del:
	device_del(&ctx->dev);
err_put:
	put_device(&ctx->dev);
	return ERR_PTR(ret);
}

static struct device *host1x_create(unsigned int context)
{
	return host1x_create_one(context, false);
}

static struct device *host1x_lean_create(unsigned int context)
{
	return host1x_create_one(context, true);
}

static void host1x_destroy(struct device *dev, unsigned int context)
{
	device_unregister(dev);
}

#define HOST1X_NOTES \
	"no ownership: root can switch the domain below it", \
	"does not check that the domain translates", \
	"managed DMA memory is freed after the IOMMU has released the device", \
	"freeing DMA memory after destroy can corrupt other memory", \
	"any module can put a device on its bus"

static const char * const host1x_notes[] = {
	HOST1X_NOTES,
	"as merged: does not call dma_set_mask() so no sync is skipped",
	NULL
};

static const char * const host1x_lean_notes[] = {
	"host1x without uevents and power management",
	HOST1X_NOTES,
	NULL
};

const struct bench_peer bench_host1x = {
	.name		= "host1x",
	.notes		= host1x_notes,
	.isolated	= true,
	.create		= host1x_create,
	.destroy	= host1x_destroy,
};

const struct bench_peer bench_host1x_lean = {
	.name		= "host1x-lean",
	.notes		= host1x_lean_notes,
	.like		= "host1x",
	.with		= "sends no uevents; has no power management; calls dma_set_mask()",
	.isolated	= true,
	.create		= host1x_lean_create,
	.destroy	= host1x_destroy,
};
