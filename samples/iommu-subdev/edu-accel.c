// SPDX-License-Identifier: GPL-2.0-only
/*
 * Example of iommu_subdev_create(): an accelerator of several DMA engines, each
 * an isolated context for the file that has it
 *
 * The engines are QEMU's "edu" devices, which send their DMA with a stream ID
 * each. User space may give them any address: the IOMMU decides what is there.
 */
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iommu-subdev.h>
#include <linux/iopoll.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "edu-accel.h"

#define EDU_ID			0x00
#define EDU_ID_VALUE		0x010000ed
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_CMD_START	BIT_ULL(0)
#define EDU_DMA_CMD_TO_RAM	BIT_ULL(1)
/* The engine's own memory, as its DMA addresses it */
#define EDU_MEMORY		0x40000
/* Half of it: QEMU takes a transfer up to its last byte for one beyond it */
#define EDU_MEMORY_SIZE		2048

#define EDU_MAX_ENGINES		32

struct edu_engine {
	void __iomem *regs;
	/* Who has it. This and the next are protected by edu_accel.lock */
	struct edu_context *ctx;
	/* It did not stop, so its DMA would be the next context's */
	bool broken;
};

/* Lives as long as its driver is bound or one of its files is open */
struct edu_accel {
	struct kref ref;
	struct device *dev;
	struct miscdevice misc;
	/* Taken before edu_context.lock */
	struct mutex lock;
	unsigned int nr_engines;
	struct edu_engine engines[EDU_MAX_ENGINES];
};

struct edu_context {
	struct edu_accel *accel;
	unsigned int engine;
	/* Taken under mmap_lock, so do not touch user memory while it is held */
	struct mutex lock;
	/* With a reference, as the buffers are freed after it is destroyed */
	struct device *subdev;
	/* False when it is destroyed. The registers are gone then, too */
	bool live;
	struct list_head buffers;
	struct list_head imports;
	bool broken;
	/* Protects @fault, in interrupts as well */
	spinlock_t fault_lock;
	struct edu_accel_fault fault;
	wait_queue_head_t fault_wait;
};

/* Lives as long as its file is open or there is a dma-buf of it */
struct edu_buffer {
	struct kref ref;
	struct list_head node;
	/* That it was allocated for, with a reference to free it in the end */
	struct device *subdev;
	void *mem;
	size_t size;
	dma_addr_t iova;
};

struct edu_import {
	struct list_head node;
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;
};

union edu_args {
	struct edu_accel_info info;
	struct edu_accel_alloc alloc;
	struct edu_accel_run run;
	struct edu_accel_fault fault;
	struct edu_accel_export export;
	struct edu_accel_import import;
};

static void edu_accel_release(struct kref *ref)
{
	kfree(container_of(ref, struct edu_accel, ref));
}

static void edu_accel_put(void *data)
{
	struct edu_accel *accel = data;

	kref_put(&accel->ref, edu_accel_release);
}

/*
 * Polling keeps the example short. The deadline has to be: an engine may wait
 * for ever for what the IOMMU does not let through.
 */
static int edu_engine_wait(void __iomem *regs)
{
	u64 cmd;

	return readq_poll_timeout(regs + EDU_DMA_CMD, cmd,
				  !(cmd & EDU_DMA_CMD_START),
				  10 * USEC_PER_MSEC, USEC_PER_SEC);
}

static int edu_context_copy(struct edu_context *ctx, u64 iova, u32 offset,
			    u32 length, u32 direction)
{
	void __iomem *regs = ctx->accel->engines[ctx->engine].regs;
	bool to_ram = direction == EDU_ACCEL_FROM_ENGINE;
	u64 local = EDU_MEMORY + offset;
	int ret;

	if (ctx->broken)
		return -EIO;

	writeq(to_ram ? local : iova, regs + EDU_DMA_SRC);
	writeq(to_ram ? iova : local, regs + EDU_DMA_DST);
	writeq(length, regs + EDU_DMA_COUNT);
	writeq(EDU_DMA_CMD_START | (to_ram ? EDU_DMA_CMD_TO_RAM : 0),
	       regs + EDU_DMA_CMD);
	ret = edu_engine_wait(regs);
	if (ret)
		ctx->broken = true;
	return ret;
}

/*
 * The sub-device has been destroyed, maybe long ago by an unbind, but as there is a
 * reference to it, dma_free_coherent() still works.
 */
static void edu_buffer_release(struct kref *ref)
{
	struct edu_buffer *buf = container_of(ref, struct edu_buffer, ref);

	dma_free_coherent(buf->subdev, buf->size, buf->mem, buf->iova);
	put_device(buf->subdev);
	kfree(buf);
}

