// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolated DMA contexts for the streams of one device
 */
#define pr_fmt(fmt) "iommu_subdev: " fmt

#include <linux/acpi.h>
#include <linux/acpi_iort.h>
#include <linux/acpi_rimt.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/hashtable.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/iommu-dma.h>
#include <linux/iommu-subdev.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/of_device.h>
#include <linux/of_iommu.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "iommu-priv.h"

#define CREATE_TRACE_POINTS
#include <trace/events/iommu_subdev.h>

/**
 * DOC: overview
 *
 * A sub-device is a &struct device that stands for one stream of DMA of its
 * parent, or for several that share what they reach. Firmware tells which IOMMU
 * translates the stream: the parent has an ``iommu-map`` in the devicetree, or a
 * named component in the ACPI IORT, that turns the parent's *input ID* into the
 * IOMMU's own *stream ID*; or it has child nodes with ``iommus``. The
 * sub-device has an IOMMU group and a default domain of its own, so what the
 * DMA API maps for it can be reached by its streams and by no other.
 *
 * It lives on a bus that is private to the IOMMU core, bound to a driver that
 * does nothing but hold it: while it is bound it owns the DMA API of its group,
 * as every device with a driver does, and nobody can swap the domain below it.
 */

/**
 * DOC: lifecycle
 *
 * iommu_subdev_create() returns a sub-device that is ready for the DMA API, or
 * an error and nothing behind. What it returns is translated: it refuses when
 * there is no IOMMU, when the IOMMU offers nothing but identity, and when the
 * stream is shared with another device. ``iommu.passthrough=1`` does not change
 * that.
 *
 * iommu_subdev_destroy() first releases what was managed on the sub-device (for
 * example by dmam_alloc_coherent()), then gives the ownership back, then takes
 * the IOMMU away. When it returns, DMA of that stream is blocked. Mappings that
 * are not managed have to be gone by then, and so has all DMA.
 *
 * A sub-device ends with the parent's driver at the latest. One that is still
 * there when the devres of the driver is unwound to the driver's first create
 * is destroyed, with a warning unless it is managed.
 */

/*
 * The sub-devices of one parent, from the first create to the unbind of the
 * parent's driver. It is a devres of the parent, which is what ties them to it.
 */
struct iommu_subdev_set {
	struct list_head node;
	struct device *parent;
	struct list_head suppliers;
	/* Counts those that are being made or destroyed, too */
	unsigned int count;
	bool unbound;
	DECLARE_HASHTABLE(keys, 6);
};

/* An IOMMU that the parent is linked to */
struct iommu_subdev_supplier {
	struct list_head node;
	struct device *iommu;
};

/* What of the parent a sub-device has taken: an input ID or a child node */
struct iommu_subdev_key {
	u32 id;
	struct iommu_subdev *sd;
	struct hlist_node node;
};

struct iommu_subdev {
	struct device dev;
	struct device_dma_parameters dma_parms;
	u64 dma_mask;
	/* The child node that describes it; without one, the parent's node does */
	struct fwnode_handle *fwnode;
	int group_id;
	/* Why there is no IOMMU. The core's notifier cannot tell */
	int err;
	bool configured;
	bool managed;
	/* True from the end of create to the begin of destroy */
	bool live;
	struct iommu_subdev_set *set;
	/*
	 * Copies: firmware may be asked again long after create returned. With
	 * a child node there is one key, whose ID means nothing.
	 */
	unsigned int nr_keys;
	struct iommu_subdev_key keys[] __counted_by(nr_keys);
};

#define to_iommu_subdev(d) container_of(d, struct iommu_subdev, dev)

/* Protects the sets, what is in them, and iommu_subdev.live */
static DEFINE_MUTEX(iommu_subdev_lock);
static LIST_HEAD(iommu_subdev_sets);
static DECLARE_WAIT_QUEUE_HEAD(iommu_subdev_gone);

/* The bus and its driver */

static ssize_t input_id_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	int len = 0;

	for (int i = 0; i < sd->nr_keys; i++)
		len += sysfs_emit_at(buf, len, "%s0x%x", i ? " " : "",
				     sd->keys[i].id);
	return len + sysfs_emit_at(buf, len, "\n");
}
static DEVICE_ATTR_RO(input_id);

/* One that a node describes has its of_node there instead */
static umode_t iommu_subdev_attr_visible(struct kobject *kobj,
					 struct attribute *attr, int n)
{
	return to_iommu_subdev(kobj_to_dev(kobj))->fwnode ? 0 : attr->mode;
}

