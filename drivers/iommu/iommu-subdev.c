// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolated DMA contexts for the streams of one device
 */

#include <linux/acpi.h>
#include <linux/acpi_iort.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/iommu-subdev.h>
#include <linux/kernfs.h>
#include <linux/mutex.h>
#include <linux/of_device.h>
#include <linux/of_iommu.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "iommu-priv.h"

#define CREATE_TRACE_POINTS
#include <trace/events/iommu_subdev.h>

struct iommu_subdev {
	struct device dev;
	struct device_dma_parameters dma_parms;
	u64 dma_mask;
	/* The child node that describes it. NULL if an input ID does */
	struct fwnode_handle *fwnode;
	u32 id;
	/* The device of the IOMMU */
	struct device *iommu;
	/* One of the parent's managed resources. It has a reference to @dev */
	struct devres_node node;
	/* Held throughout create, and while the sub-device is destroyed */
	struct mutex lock;
	bool managed;
	/* Protected by @lock */
	bool live;
	/* The default domain of the group, from when it is owned until detach */
	struct iommu_domain *domain;
};

#define to_iommu_subdev(d) container_of(d, struct iommu_subdev, dev)

/* The folder in sysfs that has the name of each sub-device */
static struct kernfs_node *iommu_subdev_names;
static DEFINE_MUTEX(iommu_subdev_names_lock);

/* Protects iommu_device.streams */
static DEFINE_MUTEX(iommu_streams_lock);

void iommu_subdev_init_iommu(struct iommu_device *iommu)
{
	xa_init(&iommu->streams);
}

/* The entry of a stream is its sub-device, or counts its other devices */
static int iommu_account_stream(struct device *dev, u32 id, int users)
{
	struct xarray *streams = dev->iommu->streams;
	void *entry, *new = users > 0 ? dev : NULL;

	guard(mutex)(&iommu_streams_lock);

	entry = xa_load(streams, id);
	if (entry && entry != dev && (dev->iommu->isolated || !xa_is_value(entry)))
		return -EBUSY;
	if (!dev->iommu->isolated) {
		users += xa_to_value(entry);
		new = users ? xa_mk_value(users) : NULL;
	}
	return xa_err(xa_store(streams, id, new, GFP_KERNEL));
}

void iommu_subdev_remove_streams(struct device *dev)
{
	struct dev_iommu *param = dev->iommu;

	while (param->num_streams)
		iommu_account_stream(dev, param->fwspec->ids[--param->num_streams], -1);
}

/*
 * For every device, under iommu_probe_device_lock, so its IOMMU is there. -EBUSY: a
 * stream is taken, which few IOMMU drivers check. dev_iommu_free() removes them.
 */
int iommu_subdev_add_streams(struct device *dev)
{
	struct dev_iommu *param = dev->iommu;
	int ret = 0;

	if (!param->fwspec)
		return 0;

	param->streams = &iommu_from_fwnode(param->fwspec->iommu_fwnode)->streams;
	while (!ret && param->num_streams < param->fwspec->num_ids) {
		ret = iommu_account_stream(dev, param->fwspec->ids[param->num_streams], 1);
		if (!ret)
			param->num_streams++;
	}
	return ret;
}

static int iommu_subdev_acpi_configure(struct device *dev,
				       struct fwnode_handle *fwnode, const u32 *id)
{
	enum dev_dma_attr attr = acpi_get_dma_attr(to_acpi_device_node(fwnode));
	int ret;

	if (attr == DEV_DMA_NOT_SUPPORTED)
		return -ENODEV;

	/* Finds the named component of the parent */
	scoped_guard(mutex, &iommu_probe_device_lock)
		ret = iort_iommu_configure_id(dev, id);

	/* Drops all errors but -EPROBE_DEFER, and does nothing if there is a fwspec */
	return ret ?: acpi_dma_configure_id(dev, attr, id);
}

static int iommu_subdev_of_configure(struct device *dev, struct device_node *np,
				     const u32 *id)
{
	const struct bus_dma_region *map = dev->parent->dma_range_map;
	struct device_node *of_node = dev->of_node;
	int ret, len = 0, n = 1;

	/* of_dma_configure_id() does the same, but does not report all errors */
	ret = of_iommu_configure(dev, np, id);
	if (ret)
		return ret;

	/* For the device of a node it skips the dma-ranges of that node */
	if (of_node && of_get_property(np, "dma-ranges", &len) && len)
		dev->of_node = NULL;
	ret = of_dma_configure_id(dev, np, true, id);
	dev->of_node = of_node;
	if (ret || dev->dma_range_map || (!map && !len))
		return ret;

	/* Its own ranges are malformed, or the bus above passes on nothing of them */
	if (len || (of_get_property(np, "dma-ranges", &len) && len))
		return -EFAULT;
	/* Without ranges of its own, the search began one node lower than that of the parent */
	while (map[n - 1].size)
		n++;
	dev->dma_range_map = kmemdup_array(map, n, sizeof(*map), GFP_KERNEL);
	dev->bus_dma_limit = dma_range_map_max(map);
	return dev->dma_range_map ? 0 : -ENOMEM;
}