/*
 * Buffers are freed when the file is closed and its sub-device is destroyed. An
 * earlier free would be unsafe: an IOMMU that invalidates lazily (iommu.strict=0)
 * still translates the address for a while, and user space may have it used.
 */
static struct edu_buffer *edu_buffer_create(struct edu_context *ctx, size_t size)
{
	struct edu_buffer *buf;

	buf = kzalloc_obj(*buf, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);

	kref_init(&buf->ref);
	buf->size = size;
	buf->mem = dma_alloc_coherent(ctx->subdev, size, &buf->iova,
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!buf->mem) {
		kfree(buf);
		return ERR_PTR(-ENOMEM);
	}
	buf->subdev = get_device(ctx->subdev);
	list_add(&buf->node, &ctx->buffers);
	return buf;
}

static struct edu_buffer *edu_buffer_find(struct edu_context *ctx, u64 iova)
{
	struct edu_buffer *buf;

	list_for_each_entry(buf, &ctx->buffers, node)
		if (buf->iova == iova)
			return buf;
	return NULL;
}

/*
 * A dma-buf of a buffer. Importers map the same pages for devices of their own, at
 * addresses of their own. None of it needs the context, which may have ended.
 */
static struct sg_table *edu_dmabuf_map(struct dma_buf_attachment *attachment,
				       enum dma_data_direction dir)
{
	struct edu_buffer *buf = attachment->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	sgt = kzalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);

	ret = dma_get_sgtable(buf->subdev, sgt, buf->mem, buf->iova, buf->size);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(attachment->dev, sgt, dir, 0);
	if (ret)
		goto err_free_table;
	return sgt;

err_free_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void edu_dmabuf_unmap(struct dma_buf_attachment *attachment,
			     struct sg_table *sgt, enum dma_data_direction dir)
{
	dma_unmap_sgtable(attachment->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static void edu_dmabuf_release(struct dma_buf *dmabuf)
{
	struct edu_buffer *buf = dmabuf->priv;

	kref_put(&buf->ref, edu_buffer_release);
}

static const struct dma_buf_ops edu_dmabuf_ops = {
	.map_dma_buf	= edu_dmabuf_map,
	.unmap_dma_buf	= edu_dmabuf_unmap,
	.release	= edu_dmabuf_release,
};

static int edu_export(struct edu_context *ctx, struct edu_accel_export *export)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct edu_buffer *buf;
	struct dma_buf *dmabuf;
	int fd;

	buf = edu_buffer_find(ctx, export->iova);
	if (!buf || export->flags)
		return -EINVAL;

	info.ops = &edu_dmabuf_ops;
	info.size = buf->size;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	kref_get(&buf->ref);

	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}
	export->fd = fd;
	return 0;
}

/* The engine takes an address and a length: the IOMMU makes one piece of any pages */
static int edu_import_map(struct edu_import *import, struct device *subdev,
			  struct dma_buf *dmabuf)
{
	import->attachment = dma_buf_attach(dmabuf, subdev);
	if (IS_ERR(import->attachment))
		return PTR_ERR(import->attachment);

	import->sgt = dma_buf_map_attachment_unlocked(import->attachment,
						      DMA_BIDIRECTIONAL);
	if (IS_ERR(import->sgt)) {
		dma_buf_detach(dmabuf, import->attachment);
		return PTR_ERR(import->sgt);
	}
	return 0;
}

/* Works after the end of the context as well, with a reference to its sub-device */
static void edu_import_unmap(struct edu_import *import)
{
	struct dma_buf *dmabuf = import->attachment->dmabuf;

	dma_buf_unmap_attachment_unlocked(import->attachment, import->sgt,
					  DMA_BIDIRECTIONAL);
	dma_buf_detach(dmabuf, import->attachment);
	dma_buf_put(dmabuf);
}