static struct attribute *iommu_subdev_attrs[] = {
	&dev_attr_input_id.attr,
	NULL,
};

static const struct attribute_group iommu_subdev_group = {
	.attrs		= iommu_subdev_attrs,
	.is_visible	= iommu_subdev_attr_visible,
};
__ATTRIBUTE_GROUPS(iommu_subdev);

/* create binds the driver itself, because it needs to know how that went */
static int iommu_subdev_match(struct device *dev,
			      const struct device_driver *drv)
{
	return 0;
}

/* IORT looks for the parent's named component by itself. */
static int iommu_subdev_acpi_map(struct device *dev, const u32 *id)
{
	int ret;

	lockdep_assert_held(&iommu_probe_device_lock);

	ret = iort_iommu_configure_id(dev, id);
	if (ret == -ENODEV)
		ret = rimt_iommu_configure_id(dev, id);
	return ret;
}

/* The first ID has been configured, with its IOMMU; the others join it there. */
static int iommu_subdev_fw_configure_more(struct iommu_subdev *sd,
					  struct fwnode_handle *fwnode)
{
	struct device *dev = &sd->dev;
	int ret = 0;

	mutex_lock(&iommu_probe_device_lock);
	for (int i = 1; !ret && i < sd->nr_keys; i++) {
		u32 id = sd->keys[i].id;

		if (is_of_node(fwnode))
			ret = of_iommu_configure_dev_id(to_of_node(fwnode), dev,
							&id);
		else
			ret = iommu_subdev_acpi_map(dev, &id);
	}
	/* All or none */
	if (ret)
		iommu_fwspec_free(dev);
	mutex_unlock(&iommu_probe_device_lock);
	return ret;
}

/* DMA of a sub-device is limited by the node that describes it, and those above */
static int iommu_subdev_of_configure(struct device *dev, struct device_node *np,
				     const u32 *id)
{
	struct device_node *of_node = dev->of_node;
	int ret, len;

	/* of_dma_configure_id() would begin with the parent of this one */
	if (of_node && of_get_property(np, "dma-ranges", &len) && len)
		dev->of_node = NULL;
	ret = of_dma_configure_id(dev, np, true, id);
	dev->of_node = of_node;
	return ret;
}

static int iommu_subdev_acpi_configure(struct device *dev,
				       struct acpi_device *adev, const u32 *id)
{
	enum dev_dma_attr attr = acpi_get_dma_attr(adev);
	int ret;

	if (attr == DEV_DMA_NOT_SUPPORTED)
		return -ENODEV;

	/*
	 * Of what goes wrong here acpi_dma_configure_id() would return only
	 * -EPROBE_DEFER. Once done it is not repeated there.
	 */
	mutex_lock(&iommu_probe_device_lock);
	ret = iommu_subdev_acpi_map(dev, id);
	mutex_unlock(&iommu_probe_device_lock);

	return ret ?: acpi_dma_configure_id(dev, attr, id);
}

/* Ask firmware which IOMMU and which streams the sub-device has. */
static int iommu_subdev_fw_configure(struct device *dev)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	struct fwnode_handle *fwnode = sd->fwnode ?: dev_fwnode(dev->parent);
	u32 first = sd->keys[0].id, *id = sd->fwnode ? NULL : &first;
	u64 coherent = dev->coherent_dma_mask;
	int ret;

	/* The code below takes the coherent mask for the limit of both */
	dev->coherent_dma_mask |= *dev->dma_mask;
	if (is_of_node(fwnode)) {
		struct device_node *np = to_of_node(fwnode);

		/*
		 * Of the errors below, of_dma_configure_id() returns only
		 * -EPROBE_DEFER, for devices that can do without an IOMMU.
		 * Once done it is not repeated there.
		 */
		ret = of_iommu_configure(dev, np, id);
		if (!ret)
			ret = iommu_subdev_of_configure(dev, np, id);
	} else if (is_acpi_device_node(fwnode) && id) {
		ret = iommu_subdev_acpi_configure(dev, to_acpi_device_node(fwnode),
						  id);
	} else {
		ret = -ENODEV;
	}
	dev->coherent_dma_mask &= coherent;

	if (!ret && !dev_iommu_fwspec_get(dev))
		ret = -ENODEV;
	if (!ret && sd->nr_keys > 1)
		ret = iommu_subdev_fw_configure_more(sd, fwnode);

	/*
	 * The driver core gave up waiting for the IOMMU's driver. That lets a
	 * device carry on without; here it can still only be waited for.
	 */
	if (ret == -ETIMEDOUT)
		ret = -EPROBE_DEFER;
	return ret;
}