/*
 * Called by create, as the driver core does for devices that have a driver. The
 * IOMMU core does not call it again for a device that is configured.
 */
static int iommu_subdev_dma_configure(struct device *dev)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	struct fwnode_handle *fwnode = sd->fwnode ?: dev_fwnode(dev->parent);
	const u32 *id = sd->fwnode ? NULL : &sd->id;
	u64 coherent = dev->coherent_dma_mask;
	int ret = -ENODEV;

	/* The functions below take the coherent mask as the limit of both */
	dev->coherent_dma_mask |= *dev->dma_mask;
	if (is_of_node(fwnode))
		ret = iommu_subdev_of_configure(dev, to_of_node(fwnode), id);
	else if (is_acpi_device_node(fwnode) && id)
		ret = iommu_subdev_acpi_configure(dev, fwnode, id);
	dev->coherent_dma_mask &= coherent;
	return ret;
}

/* Without it any driver of the bus would match */
static int iommu_subdev_match(struct device *dev, const struct device_driver *drv)
{
	return 0;
}

static const struct bus_type iommu_subdev_bus_type = {
	.name		= "iommu_subdev",
	.match		= iommu_subdev_match,
	.dma_configure	= iommu_subdev_dma_configure,
};

static int iommu_subdev_check_iommu(struct iommu_fwspec *fwspec)
{
	const struct iommu_ops *ops = iommu_fwspec_ops(fwspec);
	bool blocks;

	if (!ops)
		return -EPROBE_DEFER;
	blocks = ops->release_domain ?
		 ops->release_domain->type == IOMMU_DOMAIN_BLOCKED :
		 ops->release_blocks;
	/* Without IDs nobody can tell which devices share a stream */
	return blocks && fwspec->num_ids ? 0 : -EOPNOTSUPP;
}

/*
 * The link keeps the IOMMU powered while the parent is, and has the driver of
 * the parent unbound before that of the IOMMU. All sub-devices of the parent
 * share it, and it goes when the parent is unbound.
 */
static int iommu_subdev_link_iommu(struct device *parent, struct device *iommu)
{
	u32 flags = DL_FLAG_AUTOREMOVE_CONSUMER | DL_FLAG_PM_RUNTIME;
	struct device *above;
	int ret = 0;

	/* The parent takes care of an IOMMU that is a part of it */
	for (above = iommu; above; above = above->parent)
		if (above == parent)
			return 0;

	/* The link of an active parent would not hold the IOMMU before it resumes again */
	pm_runtime_get_noresume(parent);
	do {
		if (pm_runtime_enabled(iommu) && !pm_runtime_suspended(parent)) {
			ret = pm_runtime_resume_and_get(iommu);
			if (ret)
				break;
			flags |= DL_FLAG_RPM_ACTIVE;
		}
		/* If the probe of the parent fails meanwhile, the link is freed */
		if (!device_link_add(parent, iommu, flags))
			ret = -EINVAL;
		if (flags & DL_FLAG_RPM_ACTIVE)
			pm_runtime_put(iommu);
		/* Again for a parent that was resumed while it had no link */
	} while (!ret && !(flags & DL_FLAG_RPM_ACTIVE) && pm_runtime_enabled(iommu) &&
		 !pm_runtime_suspended(parent));
	/* A parent that is being probed may be in use without a reference */
	if (device_is_bound(parent))
		pm_runtime_put(parent);
	else
		pm_runtime_put_noidle(parent);
	return ret;
}

/* Not only parent->driver, which is still set when its devres is released. */
static bool iommu_subdev_parent_bound(struct device *parent)
{
	enum dl_dev_state state = READ_ONCE(parent->links.status);

	return READ_ONCE(parent->driver) &&
	       (state == DL_DEV_PROBING || state == DL_DEV_DRIVER_BOUND);
}