static int edu_import(struct edu_context *ctx, struct edu_accel_import *arg)
{
	struct edu_import *import;
	struct dma_buf *dmabuf;
	int ret;

	if (arg->flags)
		return -EINVAL;
	dmabuf = dma_buf_get(arg->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	ret = -ENOMEM;
	import = kzalloc_obj(*import, GFP_KERNEL_ACCOUNT);
	if (!import)
		goto err_put;
	ret = edu_import_map(import, ctx->subdev, dmabuf);
	if (ret)
		goto err_free;
	if (import->sgt->nents != 1) {
		edu_import_unmap(import);
		kfree(import);
		return -EOPNOTSUPP;
	}

	list_add(&import->node, &ctx->imports);
	arg->iova = sg_dma_address(import->sgt->sgl);
	arg->size = dmabuf->size;
	return 0;

err_free:
	kfree(import);
err_put:
	dma_buf_put(dmabuf);
	return ret;
}

/*
 * Addresses are not all that has to be isolated: the engine's memory still has
 * what the last user left in it.
 */
static int edu_context_scrub(struct edu_context *ctx)
{
	struct edu_buffer *zeroes;

	zeroes = edu_buffer_create(ctx, PAGE_ALIGN(EDU_MEMORY_SIZE));
	if (IS_ERR(zeroes))
		return PTR_ERR(zeroes);

	return edu_context_copy(ctx, zeroes->iova, 0, EDU_MEMORY_SIZE,
				EDU_ACCEL_TO_ENGINE);
}

/*
 * The IOMMU has stopped an access of the engine. A driver that ends a session for
 * that does it in a work item: iommu_subdev_destroy() would wait for this function.
 */
static void edu_context_fault(struct device *subdev, dma_addr_t iova, bool write,
			      void *data)
{
	struct edu_context *ctx = data;

	spin_lock(&ctx->fault_lock);
	if (!ctx->fault.count++) {
		ctx->fault.iova = iova;
		ctx->fault.write = write;
	}
	spin_unlock(&ctx->fault_lock);
	wake_up_interruptible(&ctx->fault_wait);
}

/*
 * When this returns the engine reaches no memory, even if it did not stop. User
 * space may go on using the buffers that it has mapped.
 */
static void edu_context_end(struct edu_context *ctx)
{
	mutex_lock(&ctx->lock);
	if (ctx->live)
		iommu_subdev_destroy(ctx->subdev);
	ctx->live = false;
	mutex_unlock(&ctx->lock);
	wake_up_interruptible(&ctx->fault_wait);
}

/*
 * The file is closed and its sub-device destroyed. What others have imported stays,
 * and so do the exporters of what was imported until it is unmapped here.
 */
static void edu_context_free(struct edu_context *ctx)
{
	struct edu_accel *accel = ctx->accel;
	struct edu_import *import, *next_import;
	struct edu_buffer *buf, *next;

	list_for_each_entry_safe(import, next_import, &ctx->imports, node) {
		edu_import_unmap(import);
		kfree(import);
	}
	list_for_each_entry_safe(buf, next, &ctx->buffers, node)
		kref_put(&buf->ref, edu_buffer_release);
	put_device(ctx->subdev);

	/* Gives the engine back only now: until here, remove finds the context */
	mutex_lock(&accel->lock);
	accel->engines[ctx->engine].ctx = NULL;
	accel->engines[ctx->engine].broken = ctx->broken;
	mutex_unlock(&accel->lock);
	edu_accel_put(accel);
	kfree(ctx);
}

static int edu_context_take_engine(struct edu_context *ctx,
				   struct edu_accel *accel)
{
	int ret = -EBUSY;
	unsigned int i;

	mutex_lock(&accel->lock);
	for (i = 0; i < accel->nr_engines; i++) {
		if (!accel->engines[i].ctx && !accel->engines[i].broken) {
			accel->engines[i].ctx = ctx;
			ctx->engine = i;
			ctx->accel = accel;
			kref_get(&accel->ref);
			ret = 0;
			break;
		}
	}
	mutex_unlock(&accel->lock);
	return ret;
}

/*
 * Called under the lock that misc_deregister() takes, so the driver stays bound
 * meanwhile, and nobody else knows of the context.
 */
static int edu_open(struct inode *inode, struct file *file)
{
	struct edu_accel *accel = container_of(file->private_data,
					       struct edu_accel, misc);
	struct edu_context *ctx;
	struct device *subdev;
	int ret;

	ctx = kzalloc_obj(*ctx, GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	mutex_init(&ctx->lock);
	INIT_LIST_HEAD(&ctx->buffers);
	INIT_LIST_HEAD(&ctx->imports);
	spin_lock_init(&ctx->fault_lock);
	init_waitqueue_head(&ctx->fault_wait);

	ret = edu_context_take_engine(ctx, accel);
	if (ret) {
		kfree(ctx);
		return ret;
	}

	subdev = iommu_subdev_create(accel->dev, ctx->engine);
	if (IS_ERR(subdev)) {
		ret = PTR_ERR(subdev);
		/* The IOMMU is being unbound, and this driver with it */
		if (ret == -EPROBE_DEFER)
			ret = -ENODEV;
		goto err_free;
	}
	ctx->subdev = get_device(subdev);
	ctx->live = true;
	/* Until it is destroyed, so @ctx may be used */
	iommu_subdev_set_fault_handler(subdev, edu_context_fault, ctx);

	ret = edu_context_scrub(ctx);
	if (ret)
		goto err_end;

	file->private_data = ctx;
	return 0;

err_end:
	edu_context_end(ctx);
err_free:
	edu_context_free(ctx);
	return ret;
}

static int edu_release(struct inode *inode, struct file *file)
{
	edu_context_end(file->private_data);
	edu_context_free(file->private_data);
	return 0;
}

/* The mapping has a reference to the file, so it does not outlive the buffer */
static int edu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct edu_context *ctx = file->private_data;
	struct edu_buffer *buf;
	int ret = -EINVAL;

	/* What is written to a private mapping would not get to the engine */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;

	mutex_lock(&ctx->lock);
	if (!ctx->live) {
		ret = -ENODEV;
		goto out_unlock;
	}
	buf = edu_buffer_find(ctx, (u64)vma->vm_pgoff << PAGE_SHIFT);
	if (!buf)
		goto out_unlock;

	/* For the DMA API it is an offset in the buffer */
	vma->vm_pgoff = 0;
	ret = dma_mmap_coherent(ctx->subdev, vma, buf->mem, buf->iova, buf->size);
out_unlock:
	mutex_unlock(&ctx->lock);
	return ret;
}

static int edu_alloc(struct edu_context *ctx, struct edu_accel_alloc *alloc)
{
	struct edu_buffer *buf;

	if (alloc->flags || !alloc->size || alloc->size > EDU_ACCEL_MAX_SIZE ||
	    !PAGE_ALIGNED(alloc->size))
		return -EINVAL;

	buf = edu_buffer_create(ctx, alloc->size);
	if (IS_ERR(buf))
		return PTR_ERR(buf);

	alloc->iova = buf->iova;
	alloc->mmap_offset = buf->iova;
	return 0;
}

/*
 * The length has to fit the hardware, but the address is not looked at: that is
 * what the sub-device is for. iommu_subdev_create() never returns one whose DMA
 * is not translated, so nothing is there but what was mapped for this context.
 */
static int edu_run(struct edu_context *ctx, const struct edu_accel_run *run)
{
	if (run->flags || run->direction > EDU_ACCEL_FROM_ENGINE ||
	    !run->length || run->length > EDU_MEMORY_SIZE ||
	    run->offset > EDU_MEMORY_SIZE - run->length)
		return -EINVAL;

	return edu_context_copy(ctx, run->iova, run->offset, run->length,
				run->direction);
}

static void edu_get_fault(struct edu_context *ctx, struct edu_accel_fault *fault)
{
	spin_lock_irq(&ctx->fault_lock);
	*fault = ctx->fault;
	memset(&ctx->fault, 0, sizeof(ctx->fault));
	spin_unlock_irq(&ctx->fault_lock);
}

static __poll_t edu_poll(struct file *file, poll_table *wait)
{
	struct edu_context *ctx = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &ctx->fault_wait, wait);
	if (!READ_ONCE(ctx->live))
		events |= EPOLLHUP;
	if (READ_ONCE(ctx->fault.count))
		events |= EPOLLPRI;
	return events;
}