/*
 * While the parent is active so is the IOMMU, and the parent's driver is unbound
 * before that of the IOMMU, so nobody maps while the IOMMU goes. Firmware's
 * iommu-map links the two only with fw_devlink.strict=1, and the IOMMU's driver
 * can at best link itself to the sub-device, which has no power state. One link
 * serves all sub-devices of the parent. It goes with the driver of the IOMMU.
 */
static int iommu_subdev_link_iommu(struct device *dev)
{
	struct iommu_subdev_set *set = to_iommu_subdev(dev)->set;
	/* Whose driver it is, which need not be the device that firmware names */
	struct device *iommu = dev->iommu->iommu_dev->dev->parent;
	u32 flags = DL_FLAG_AUTOREMOVE_SUPPLIER | DL_FLAG_PM_RUNTIME;
	struct iommu_subdev_supplier *supplier;
	struct device_link *link;
	struct device *above;
	int ret = 0;

	/* If it is a part of the parent, so is its power */
	for (above = iommu; above; above = above->parent)
		if (above == dev->parent)
			return 0;
	if (!iommu)
		return 0;

	mutex_lock(&iommu_subdev_lock);
	list_for_each_entry(supplier, &set->suppliers, node)
		if (supplier->iommu == iommu)
			goto out_unlock;

	/* Its driver is coming or going: a link would not be waited for */
	ret = -EPROBE_DEFER;
	if (READ_ONCE(iommu->links.status) != DL_DEV_DRIVER_BOUND)
		goto out_unlock;

	ret = -ENOMEM;
	supplier = kzalloc_obj(*supplier);
	if (!supplier)
		goto out_unlock;
	/* The parent may be active already */
	if (pm_runtime_enabled(iommu))
		flags |= DL_FLAG_RPM_ACTIVE;
	link = device_link_add(dev->parent, iommu, flags);
	if (!link)
		goto err_free;
	ret = -EPROBE_DEFER;
	if (READ_ONCE(link->status) == DL_STATE_SUPPLIER_UNBIND)
		goto err_free;

	supplier->iommu = get_device(iommu);
	list_add(&supplier->node, &set->suppliers);
	mutex_unlock(&iommu_subdev_lock);
	return 0;

err_free:
	kfree(supplier);
out_unlock:
	mutex_unlock(&iommu_subdev_lock);
	return ret;
}

static void iommu_subdev_forget_iommus(struct iommu_subdev_set *set)
{
	struct iommu_subdev_supplier *supplier, *next;

	list_for_each_entry_safe(supplier, next, &set->suppliers, node) {
		put_device(supplier->iommu);
		kfree(supplier);
	}
}

/*
 * Called twice: by the IOMMU core when the device is added, without a driver,
 * to learn the stream, and by the driver core before the driver is bound.
 */
static int iommu_subdev_dma_configure(struct device *dev)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	int ret;

	/* Only once, and not again for one that has lost its IOMMU */
	if (!sd->configured && !sd->err) {
		sd->configured = true;
		ret = iommu_subdev_fw_configure(dev);
		if (ret)
			sd->err = ret;
	}
	if (!dev->driver)
		return sd->err;

	/* device_add() has returned 0 all the same */
	if (sd->err || !device_iommu_mapped(dev))
		return sd->err ?: -ENODEV;

	ret = iommu_device_use_default_domain(dev);
	if (ret)
		return ret;

	/* From here nobody can change the domain, so look what it is */
	ret = -EOPNOTSUPP;
	if (!iommu_is_dma_domain(iommu_get_domain_for_dev(dev)) ||
	    !use_dma_iommu(dev))
		goto err_unuse;

	ret = iommu_subdev_link_iommu(dev);
	if (ret)
		goto err_unuse;

	/* The mask is set already, but not whether buffers have to be synced */
	dma_set_mask(dev, *dev->dma_mask);

	sd->group_id = iommu_group_id(dev->iommu_group);
	return 0;

err_unuse:
	iommu_device_unuse_default_domain(dev);
	return ret;
}

static void iommu_subdev_dma_cleanup(struct device *dev)
{
	iommu_device_unuse_default_domain(dev);
}

static int iommu_subdev_probe(struct device *dev)
{
	/* All that is managed on the device from now on is in this group */
	return devres_open_group(dev, dev, GFP_KERNEL) ? 0 : -ENOMEM;
}

