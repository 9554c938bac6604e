// SPDX-License-Identifier: GPL-2.0-only
/*
 * The auxiliary bus, which maintainers ask for first: a device, but no DMA
 */
#include <linux/auxiliary_bus.h>
#include <linux/slab.h>

#include "bench.h"

static void aux_release(struct device *dev)
{
	kfree(to_auxiliary_dev(dev));
}

static struct device *aux_create(unsigned int context)
{
	struct auxiliary_device *aux;
	int ret;

	aux = kzalloc_obj(*aux);
	if (!aux)
		return ERR_PTR(-ENOMEM);

	aux->name = "ctx";
	aux->id = context;
	aux->dev.parent = bench_parent;
	aux->dev.release = aux_release;
	ret = auxiliary_device_init(aux);
	if (ret) {
		kfree(aux);
		return ERR_PTR(ret);
	}
	ret = auxiliary_device_add(aux);
	if (ret) {
		auxiliary_device_uninit(aux);
		return ERR_PTR(ret);
	}
	return &aux->dev;
}

static void aux_destroy(struct device *dev, unsigned int context)
{
	auxiliary_device_delete(to_auxiliary_dev(dev));
	auxiliary_device_uninit(to_auxiliary_dev(dev));
}

static const char * const aux_notes[] = {
	"not isolated: its devices have no IOMMU and no DMA",
	"shows what a device alone costs",
	NULL
};

const struct bench_peer bench_aux = {
	.name		= "aux",
	.notes		= aux_notes,
	.create		= aux_create,
	.destroy	= aux_destroy,
};