static int edu_ioctl_locked(struct edu_context *ctx, unsigned int cmd,
			    union edu_args *args)
{
	if (!ctx->live)
		return -ENODEV;

	switch (cmd) {
	case EDU_ACCEL_INFO:
		args->info.engine = ctx->engine;
		args->info.input_id = ctx->engine;
		args->info.memory_size = EDU_MEMORY_SIZE;
		strscpy(args->info.name, dev_name(ctx->subdev));
		return 0;
	case EDU_ACCEL_ALLOC:
		return edu_alloc(ctx, &args->alloc);
	case EDU_ACCEL_RUN:
		return edu_run(ctx, &args->run);
	case EDU_ACCEL_FAULT:
		edu_get_fault(ctx, &args->fault);
		return 0;
	case EDU_ACCEL_EXPORT:
		return edu_export(ctx, &args->export);
	case EDU_ACCEL_IMPORT:
		return edu_import(ctx, &args->import);
	default:
		return -ENOTTY;
	}
}

static long edu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct edu_context *ctx = file->private_data;
	void __user *user = (void __user *)arg;
	size_t size = _IOC_SIZE(cmd);
	union edu_args args;
	int ret;

	if (size > sizeof(args))
		return -ENOTTY;
	memset(&args, 0, sizeof(args));
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&args, user, size))
		return -EFAULT;

	mutex_lock(&ctx->lock);
	ret = edu_ioctl_locked(ctx, cmd, &args);
	mutex_unlock(&ctx->lock);

	/* A buffer that user space could not be told of stays until close */
	if (!ret && (_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(user, &args, size))
		return -EFAULT;
	return ret;
}