static void iommu_subdev_remove(struct device *dev)
{
	/*
	 * The driver core would do it after .dma_cleanup, when somebody else
	 * can already own the group and have switched its domain.
	 */
	devres_release_group(dev, dev);
}

const struct bus_type iommu_subdev_bus_type = {
	.name		= "iommu_subdev",
	.dev_groups	= iommu_subdev_groups,
	.match		= iommu_subdev_match,
	.probe		= iommu_subdev_probe,
	.remove		= iommu_subdev_remove,
	.dma_configure	= iommu_subdev_dma_configure,
	.dma_cleanup	= iommu_subdev_dma_cleanup,
};

static struct device_driver iommu_subdev_driver = {
	.name			= "iommu_subdev",
	.bus			= &iommu_subdev_bus_type,
	.probe_type		= PROBE_FORCE_SYNCHRONOUS,
	.suppress_bind_attrs	= true,
};

/*
 * The IOMMU core tells how probing the IOMMU went: the notifier that it runs in
 * has no way to pass it on.
 */
void iommu_subdev_probed(struct device *dev, int ret)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);

	/* What firmware said comes first: the core only fails after it */
	if (sd->err)
		return;
	/*
	 * Firmware led to an IOMMU that is there, so "no such device" can only
	 * mean that its driver does not take a stream that another device has.
	 */
	sd->err = ret == -ENODEV ? -EBUSY : ret;
}

/* The sets */

static void iommu_subdev_set_del(struct iommu_subdev *sd)
{
	mutex_lock(&iommu_subdev_lock);
	for (int i = 0; i < sd->nr_keys; i++)
		hash_del(&sd->keys[i].node);
	sd->set->count--;
	wake_up_all(&iommu_subdev_gone);
	mutex_unlock(&iommu_subdev_lock);
}

static void iommu_subdev_end(struct iommu_subdev *sd, int result)
{
	device_del(&sd->dev);
	trace_iommu_subdev_destroy(sd->dev.parent, sd->fwnode, sd->keys[0].id,
				   sd->nr_keys, sd->group_id, result);
	/* The IOMMU has let go of the stream: only now is the ID free again */
	iommu_subdev_set_del(sd);
	put_device(&sd->dev);
}

static struct iommu_subdev *iommu_subdev_first_live(struct iommu_subdev_set *set)
{
	struct iommu_subdev_key *key;
	int bkt;

	hash_for_each(set->keys, bkt, key, node)
		if (key->sd->live)
			return key->sd;
	return NULL;
}

/* The parent's driver is gone, and no sub-device may outlive it. */
static void iommu_subdev_set_release(struct device *parent, void *res)
{
	struct iommu_subdev_set *set = res;
	struct iommu_subdev *sd;

	mutex_lock(&iommu_subdev_lock);
	list_del(&set->node);
	set->unbound = true;
	while ((sd = iommu_subdev_first_live(set))) {
		sd->live = false;
		mutex_unlock(&iommu_subdev_lock);
		dev_warn(parent, "driver left %s behind, destroying it\n",
			 dev_name(&sd->dev));
		iommu_subdev_end(sd, -EBUSY);
		mutex_lock(&iommu_subdev_lock);
	}
	mutex_unlock(&iommu_subdev_lock);

	/* Other threads may be in the middle of a create or a destroy */
	wait_event(iommu_subdev_gone, !READ_ONCE(set->count));
	iommu_subdev_forget_iommus(set);
}

static int iommu_subdev_set_match(struct device *parent, void *res, void *data)
{
	return res == data;
}

/*
 * Whether a driver is bound or binding. dev->driver alone would not do: it is
 * still set when the devres of the driver has been released.
 */
static bool iommu_subdev_parent_bound(struct device *parent)
{
	enum dl_dev_state state = READ_ONCE(parent->links.status);

	return READ_ONCE(parent->driver) &&
	       (state == DL_DEV_PROBING || state == DL_DEV_DRIVER_BOUND);
}

static struct iommu_subdev_set *iommu_subdev_set_get(struct device *parent)
{
	struct iommu_subdev_set *set;

	lockdep_assert_held(&iommu_subdev_lock);

	list_for_each_entry(set, &iommu_subdev_sets, node)
		if (set->parent == parent)
			return set;

	set = devres_alloc(iommu_subdev_set_release, sizeof(*set), GFP_KERNEL);
	if (!set)
		return ERR_PTR(-ENOMEM);

