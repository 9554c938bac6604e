// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that isolation can cost: a paging domain that is attached to an
 * existing device. Destroy leaves the device blocked, as the device has no driver and
 * somebody else owns its DMA.
 */
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "bench.h"

static struct device *floor_dev[BENCH_CONTEXTS];
static struct iommu_domain *floor_domain[BENCH_CONTEXTS];

static struct device *floor_create(unsigned int context)
{
	struct iommu_domain *domain;
	int ret;

	domain = iommu_paging_domain_alloc(floor_dev[context]);
	if (IS_ERR(domain))
		return ERR_CAST(domain);
	ret = iommu_attach_device(domain, floor_dev[context]);
	if (ret) {
		iommu_domain_free(domain);
		return ERR_PTR(ret);
	}
	floor_domain[context] = domain;
	return floor_dev[context];
}

static void floor_destroy(struct device *dev, unsigned int context)
{
	iommu_detach_device(floor_domain[context], dev);
	iommu_domain_free(floor_domain[context]);
}

static bool floor_blocks(unsigned int context)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(floor_dev[context]);

	return domain && domain->type == IOMMU_DOMAIN_BLOCKED;
}

static int floor_create_device(unsigned int context)
{
	struct device *dev = bench_direct.create(context);
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	device_release_driver(dev);
	ret = iommu_device_claim_dma_owner(dev, floor_dev);
	if (ret) {
		bench_direct.destroy(dev, context);
		return ret;
	}
	floor_dev[context] = dev;
	return 0;
}

static void floor_destroy_devices(unsigned int n)
{
	while (n--) {
		iommu_device_release_dma_owner(floor_dev[n]);
		bench_direct.destroy(floor_dev[n], n);
	}
}

static void floor_unprepare(unsigned int n)
{
	floor_destroy_devices(n);
	bench_direct.unprepare(n);
}

/* Is a context blocked before it is created, not while it lives, and after it? */
static int floor_check(void)
{
	struct device *dev;
	bool translates;

	if (!floor_blocks(0))
		return -EIO;
	dev = floor_create(0);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	translates = !floor_blocks(0);
	floor_destroy(dev, 0);
	return translates && floor_blocks(0) ? 0 : -EIO;
}

static int floor_prepare(unsigned int n)
{
	unsigned int i;
	int ret;

	ret = bench_direct.prepare(n);
	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		ret = floor_create_device(i);
	if (ret) {
		floor_destroy_devices(i - 1);
		bench_direct.unprepare(n);
		return ret;
	}
	ret = floor_check();
	if (ret)
		floor_unprepare(n);
	return ret;
}

/* Nobody looks for an address */
static int floor_map(unsigned int context, phys_addr_t phys, size_t size)
{
	return iommu_map(floor_domain[context], SZ_1G, phys, size,
			 IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, GFP_KERNEL);
}

static void floor_unmap(unsigned int context, size_t size)
{
	iommu_unmap(floor_domain[context], SZ_1G, size);
}

static const char * const floor_notes[] = {
	"no device: a domain that is attached to an existing device without a driver",
	"leaves that device blocked",
	"maps with iommu_map() at an address that it chooses",
	"always strict",
	"no DMA API",
	NULL
};

const struct bench_peer bench_floor = {
	.name		= "floor",
	.notes		= floor_notes,
	.isolated	= true,
	.prepare	= floor_prepare,
	.unprepare	= floor_unprepare,
	.create		= floor_create,
	.destroy	= floor_destroy,
	.map		= floor_map,
	.unmap		= floor_unmap,
};
