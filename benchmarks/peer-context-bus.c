// SPDX-License-Identifier: GPL-2.0-only
/*
 * A generic exported bus, as dma_context_bus of April 2026. Its .dma_configure
 * asks firmware, but the result is lost. bench.patch has the bus.
 */
#include <linux/dma-mapping.h>
#include <linux/dma_context_bus.h>
#include <linux/slab.h>

#include "bench.h"

struct context_bus_bench {
	struct dma_context_device ctx;
	u64 dma_mask;
};

#define to_context_bus_bench(d) \
	container_of(d, struct context_bus_bench, ctx.dev)

static void context_bus_release(struct device *dev)
{
	kfree(to_context_bus_bench(dev));
}

static struct device *context_bus_create(unsigned int context)
{
	struct context_bus_bench *cb;
	struct device *dev;
	int ret;

	cb = kzalloc_obj(*cb);
	if (!cb)
		return ERR_PTR(-ENOMEM);

	cb->ctx.id = bench_first_id + context;
	cb->dma_mask = BENCH_MASK;
	dev = &cb->ctx.dev;
	device_initialize(dev);
	dev->dma_mask = &cb->dma_mask;
	dev->coherent_dma_mask = BENCH_MASK;
	dev->bus = &dma_context_bus_type;
	dev->parent = bench_parent;
	dev->release = context_bus_release;
	ret = dev_set_name(dev, "dma-ctx.%u", context);
	if (!ret)
		ret = device_add(dev);
	if (ret) {
		put_device(dev);
		return ERR_PTR(ret);
	}
	/* device_add() succeeds without an IOMMU as well */
	if (!device_iommu_mapped(dev)) {
		device_unregister(dev);
		return ERR_PTR(-ENODEV);
	}
	return dev;
}

static void context_bus_destroy(struct device *dev, unsigned int context)
{
	device_unregister(dev);
}

static const char * const context_bus_notes[] = {
	"no ownership: root can switch the domain below it",
	"the user has to check for an IOMMU and does not learn why there is none",
	"managed DMA memory is freed after the IOMMU has released the device",
	"freeing DMA memory after destroy can corrupt other memory",
	"the bus is exported",
	NULL
};

const struct bench_peer bench_context_bus = {
	.name		= "dma-context-bus",
	.notes		= context_bus_notes,
	.isolated	= true,
	.create		= context_bus_create,
	.destroy	= context_bus_destroy,
};