	set->parent = parent;
	INIT_LIST_HEAD(&set->node);
	INIT_LIST_HEAD(&set->suppliers);
	hash_init(set->keys);
	devres_add(parent, set);
	/*
	 * Unbinding changes the state first and releases devres then. Either it
	 * finds the set, or the new state is seen here.
	 */
	smp_mb();
	if (!iommu_subdev_parent_bound(parent)) {
		devres_free(devres_remove(parent, iommu_subdev_set_release,
					  iommu_subdev_set_match, set));
		return ERR_PTR(-EINVAL);
	}

	list_add(&set->node, &iommu_subdev_sets);
	return set;
}

/* Take the IDs or the node of the parent, so that nobody else does. */
static int iommu_subdev_set_add(struct iommu_subdev *sd)
{
	struct iommu_subdev_key *key, *other;
	struct iommu_subdev_set *set;
	int ret = 0, i;

	mutex_lock(&iommu_subdev_lock);
	set = iommu_subdev_set_get(sd->dev.parent);
	if (IS_ERR(set)) {
		ret = PTR_ERR(set);
		goto out_unlock;
	}

	for (i = 0; i < sd->nr_keys; i++) {
		key = &sd->keys[i];
		hash_for_each_possible(set->keys, other, node, key->id) {
			if (other->id != key->id || other->sd->fwnode != sd->fwnode)
				continue;
			/* An ID that comes twice is a bug of the caller */
			ret = other->sd == sd ? -EINVAL : -EEXIST;
			goto err_del;
		}
		hash_add(set->keys, &key->node, key->id);
	}

	sd->set = set;
	set->count++;
out_unlock:
	mutex_unlock(&iommu_subdev_lock);
	return ret;

err_del:
	while (i--)
		hash_del(&sd->keys[i].node);
	goto out_unlock;
}

/* Create and destroy */

static void iommu_subdev_dev_release(struct device *dev)
{
	struct iommu_subdev *sd = to_iommu_subdev(dev);
	struct device *parent = dev->parent;

	fwnode_handle_put(sd->fwnode);
	kfree(sd);
	put_device(parent);
}

static int iommu_subdev_name_id(struct device *dev, u32 id)
{
	const char *parent = dev_name(dev->parent);
	char name[64];

	/* dev_set_name() formats twice, to learn the length; few need that */
	if (snprintf(name, sizeof(name), "%s.%x", parent, id) < sizeof(name))
		return dev_set_name(dev, "%s", name);
	return dev_set_name(dev, "%s.%x", parent, id);
}

static struct iommu_subdev *iommu_subdev_alloc(struct device *parent,
					       struct fwnode_handle *fwnode,
					       const u32 *ids, unsigned int n)
{
	struct iommu_subdev *sd;
	int ret;

	sd = kzalloc_flex(*sd, keys, n);
	if (!sd)
		return ERR_PTR(-ENOMEM);

	sd->nr_keys = n;
	for (int i = 0; i < n; i++) {
		sd->keys[i].id = ids[i];
		sd->keys[i].sd = sd;
	}
	sd->group_id = -1;
	device_initialize(&sd->dev);
	/* Somebody may still hold the sub-device when the parent is deleted */
	sd->dev.parent = get_device(parent);
	sd->dev.bus = &iommu_subdev_bus_type;
	sd->dev.release = iommu_subdev_dev_release;
	/* It has no power state of its own */
	device_set_pm_not_required(&sd->dev);
	/* There is no module to load and nothing to set up for it */
	dev_set_uevent_suppress(&sd->dev, 1);

	sd->dma_mask = dma_get_mask(parent);
	sd->dev.dma_mask = &sd->dma_mask;
	sd->dev.coherent_dma_mask = parent->coherent_dma_mask ?:
				    DMA_BIT_MASK(32);
	if (parent->dma_parms)
		sd->dma_parms = *parent->dma_parms;
	sd->dev.dma_parms = &sd->dma_parms;

	if (fwnode) {
		sd->fwnode = fwnode_handle_get(fwnode);
		/* The IOMMU's driver looks there for memory regions */
		sd->dev.of_node = to_of_node(fwnode);
		ret = dev_set_name(&sd->dev, "%s:%pfwP", dev_name(parent), fwnode);
	} else {
		ret = iommu_subdev_name_id(&sd->dev, ids[0]);
	}
	if (ret) {
		put_device(&sd->dev);
		return ERR_PTR(ret);
	}
	return sd;
}

static int iommu_subdev_register(struct iommu_subdev *sd)
{
	int ret;

	ret = device_add(&sd->dev);
	if (ret)
		return ret;

	ret = device_driver_attach(&iommu_subdev_driver, &sd->dev);
	/* This is how it calls that */
	if (ret == -EAGAIN)
		ret = -EPROBE_DEFER;
	if (ret)
		device_del(&sd->dev);
	return ret;
}

