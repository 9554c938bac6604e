// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DSP for fastrpc: the channel of its messages, which it answers, and the firmware
 * that gives memory to it. It is there while the driver is bound to its node.
 */
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/firmware/qcom/qcom_scm.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/ptrace.h>
#include <linux/rpmsg.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "rpmsg_internal.h"

/* What fastrpc.c sends, and what it wants back */
struct dsp_msg {
	s32 client_id;
	s32 tid;
	u64 ctx;
	u32 handle;
	u32 sc;
	u64 addr;
	u64 size;
};

struct dsp_rsp {
	u64 ctx;
	s32 retval;
};

struct dsp_call {
	struct work_struct work;
	struct rpmsg_endpoint *ept;
	struct dsp_rsp rsp;
};

struct dsp {
	struct rpmsg_device rpdev;
	struct workqueue_struct *calls;
};

#define to_dsp(rp)	container_of(rp, struct dsp, rpdev)

/* The answer comes from another thread, as an interrupt would */
static void dsp_call_work(struct work_struct *work)
{
	struct dsp_call *call = container_of(work, struct dsp_call, work);
	struct rpmsg_endpoint *ept = call->ept;

	ept->cb(ept->rpdev, &call->rsp, sizeof(call->rsp), ept->priv, 0);
	kfree(call);
}

static int dsp_send(struct rpmsg_endpoint *ept, const void *data, int len)
{
	const struct dsp_msg *msg = data;
	struct dsp_call *call;

	if (len != sizeof(*msg))
		return -EINVAL;
	call = kzalloc_obj(*call);
	if (!call)
		return -ENOMEM;
	INIT_WORK(&call->work, dsp_call_work);
	call->ept = ept;
	call->rsp.ctx = msg->ctx;
	queue_work(to_dsp(ept->rpdev)->calls, &call->work);
	return 0;
}

static void dsp_destroy_ept(struct rpmsg_endpoint *ept)
{
	flush_workqueue(to_dsp(ept->rpdev)->calls);
	kfree(ept);
}

static const struct rpmsg_endpoint_ops dsp_ept_ops = {
	.destroy_ept	= dsp_destroy_ept,
	.send		= dsp_send,
	.trysend	= dsp_send,
};

static struct rpmsg_endpoint *dsp_create_ept(struct rpmsg_device *rpdev,
					     rpmsg_rx_cb_t cb, void *priv,
					     struct rpmsg_channel_info chinfo)
{
	struct rpmsg_endpoint *ept = kzalloc_obj(*ept);

	if (!ept)
		return NULL;
	kref_init(&ept->refcount);
	mutex_init(&ept->cb_lock);
	ept->rpdev = rpdev;
	ept->cb = cb;
	ept->priv = priv;
	ept->ops = &dsp_ept_ops;
	return ept;
}

static const struct rpmsg_device_ops dsp_ops = {
	.create_ept	= dsp_create_ept,
};

/* The only memory that fastrpc asks for, and its owners, a bit for each */
static DEFINE_SPINLOCK(firmware_lock);
static u64 firmware_owners = BIT_ULL(QCOM_SCM_VMID_HLOS);

/*
 * Both are called in place of a function of the SCM's driver, which has no firmware
 * to ask. Memory is given away by those who have it: the second time fails.
 */
static int firmware_return(struct pt_regs *regs, int ret)
{
	regs_set_return_value(regs, ret);
	instruction_pointer_set(regs, procedure_link_pointer(regs));
	return 1;
}

static int firmware_is_available(struct kprobe *probe, struct pt_regs *regs)
{
	return firmware_return(regs, true);
}

static int firmware_assign_mem(struct kprobe *probe, struct pt_regs *regs)
{
	u64 *src = (u64 *)regs_get_kernel_argument(regs, 2);
	const struct qcom_scm_vmperm *to = (void *)regs_get_kernel_argument(regs, 3);
	unsigned int count = regs_get_kernel_argument(regs, 4);
	unsigned long flags;
	u64 owners = 0;
	int ret = -EINVAL;

	while (count--)
		owners |= BIT_ULL(to[count].vmid);
	spin_lock_irqsave(&firmware_lock, flags);
	if (*src == firmware_owners) {
		*src = owners;
		firmware_owners = owners;
		ret = 0;
	}
	spin_unlock_irqrestore(&firmware_lock, flags);
	return firmware_return(regs, ret);
}

static struct kprobe firmware[] = {
	{
		.symbol_name	= "qcom_scm_is_available",
		.pre_handler	= firmware_is_available,
	}, {
		.symbol_name	= "qcom_scm_assign_mem",
		.pre_handler	= firmware_assign_mem,
	},
};

static void dsp_release(struct device *dev)
{
	struct dsp *dsp = to_dsp(container_of(dev, struct rpmsg_device, dev));

	of_node_put(dev->of_node);
	destroy_workqueue(dsp->calls);
	kfree(dsp);
}

static int dsp_probe(struct platform_device *pdev)
{
	struct device_node *np = of_get_child_by_name(pdev->dev.of_node, "fastrpc");
	struct dsp *dsp = kzalloc_obj(*dsp);
	int ret = -ENOMEM;

	if (!np || !dsp)
		goto err_free;
	dsp->calls = alloc_ordered_workqueue("rig-dsp", 0);
	if (!dsp->calls)
		goto err_free;

	dsp->rpdev.ops = &dsp_ops;
	strscpy(dsp->rpdev.id.name, "fastrpcglink-apps-dsp");
	dsp->rpdev.dev.parent = &pdev->dev;
	dsp->rpdev.dev.release = dsp_release;
	device_set_node(&dsp->rpdev.dev, of_fwnode_handle(np));
	platform_set_drvdata(pdev, dsp);
	/* Its release function frees all if this fails */
	return rpmsg_register_device(&dsp->rpdev);

err_free:
	kfree(dsp);
	of_node_put(np);
	return ret;
}

static void dsp_remove(struct platform_device *pdev)
{
	struct dsp *dsp = platform_get_drvdata(pdev);

	device_unregister(&dsp->rpdev.dev);
}

static const struct of_device_id dsp_of_match[] = {
	{ .compatible = "iommu-subdev,rig-dsp" },
	{ }
};
MODULE_DEVICE_TABLE(of, dsp_of_match);

static struct platform_driver dsp_driver = {
	.probe	= dsp_probe,
	.remove	= dsp_remove,
	.driver	= {
		.name		= "subdev-rig-dsp",
		.of_match_table	= dsp_of_match,
	},
};

static int __init dsp_init(void)
{
	unsigned int n;
	int ret;

	for (n = 0; n < ARRAY_SIZE(firmware); n++) {
		ret = register_kprobe(&firmware[n]);
		if (ret)
			goto err_kprobes;
	}
	ret = platform_driver_register(&dsp_driver);
	if (ret)
		goto err_kprobes;
	return 0;

err_kprobes:
	while (n--)
		unregister_kprobe(&firmware[n]);
	return ret;
}
module_init(dsp_init);

static void __exit dsp_exit(void)
{
	platform_driver_unregister(&dsp_driver);
	for (unsigned int n = 0; n < ARRAY_SIZE(firmware); n++)
		unregister_kprobe(&firmware[n]);
}
module_exit(dsp_exit);

MODULE_DESCRIPTION("A DSP for fastrpc on the rig");
MODULE_LICENSE("GPL");