static const struct file_operations edu_fops = {
	/* No rmmod while a file is open, but unbind is always possible */
	.owner		= THIS_MODULE,
	.open		= edu_open,
	.release	= edu_release,
	.mmap		= edu_mmap,
	.poll		= edu_poll,
	.unlocked_ioctl	= edu_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static int edu_probe_engine(struct platform_device *pdev, unsigned int i,
			    struct edu_engine *engine)
{
	struct device *dev = &pdev->dev;
	struct device *subdev;
	u32 id;
	int ret;

	engine->regs = devm_platform_ioremap_resource(pdev, i);
	if (IS_ERR(engine->regs))
		return PTR_ERR(engine->regs);

	/* A window with nothing behind it reads as ones */
	id = readl(engine->regs + EDU_ID);
	if (id != EDU_ID_VALUE)
		return dev_err_probe(dev, -ENODEV,
				     "engine %u is not there: ID %#x\n", i, id);

	ret = edu_engine_wait(engine->regs);
	if (ret)
		return dev_err_probe(dev, ret, "engine %u does not stop\n", i);

	/*
	 * Shows that the engine can be isolated, and is the place to wait for
	 * the IOMMU's driver: open could not.
	 */
	subdev = iommu_subdev_create(dev, i);
	if (IS_ERR(subdev))
		return dev_err_probe(dev, PTR_ERR(subdev),
				     "engine %u cannot be isolated\n", i);
	iommu_subdev_destroy(subdev);
	return 0;
}

static int edu_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct edu_accel *accel;
	unsigned int i;
	int ret;

	accel = kzalloc_obj(*accel);
	if (!accel)
		return -ENOMEM;

	kref_init(&accel->ref);
	mutex_init(&accel->lock);
	accel->dev = dev;
	platform_set_drvdata(pdev, accel);
	ret = devm_add_action_or_reset(dev, edu_accel_put, accel);
	if (ret)
		return ret;

	/* Sub-devices inherit both; with the second an import is one piece */
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(48));
	if (ret)
		return dev_err_probe(dev, ret, "no 48 bit DMA\n");
	dma_set_max_seg_size(dev, UINT_MAX);

	for (i = 0; platform_get_resource(pdev, IORESOURCE_MEM, i); i++) {
		if (i == EDU_MAX_ENGINES)
			return dev_err_probe(dev, -EINVAL, "too many engines\n");
		ret = edu_probe_engine(pdev, i, &accel->engines[i]);
		if (ret)
			return ret;
	}
	if (!i)
		return dev_err_probe(dev, -EINVAL, "no engines\n");
	accel->nr_engines = i;

	/* Last, as from here on it can be opened */
	accel->misc.minor = MISC_DYNAMIC_MINOR;
	accel->misc.name = "edu-accel";
	accel->misc.fops = &edu_fops;
	accel->misc.parent = dev;
	ret = misc_register(&accel->misc);
	if (ret)
		return dev_err_probe(dev, ret, "cannot make /dev/edu-accel\n");
	return 0;
}

/* Files may be open: their contexts end here, as no sub-device may stay. */
static void edu_remove(struct platform_device *pdev)
{
	struct edu_accel *accel = platform_get_drvdata(pdev);
	unsigned int i;

	/* Waits for open: there is no new context afterwards */
	misc_deregister(&accel->misc);

	mutex_lock(&accel->lock);
	for (i = 0; i < accel->nr_engines; i++)
		if (accel->engines[i].ctx)
			edu_context_end(accel->engines[i].ctx);
	mutex_unlock(&accel->lock);
}

static const struct of_device_id edu_of_match[] = {
	{ .compatible = "qemu,edu-accel" },
	{ }
};
MODULE_DEVICE_TABLE(of, edu_of_match);

static struct platform_driver edu_driver = {
	.probe	= edu_probe,
	.remove	= edu_remove,
	/* A kernel that is started by kexec finds no DMA under way */
	.shutdown = edu_remove,
	.driver	= {
		.name		= "edu-accel",
		.of_match_table	= edu_of_match,
	},
};
module_platform_driver(edu_driver);

MODULE_DESCRIPTION("Example of isolated DMA contexts on QEMU's edu devices");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