/* The domain is attached, and nobody can change it. */
static int iommu_subdev_begin(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	/* Its driver is being unbound, which destroys the sub-device at once */
	if (!iommu_subdev_parent_bound(dev->parent))
		return -EINVAL;

	domain->subdev = dev;
	to_iommu_subdev(dev)->domain = domain;

	/* The mask is set. Whether buffers have to be synced depends on the IOMMU, too */
	dma_set_mask(dev, *dev->dma_mask);
	return 0;
}

/* Gets the streams, a domain for them, and the ownership of that. */
static int iommu_subdev_attach(struct device *dev, struct device *iommu)
{
	int ret;

	/* Unbinding changes this before it drops the lock, to unbind the consumers */
	if (iommu->links.status != DL_DEV_DRIVER_BOUND)
		return -EPROBE_DEFER;

	ret = iommu_subdev_check_iommu(dev->iommu->fwspec);
	if (ret)
		return ret;

	ret = iommu_subdev_link_iommu(dev->parent, iommu);
	if (ret)
		return ret;

	ret = iommu_probe_device(dev);
	/* Its driver does not take the stream, but there is an IOMMU */
	if (ret)
		return ret == -ENODEV ? -ENXIO : ret;

	ret = iommu_device_use_default_domain(dev);
	if (ret)
		return ret;

	/* From here on nobody can change the domain */
	ret = use_dma_iommu(dev) ? iommu_subdev_begin(dev) : -EOPNOTSUPP;
	if (ret)
		iommu_device_unuse_default_domain(dev);
	return ret;
}

static int iommu_subdev_setup(struct iommu_subdev *sd)
{
	struct device *dev = &sd->dev;
	struct iommu_device *iommu;
	int ret;

	scoped_guard(mutex, &iommu_probe_device_lock) {
		if (!dev_iommu_get(dev))
			return -ENOMEM;
		dev->iommu->isolated = 1;
	}

	ret = iommu_subdev_dma_configure(dev);
	if (ret)
		goto err_release;

	mutex_lock(&iommu_probe_device_lock);
	/* It is not removed while the lock is held */
	iommu = iommu_from_fwnode(dev->iommu->fwspec->iommu_fwnode);
	sd->iommu = iommu ? get_device(iommu->hwdev) : NULL;
	mutex_unlock(&iommu_probe_device_lock);
	/* The lock of a parent that is its own IOMMU may be held already */
	if (!sd->iommu || sd->iommu == dev->parent) {
		ret = iommu ? -EOPNOTSUPP : -EPROBE_DEFER;
		goto err_release;
	}

	/* Meanwhile the driver of the IOMMU is neither probed nor removed */
	device_lock(sd->iommu);
	ret = iommu_subdev_attach(dev, sd->iommu);
	if (ret)
		iommu_release_device(dev);
	device_unlock(sd->iommu);
	return ret;

err_release:
	iommu_release_device(dev);
	return ret;
}

/* device_add() would dump the stack for a name that is taken */
static int iommu_subdev_register(struct iommu_subdev *sd)
{
	struct kernfs_node *other;

	guard(mutex)(&iommu_subdev_names_lock);

	other = kernfs_find_and_get(iommu_subdev_names, dev_name(&sd->dev));
	kernfs_put(other);
	return other ? -EEXIST : device_add(&sd->dev);
}

/* Frees the name. Before that the stream has to be free */
static void iommu_subdev_unregister(struct iommu_subdev *sd)
{
	guard(mutex)(&iommu_subdev_names_lock);

	device_del(&sd->dev);
}

static void iommu_subdev_dev_release(struct device *dev)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	struct device *parent = dev->parent;

	iommu_free_isolated_device(dev);
	put_device(sd->iommu);
	fwnode_handle_put(sd->fwnode);
	kfree(sd);
	put_device(parent);
}

static void iommu_subdev_detach(struct iommu_subdev *sd)
{
	device_lock_assert(sd->iommu);

	if (!sd->domain)
		return;
	sd->domain = NULL;
	/* No IOVA is low enough: nothing can be mapped from now on */
	sd->dev.bus_dma_limit = 1;
	iommu_device_unuse_default_domain(&sd->dev);
	iommu_release_device(&sd->dev);
}

/* The link of a parent whose probe fails ends before what it has created */
void iommu_subdev_remove_iommu(struct iommu_device *iommu)
{
	unsigned long id;
	void *entry;

	xa_for_each(&iommu->streams, id, entry)
		if (!xa_is_value(entry))
			iommu_subdev_detach(to_iommu_subdev(entry));
}

