// SPDX-License-Identifier: GPL-2.0-only
/*
 * A generic exported bus, as dma_context_bus of April 2026. Its .dma_configure
 * asks firmware, but the result is lost. bench.patch has the bus.
 *
 * One peer is the bus as it was posted, and the leanest has every switch that a
 * sub-device has. Those in between add one switch each, so that the report can tell
 * what each is worth. But for the lean one, which a driver could have, they create and
 * destroy contexts, and map nothing.
 */
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/dma_context_bus.h>
#include <linux/slab.h>

#include "bench.h"

#define CONTEXT_BUS_NO_UEVENTS	BIT(0)
#define CONTEXT_BUS_NO_PM	BIT(1)
#define CONTEXT_BUS_SET_MASK	BIT(2)
#define CONTEXT_BUS_NO_LOG	BIT(3)
#define CONTEXT_BUS_PLAIN_NAME	BIT(4)

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

/* dev_set_name() formats twice, for the length */
static int context_bus_set_name(struct device *dev, unsigned int context,
				unsigned long switches)
{
	char name[32];

	if (!(switches & CONTEXT_BUS_PLAIN_NAME))
		return dev_set_name(dev, "dma-ctx.%u", context);
	snprintf(name, sizeof(name), "dma-ctx.%u", context);
	return dev_set_name(dev, "%s", name);
}

static struct device *context_bus_create_one(unsigned int context,
					     unsigned long switches)
{
	struct context_bus_bench *cb;
	struct device *dev;
	int ret;

	cb = kzalloc_obj(*cb);
	if (!cb)
		return ERR_PTR(-ENOMEM);

	cb->ctx.id = bench_first_id + context;
	cb->ctx.quiet = switches & CONTEXT_BUS_NO_LOG;
	cb->dma_mask = BENCH_MASK;
	dev = &cb->ctx.dev;
	device_initialize(dev);
	dev->dma_mask = &cb->dma_mask;
	dev->coherent_dma_mask = BENCH_MASK;
	dev->bus = &dma_context_bus_type;
	dev->parent = bench_parent;
	dev->release = context_bus_release;
	if (switches & CONTEXT_BUS_NO_UEVENTS)
		dev_set_uevent_suppress(dev, 1);
	if (switches & CONTEXT_BUS_NO_PM)
		device_set_pm_not_required(dev);
	ret = context_bus_set_name(dev, context, switches);
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
	/* The mask is set, but not whether buffers have to be synced */
	if (switches & CONTEXT_BUS_SET_MASK)
		dma_set_mask(dev, BENCH_MASK);
	return dev;
}

static void context_bus_destroy(struct device *dev, unsigned int context)
{
	device_unregister(dev);
}

#define CONTEXT_BUS_NOTES \
	"no ownership: root can switch the domain below it", \
	"the user has to check for an IOMMU and does not learn why there is none", \
	"managed DMA memory is freed after the IOMMU has released the device", \
	"freeing DMA memory after destroy can corrupt other memory", \
	"the bus is exported"

static const char * const context_bus_notes[] = {
	CONTEXT_BUS_NOTES,
	"as posted: does not call dma_set_mask() so no sync is skipped",
	NULL
};

static const char * const context_bus_lean_notes[] = {
	"dma-context-bus with the switches of host1x-lean",
	CONTEXT_BUS_NOTES,
	NULL
};

static const char * const context_bus_leanest_notes[] = {
	"dma-context-bus with every switch that a sub-device has",
	"its line is taken out of the IOMMU core: no driver can do that",
	CONTEXT_BUS_NOTES,
	NULL
};

static const char * const context_bus_step_notes[] = {
	"shows what one switch is worth",
	NULL
};

#define CONTEXT_BUS_CREATE(_name, _switches) \
static struct device *_name##_create(unsigned int context) \
{ \
	return context_bus_create_one(context, _switches); \
}

CONTEXT_BUS_CREATE(context_bus, 0)
CONTEXT_BUS_CREATE(context_bus_no_uevents, CONTEXT_BUS_NO_UEVENTS)
CONTEXT_BUS_CREATE(context_bus_no_pm,
		   CONTEXT_BUS_NO_UEVENTS | CONTEXT_BUS_NO_PM)
CONTEXT_BUS_CREATE(context_bus_lean,
		   CONTEXT_BUS_NO_UEVENTS | CONTEXT_BUS_NO_PM |
		   CONTEXT_BUS_SET_MASK)
CONTEXT_BUS_CREATE(context_bus_no_log,
		   CONTEXT_BUS_NO_UEVENTS | CONTEXT_BUS_NO_PM |
		   CONTEXT_BUS_SET_MASK | CONTEXT_BUS_NO_LOG)
CONTEXT_BUS_CREATE(context_bus_leanest,
		   CONTEXT_BUS_NO_UEVENTS | CONTEXT_BUS_NO_PM |
		   CONTEXT_BUS_SET_MASK | CONTEXT_BUS_NO_LOG |
		   CONTEXT_BUS_PLAIN_NAME)

const struct bench_peer bench_context_bus = {
	.name		= "dma-context-bus",
	.notes		= context_bus_notes,
	.isolated	= true,
	.create		= context_bus_create,
	.destroy	= context_bus_destroy,
};

const struct bench_peer bench_context_bus_no_uevents = {
	.name		= "bus-no-uevents",
	.notes		= context_bus_step_notes,
	.like		= "dma-context-bus",
	.with		= "sends no uevents",
	.isolated	= true,
	.step		= true,
	.create		= context_bus_no_uevents_create,
	.destroy	= context_bus_destroy,
};

const struct bench_peer bench_context_bus_no_pm = {
	.name		= "bus-no-pm",
	.notes		= context_bus_step_notes,
	.like		= "bus-no-uevents",
	.with		= "has no power management",
	.isolated	= true,
	.step		= true,
	.create		= context_bus_no_pm_create,
	.destroy	= context_bus_destroy,
};

const struct bench_peer bench_context_bus_lean = {
	.name		= "dma-context-bus-lean",
	.notes		= context_bus_lean_notes,
	.like		= "bus-no-pm",
	.with		= "calls dma_set_mask() so syncs are skipped",
	.isolated	= true,
	.create		= context_bus_lean_create,
	.destroy	= context_bus_destroy,
};

const struct bench_peer bench_context_bus_no_log = {
	.name		= "bus-no-log",
	.notes		= context_bus_step_notes,
	.like		= "dma-context-bus-lean",
	.with		= "has no line in the log",
	.isolated	= true,
	.step		= true,
	.create		= context_bus_no_log_create,
	.destroy	= context_bus_destroy,
};

const struct bench_peer bench_context_bus_leanest = {
	.name		= "leanest",
	.notes		= context_bus_leanest_notes,
	.like		= "bus-no-log",
	.with		= "formats its name once",
	.isolated	= true,
	.create		= context_bus_leanest_create,
	.destroy	= context_bus_destroy,
};