/* Returns -EINVAL when the parent's driver was unbound meanwhile. */
static int iommu_subdev_set_live(struct iommu_subdev *sd)
{
	int ret = 0;

	mutex_lock(&iommu_subdev_lock);
	if (sd->set->unbound)
		ret = -EINVAL;
	else
		sd->live = true;
	mutex_unlock(&iommu_subdev_lock);
	return ret;
}

static bool iommu_subdev_parent_valid(struct device *parent)
{
	/* Only a registered device is ever bound */
	return parent && !dev_is_iommu_subdev(parent) &&
	       iommu_subdev_parent_bound(parent);
}

static int iommu_subdev_check_node(struct device *parent,
				   struct fwnode_handle *fwnode)
{
	struct fwnode_handle *above = fwnode_get_parent(fwnode);
	bool is_child = above && above == dev_fwnode(parent);

	fwnode_handle_put(above);
	if (!is_child)
		return -EINVAL;
	return fwnode_device_is_available(fwnode) ? 0 : -ENODEV;
}

/* The context behind @n input IDs, or, without them, that of @fwnode. */
static struct device *iommu_subdev_make(struct device *parent,
					struct fwnode_handle *fwnode,
					const u32 *ids, unsigned int n)
{
	static const u32 no_id;
	struct iommu_subdev *sd;
	int ret;

	ret = -EINVAL;
	if (!iommu_subdev_parent_valid(parent))
		goto err_trace;

	if (fwnode)
		ret = iommu_subdev_check_node(parent, fwnode);
	else if (ids && n)
		ret = 0;
	if (ret)
		goto err_trace;

	sd = iommu_subdev_alloc(parent, fwnode, ids ?: &no_id, n ?: 1);
	if (IS_ERR(sd)) {
		ret = PTR_ERR(sd);
		goto err_trace;
	}

	ret = iommu_subdev_set_add(sd);
	if (ret)
		goto err_put;

	ret = iommu_subdev_register(sd);
	if (ret)
		goto err_set_del;

	ret = iommu_subdev_set_live(sd);
	if (ret)
		goto err_unregister;

	trace_iommu_subdev_create(parent, fwnode, sd->keys[0].id, sd->nr_keys,
				  sd->group_id, 0);
	return &sd->dev;

err_unregister:
	device_del(&sd->dev);
err_set_del:
	iommu_subdev_set_del(sd);
err_put:
	put_device(&sd->dev);
err_trace:
	trace_iommu_subdev_create(parent, fwnode, ids && n ? ids[0] : 0, n, -1,
				  ret);
	return ERR_PTR(ret);
}

/**
 * iommu_subdev_create() - Make an isolated DMA context for a stream of a device
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @stream_id: the input ID of the stream, a plain number: the key in the
 *	``iommu-map`` of @parent's devicetree node, or in the mappings of its
 *	named component in the ACPI IORT. Firmware turns it into the IOMMU's
 *	own stream ID.
 *
 * The sub-device has an IOMMU group and a translated default domain of its own,
 * and takes the ordinary DMA API. Its DMA masks and &struct
 * device_dma_parameters start as a copy of @parent's; its coherency and
 * ``dma-ranges`` are those of @parent's node. It keeps no copy of pointers of
 * the caller, and holds a reference to @parent.
 *
 * Where there may be several threads, each may create and destroy sub-devices
 * of the same @parent.
 *
 * Context: Process context. May sleep. @parent's driver may call it from its
 * probe function and as long as it is bound.
 * Return: the sub-device, to be ended with iommu_subdev_destroy(), or one of
 *
 * * -EINVAL: @parent is NULL, is not registered, has no driver bound or
 *   binding, or is a sub-device itself
 * * -ENODEV: firmware maps no IOMMU for @stream_id, or the IOMMU is disabled
 * * -EPROBE_DEFER: the IOMMU's driver is not there yet
 * * -EEXIST: @parent has a live sub-device with this @stream_id
 * * -EBUSY: another device has the stream or is in its IOMMU group, so it
 *   cannot be isolated
 * * -EOPNOTSUPP: the IOMMU or the architecture only has identity domains, or
 *   the kernel is without CONFIG_IOMMU_SUBDEV
 * * -ENOMEM: out of memory
 * * any other error of the IOMMU's driver
 *
 * as an ERR_PTR(). Never NULL.
 */