/* Ends the context, unless that has been done. @sd itself stays. */
static void iommu_subdev_end(struct iommu_subdev *sd, int result)
{
	struct device *dev = &sd->dev;

	guard(mutex)(&sd->lock);

	if (!sd->live)
		return;
	sd->live = false;
	trace_iommu_subdev_destroy(dev->parent, sd->fwnode, sd->id,
				   iommu_group_id(dev->iommu_group), result);
	if (result)
		dev_warn(dev->parent, "driver left %s behind, destroying it\n",
			 dev_name(dev));

	devres_release_all(dev);
	scoped_guard(device, sd->iommu)
		iommu_subdev_detach(sd);
	iommu_subdev_unregister(sd);
}

/* The parent's driver is unbound, or a group of its resources is released. */
static void iommu_subdev_devres_release(struct device *parent, struct devres_node *node)
{
	struct iommu_subdev *sd = container_of(node, struct iommu_subdev, node);

	iommu_subdev_end(sd, sd->managed ? 0 : -EBUSY);
}

static void iommu_subdev_devres_free(struct devres_node *node)
{
	put_device(&container_of(node, struct iommu_subdev, node)->dev);
}

static void iommu_subdev_devres_remove(struct iommu_subdev *sd)
{
	if (devres_node_remove(sd->dev.parent, &sd->node))
		iommu_subdev_devres_free(&sd->node);
}

static struct iommu_subdev *
iommu_subdev_alloc(struct device *parent, struct fwnode_handle *fwnode, u32 id, bool managed)
{
	struct iommu_subdev *sd;
	char name[64];
	int ret;

	sd = kzalloc_obj(*sd);
	if (!sd)
		return NULL;

	sd->fwnode = fwnode_handle_get(fwnode);
	sd->id = id;
	sd->managed = managed;
	mutex_init(&sd->lock);
	devres_node_init(&sd->node, iommu_subdev_devres_release,
			 iommu_subdev_devres_free);
	devres_set_node_dbginfo(&sd->node, "iommu_subdev", sizeof(*sd));

	device_initialize(&sd->dev);
	sd->dev.parent = get_device(parent);
	sd->dev.bus = &iommu_subdev_bus_type;
	sd->dev.release = iommu_subdev_dev_release;
	sd->dev.of_node = to_of_node(fwnode);
	device_set_pm_not_required(&sd->dev);
	/* Contexts come and go with sessions, and need no module */
	dev_set_uevent_suppress(&sd->dev, 1);

	sd->dma_mask = dma_get_mask(parent);
	sd->dev.dma_mask = &sd->dma_mask;
	sd->dev.coherent_dma_mask = parent->coherent_dma_mask ?: DMA_BIT_MASK(32);
	if (parent->dma_parms)
		sd->dma_parms = *parent->dma_parms;
	/* If nobody has set a limit, a buffer is one segment, whatever its size */
	if (!sd->dma_parms.max_segment_size)
		sd->dma_parms.max_segment_size = UINT_MAX;
	sd->dev.dma_parms = &sd->dma_parms;

	/* dev_set_name() formats twice, for the length. Few names need that */
	if (fwnode)
		ret = dev_set_name(&sd->dev, "%s:%pfwP", dev_name(parent), fwnode);
	else if (snprintf(name, sizeof(name), "%s.%x", dev_name(parent), id) < sizeof(name))
		ret = dev_set_name(&sd->dev, "%s", name);
	else
		ret = dev_set_name(&sd->dev, "%s.%x", dev_name(parent), id);
	if (ret) {
		put_device(&sd->dev);
		return NULL;
	}
	return sd;
}

static int iommu_subdev_start(struct iommu_subdev *sd)
{
	int ret;

	guard(mutex)(&sd->lock);

	get_device(&sd->dev);
	devres_node_add(sd->dev.parent, &sd->node);
	/* Unbinding that begins now sees the node, and waits for the lock */
	ret = iommu_subdev_parent_bound(sd->dev.parent) ?
	      iommu_subdev_register(sd) : -EINVAL;
	if (ret)
		return ret;

	ret = iommu_subdev_setup(sd);
	if (ret) {
		iommu_subdev_unregister(sd);
		return ret;
	}

	sd->live = true;
	trace_iommu_subdev_create(sd->dev.parent, sd->fwnode, sd->id,
				  iommu_group_id(sd->dev.iommu_group), 0);
	return 0;
}

static int iommu_subdev_check_node(struct device *parent, struct fwnode_handle *fwnode)
{
	struct fwnode_handle *above __free(fwnode_handle) = fwnode_get_parent(fwnode);

	if (!above || above != dev_fwnode(parent))
		return -EINVAL;
	return fwnode_device_is_available(fwnode) ? 0 : -ENODEV;
}

