// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that isolation can cost: a paging domain that is attached to an
 * existing device
 */
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "bench.h"

static struct device *floor_dev[BENCH_CONTEXTS];
static struct iommu_domain *floor_domain[BENCH_CONTEXTS];

static void floor_destroy_devices(unsigned int n)
{
	while (n--)
		bench_direct.destroy(floor_dev[n], n);
}

static void floor_unprepare(unsigned int n)
{
	floor_destroy_devices(n);
	bench_direct.unprepare(n);
}

static int floor_prepare(unsigned int n)
{
	unsigned int i;
	int ret;

	ret = bench_direct.prepare(n);
	if (ret)
		return ret;
	for (i = 0; i < n; i++) {
		floor_dev[i] = bench_direct.create(i);
		if (IS_ERR(floor_dev[i])) {
			ret = PTR_ERR(floor_dev[i]);
			floor_destroy_devices(i);
			bench_direct.unprepare(n);
			return ret;
		}
	}
	return 0;
}

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
	"no device: a domain that is attached to an existing device",
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