struct device *iommu_subdev_create(struct device *parent, u32 stream_id)
{
	return iommu_subdev_make(parent, NULL, &stream_id, 1);
}
EXPORT_SYMBOL_GPL(iommu_subdev_create);

/**
 * iommu_subdev_create_ids() - Make one isolated DMA context for several streams
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @ids: the input IDs of the streams, each as in iommu_subdev_create(). They are
 *	copied.
 * @n: the number of @ids
 *
 * For a unit that sends its DMA under more than one ID: a mapping of the
 * sub-device is reached by all of them. They are taken, and given back, all or
 * none. The sub-device is in all else like that of iommu_subdev_create().
 *
 * Context: Process context. May sleep. @parent's driver may call it from its
 * probe function and as long as it is bound.
 * Return: the sub-device, to be ended with iommu_subdev_destroy(), or, as an
 * ERR_PTR() and never NULL, one of the errors of iommu_subdev_create(), where
 *
 * * -EINVAL: also when @n is 0, @ids is NULL, or an ID comes twice in it
 * * -ENODEV: firmware maps no IOMMU for one of @ids, or the IOMMU is disabled
 * * -EPROBE_DEFER: the driver of the IOMMU of one of @ids is not there yet
 * * -EEXIST: @parent has a live sub-device with one of @ids
 * * -EBUSY: another device has one of the streams or is in the IOMMU group
 * * -EXDEV: @ids lead to more than one IOMMU
 */
struct device *iommu_subdev_create_ids(struct device *parent, const u32 *ids,
				       unsigned int n)
{
	return iommu_subdev_make(parent, NULL, ids, n);
}
EXPORT_SYMBOL_GPL(iommu_subdev_create_ids);

/**
 * iommu_subdev_create_node() - Make the DMA context that a child node describes
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @node: a child of @parent's devicetree node
 *
 * The properties of @node are those that a device of its own would have:
 * ``iommus``, with any number of streams of one IOMMU; ``dma-ranges``, in it or
 * else above, limits the addresses; ``dma-coherent``; and ``memory-region`` with
 * ``iommu-addresses`` that refer to @node, which are mapped or left out as they
 * say. There need not be, and must not be, another device for @node. The DMA
 * masks and &struct device_dma_parameters start as a copy of @parent's.
 *
 * It takes a reference to @node.
 *
 * Context: Process context. May sleep. @parent's driver may call it from its
 * probe function and as long as it is bound.
 * Return: the sub-device, to be ended with iommu_subdev_destroy(), or, as an
 * ERR_PTR() and never NULL, one of the errors of iommu_subdev_create(), where
 *
 * * -EINVAL: also when @node is NULL or is not a child of @parent's node
 * * -ENODEV: @node or its IOMMU is disabled, or it is without ``iommus``, or is
 *   not of a devicetree
 * * -EEXIST: @node has a live sub-device
 * * -EBUSY: another device has one of the streams or is in the IOMMU group
 * * -EXDEV: @node has streams of more than one IOMMU
 */
struct device *iommu_subdev_create_node(struct device *parent,
					struct fwnode_handle *node)
{
	return iommu_subdev_make(parent, node, NULL, 0);
}
EXPORT_SYMBOL_GPL(iommu_subdev_create_node);

/* Whoever gets true is the one to end it. */
static bool iommu_subdev_clear_live(struct iommu_subdev *sd)
{
	bool live;

	mutex_lock(&iommu_subdev_lock);
	live = sd->live;
	sd->live = false;
	mutex_unlock(&iommu_subdev_lock);
	return live;
}

static void devm_iommu_subdev_release(struct device *parent, void *res)
{
	struct iommu_subdev *sd = *(struct iommu_subdev **)res;

	if (iommu_subdev_clear_live(sd))
		iommu_subdev_end(sd, 0);
}

static int devm_iommu_subdev_match(struct device *parent, void *res, void *data)
{
	return *(struct iommu_subdev **)res == data;
}

/**
 * iommu_subdev_destroy() - End an isolated DMA context
 * @subdev: what one of the creates returned, managed or not; NULL and error
 *	pointers are ignored
 *
 * The caller has stopped the DMA and unmapped what is not managed. Whatever was
 * managed on @subdev is released here. After it returns its streams are blocked
 * and its IDs can be used again. @subdev must not be used any more, unless the
 * caller took a reference to the &struct device: then it is a dead one.
 *
 * Context: Process context. May sleep.
 */