/*
 * The common part of the creates in the header. @fwnode: NULL if @id describes the
 * stream, an error pointer for a node that is missing.
 */
struct device *__iommu_subdev_create(struct device *parent, struct fwnode_handle *fwnode,
				     u32 id, bool managed)
{
	struct iommu_subdev *sd;
	int ret = -EINVAL;

	/* Only a registered device is ever bound, and no sub-device is */
	if (!parent || !iommu_subdev_parent_bound(parent))
		goto err_trace;

	ret = fwnode ? iommu_subdev_check_node(parent, fwnode) : 0;
	if (ret)
		goto err_trace;

	ret = -ENOMEM;
	sd = iommu_subdev_alloc(parent, fwnode, id, managed);
	if (!sd)
		goto err_trace;

	ret = iommu_subdev_start(sd);
	if (ret)
		iommu_subdev_devres_remove(sd);
	/* A managed one is the parent's, any other is the caller's */
	if (ret || managed)
		put_device(&sd->dev);
	if (!ret)
		return &sd->dev;
err_trace:
	trace_iommu_subdev_create(parent, fwnode, id, -1, ret);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(__iommu_subdev_create);

/**
 * iommu_subdev_next_id() - Find the next input ID that firmware maps for a device
 * @parent: the device that issues the DMA
 * @from: the first ID to look at, a plain number. From 2^32 on there is none
 *
 * For a driver that wants a context for each ID in its firmware's map::
 *
 *	for (id = iommu_subdev_next_id(dev, 0); id >= 0;
 *	     id = iommu_subdev_next_id(dev, id + 1))
 *
 * It reads the ``iommu-map``, or the ranges of the named component in the ACPI IORT,
 * and nothing else: create may refuse the ID all the same, with -EBUSY if somebody
 * else has the stream. Of IDs that ``iommu-map-mask`` makes equal it returns the lowest.
 *
 * Context: Process context. May sleep.
 * Return:
 * * the lowest ID from @from on for iommu_subdev_create()
 * * -EINVAL: @parent is NULL
 * * -ENODEV: firmware maps none from @from on
 * * -EOPNOTSUPP: CONFIG_IOMMU_SUBDEV is not set
 */
s64 iommu_subdev_next_id(struct device *parent, u64 from)
{
	struct fwnode_handle *fwnode;

	if (!parent)
		return -EINVAL;
	fwnode = dev_fwnode(parent);
	if (from > U32_MAX)
		return -ENODEV;
	if (is_of_node(fwnode))
		return of_map_next_id(to_of_node(fwnode), from, "iommu-map",
				      "#iommu-cells", "iommu-map-mask");
	return is_acpi_device_node(fwnode) ? iort_nc_next_id(parent, from) : -ENODEV;
}
EXPORT_SYMBOL_GPL(iommu_subdev_next_id);

/**
 * iommu_subdev_destroy() - Destroy an isolated DMA context
 * @subdev: the result of one of the create functions, managed or not. NULL and
 *	error pointers are ignored.
 *
 * The caller has stopped the DMA and detached domains of its own. Everything
 * that is managed on @subdev is released. When this function returns, the streams
 * are blocked and can be used again.
 *
 * It puts the reference of create. If the caller has a reference of its own, unmap,
 * sync and free still work, and it may destroy a managed @subdev a second time.
 *
 * Context: as iommu_subdev_create(). Not in an action that is managed on a sub-device.
 */
void iommu_subdev_destroy(struct device *subdev)
{
	struct iommu_subdev *sd;

	if (IS_ERR_OR_NULL(subdev) || WARN_ON(subdev->bus != &iommu_subdev_bus_type))
		return;

	sd = to_iommu_subdev(get_device(subdev));
	iommu_subdev_end(sd, 0);
	iommu_subdev_devres_remove(sd);
	if (!sd->managed)
		put_device(subdev);
	put_device(subdev);
}
EXPORT_SYMBOL_GPL(iommu_subdev_destroy);

static int __init iommu_subdev_init(void)
{
	struct kset *bus;
	int ret;

	ret = bus_register(&iommu_subdev_bus_type);
	if (ret)
		return ret;

	bus = bus_get_kset(&iommu_subdev_bus_type);
	iommu_subdev_names = kernfs_find_and_get(bus->kobj.sd, "devices");
	kset_put(bus);
	return 0;
}
postcore_initcall(iommu_subdev_init);