void iommu_subdev_destroy(struct device *subdev)
{
	struct iommu_subdev *sd;

	if (IS_ERR_OR_NULL(subdev))
		return;
	if (WARN_ON(!dev_is_iommu_subdev(subdev)))
		return;

	sd = to_iommu_subdev(subdev);
	if (WARN_ON(!iommu_subdev_clear_live(sd)))
		return;

	if (sd->managed)
		devres_destroy(subdev->parent, devm_iommu_subdev_release,
			       devm_iommu_subdev_match, sd);
	iommu_subdev_end(sd, 0);
}
EXPORT_SYMBOL_GPL(iommu_subdev_destroy);

static struct device *devm_iommu_subdev_make(struct device *parent,
					     struct fwnode_handle *fwnode,
					     const u32 *ids, unsigned int n)
{
	struct iommu_subdev **res;
	struct device *subdev;

	res = devres_alloc(devm_iommu_subdev_release, sizeof(*res), GFP_KERNEL);
	if (!res)
		return ERR_PTR(-ENOMEM);

	subdev = iommu_subdev_make(parent, fwnode, ids, n);
	if (IS_ERR(subdev)) {
		devres_free(res);
		return subdev;
	}

	*res = to_iommu_subdev(subdev);
	(*res)->managed = true;
	devres_add(parent, res);
	return subdev;
}

/**
 * devm_iommu_subdev_create() - Managed iommu_subdev_create()
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @stream_id: the input ID of the stream, see iommu_subdev_create()
 *
 * The sub-device is destroyed when @parent's driver is unbound, in the reverse
 * order of all that is managed on @parent. It may be destroyed before with
 * iommu_subdev_destroy().
 *
 * Context: Process context. May sleep.
 * Return: as iommu_subdev_create().
 */
struct device *devm_iommu_subdev_create(struct device *parent, u32 stream_id)
{
	return devm_iommu_subdev_make(parent, NULL, &stream_id, 1);
}
EXPORT_SYMBOL_GPL(devm_iommu_subdev_create);

/**
 * devm_iommu_subdev_create_ids() - Managed iommu_subdev_create_ids()
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @ids: the input IDs of the streams, which are copied
 * @n: the number of @ids
 *
 * It ends as that of devm_iommu_subdev_create() does.
 *
 * Context: Process context. May sleep.
 * Return: as iommu_subdev_create_ids().
 */
struct device *devm_iommu_subdev_create_ids(struct device *parent,
					    const u32 *ids, unsigned int n)
{
	return devm_iommu_subdev_make(parent, NULL, ids, n);
}
EXPORT_SYMBOL_GPL(devm_iommu_subdev_create_ids);

/**
 * devm_iommu_subdev_create_node() - Managed iommu_subdev_create_node()
 * @parent: the device that sends the DMA, with a driver bound or binding
 * @node: a child of @parent's devicetree node
 *
 * It ends as that of devm_iommu_subdev_create() does.
 *
 * Context: Process context. May sleep.
 * Return: as iommu_subdev_create_node().
 */
struct device *devm_iommu_subdev_create_node(struct device *parent,
					     struct fwnode_handle *node)
{
	return devm_iommu_subdev_make(parent, node, NULL, 0);
}
EXPORT_SYMBOL_GPL(devm_iommu_subdev_create_node);

/*
 * The IOMMU goes away while the sub-device lives. Nothing can be mapped from
 * now on: without the IOMMU the DMA API would hand out physical addresses. What
 * is left is a device that waits for its destroy.
 */
void iommu_subdev_orphan(struct device *dev)
{
	dev_err(dev, "lost its IOMMU, no DMA from now on\n");

	device_lock(dev);
	/* For a create that is not through yet: the IOMMU may come back */
	to_iommu_subdev(dev)->err = -EPROBE_DEFER;
	/* The DMA API finds no address that is low enough */
	dev->bus_dma_limit = 1;
	device_unlock(dev);

	/* Managed mappings and the ownership go while there is an IOMMU */
	device_release_driver(dev);
}

/* The IOMMU core listens to the bus from subsys_initcall on. */
static int __init iommu_subdev_init(void)
{
	int ret;

	ret = bus_register(&iommu_subdev_bus_type);
	if (ret)
		return ret;

	ret = driver_register(&iommu_subdev_driver);
	if (ret) {
		bus_unregister(&iommu_subdev_bus_type);
		return ret;
	}

	/* Have mappings reported that outlive their sub-device */
	dma_debug_add_bus(&iommu_subdev_bus_type);
	return 0;
}
postcore_initcall(iommu_subdev_init);
