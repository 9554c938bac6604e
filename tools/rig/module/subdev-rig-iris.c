// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board around iris, see users.dts: the registers that its driver waits for, the
 * secure world that authenticates the firmware, and the firmware itself, which
 * answers each command that wants an answer. What it accesses it finds in the same
 * domains as the hardware would.
 */
#include <linux/delay.h>
#include <linux/firmware/qcom/qcom_pas.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/of_platform.h>
#include <linux/slab.h>
#include <linux/soc/qcom/ubwc.h>

#include "iris_hfi_common.h"
#include "iris_hfi_gen2_packet.h"
#include "iris_hfi_queue.h"
#include "qcom_pas.h"

#define CTRL_INIT		0xa0048
#define CTRL_STATUS		0xa004c
#define CTRL_STATUS_READY	0x101	/* to run, and to be powered down */
#define QTBL_ADDR		0xa0054
#define SOFTINT			0xa0150
#define CPU_NOC_LPI_STATUS	0xb0060
#define AON_NOC_LPI_STATUS	0xe0004

/* What is written at the start of the firmware by the test */
#define RIG_FIRMWARE		0x6972696d

#define RIG_PACKET		4096

struct rig_iris {
	struct platform_device *pdev;
	void __iomem *regs;
	unsigned int irq;
	bool authenticated;
};

static struct rig_iris rig_iris[2];
static unsigned int rig_irises;
static struct task_struct *rig_thread;
/* What is allocated for images that are not authenticated yet */
static atomic_t rig_metadata;
static u8 rig_packet[RIG_PACKET], rig_answer[RIG_PACKET];

/* The device of a stream: that of the node NAME, or without one iris itself */
static struct device *rig_stream(struct rig_iris *iris, const char *name)
{
	struct device *dev = &iris->pdev->dev;
	struct device_node *node = of_get_child_by_name(dev->of_node, name);
	char path[64];

	if (!node)
		return get_device(dev);
	of_node_put(node);
	snprintf(path, sizeof(path), "%s:%s", dev_name(dev), name);
	return device_find_child_by_name(dev, path);
}

/* The physical address of what DEV reaches at an IOVA, or 0 */
static phys_addr_t rig_translate(struct device *dev, dma_addr_t iova)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain ? iommu_iova_to_phys(domain, iova) : 0;
}

/* A DMA under the stream of DEV */
static bool rig_dma(struct device *dev, dma_addr_t iova, void *buf, size_t len, bool write)
{
	while (len) {
		size_t part = min(len, PAGE_SIZE - offset_in_page(iova));
		phys_addr_t phys = rig_translate(dev, iova);
		void *mem;

		mem = phys ? memremap(phys, part, MEMREMAP_WB) : NULL;
		if (!mem)
			return false;
		if (write)
			memcpy(mem, buf, part);
		else
			memcpy(buf, mem, part);
		memunmap(mem);
		iova += part;
		buf += part;
		len -= part;
	}
	return true;
}

static bool rig_queue(struct device *dev, dma_addr_t table, unsigned int id,
		      struct iris_hfi_queue_header *queue, bool write)
{
	size_t offset = offsetof(struct iris_hfi_queue_table_header, q_hdr[id]);

	return rig_dma(dev, table + offset, queue, sizeof(*queue), write);
}

/* LEN bytes of a queue, which is a ring, from the word at INDEX on */
static bool rig_ring(struct device *dev, struct iris_hfi_queue_header *queue, u32 index,
		     void *buf, size_t len, bool write)
{
	size_t offset = index * sizeof(u32);
	size_t part = min(len, IFACEQ_QUEUE_SIZE - offset);

	return rig_dma(dev, queue->start_addr + offset, buf, part, write) &&
	       rig_dma(dev, queue->start_addr, buf + part, len - part, write);
}

/* The answer to what is in rig_packet; without packets if it wants none */
static struct iris_hfi_header *rig_answer_packet(void)
{
	struct iris_hfi_header *in = (void *)rig_packet, *out = (void *)rig_answer;
	void *pos = in + 1, *end = rig_packet + in->size;
	struct iris_hfi_packet *to = (void *)(out + 1);
	u32 i;

	*out = *in;
	out->num_packets = 0;
	for (i = 0; i < in->num_packets; i++) {
		struct iris_hfi_packet *from = pos;

		if (end - pos < sizeof(*from) || from->size < sizeof(*from))
			break;
		pos += from->size;
		/* Buffers are answered when they have been used, which never happens */
		if (!(from->flags & HFI_HOST_FLAGS_RESPONSE_REQUIRED) ||
		    from->type <= HFI_CMD_BEGIN || from->type >= HFI_CMD_END ||
		    from->type == HFI_CMD_BUFFER)
			continue;
		if (from->type == HFI_CMD_OPEN)
			out->session_id = from->payload[0];
		*to = (struct iris_hfi_packet) {
			.size = sizeof(*to),
			.type = from->type,
			.flags = HFI_FW_FLAGS_SUCCESS,
			.port = from->port,
			.packet_id = from->packet_id,
		};
		to++;
		out->num_packets++;
	}
	out->size = (void *)to - (void *)out;
	return out;
}

static bool rig_command(struct device *dev, dma_addr_t table, bool *answered)
{
	struct iris_hfi_queue_header in, out;
	struct iris_hfi_header *answer;
	u32 size;

	if (!rig_queue(dev, table, IFACEQ_CMDQ_ID, &in, false) ||
	    in.read_idx == in.write_idx ||
	    !rig_ring(dev, &in, in.read_idx, &size, sizeof(size), false) ||
	    size < sizeof(struct iris_hfi_header) || size > RIG_PACKET ||
	    !rig_ring(dev, &in, in.read_idx, rig_packet, size, false))
		return false;
	in.read_idx = (in.read_idx + size / sizeof(u32)) % in.q_size;
	if (!rig_queue(dev, table, IFACEQ_CMDQ_ID, &in, true))
		return false;

	answer = rig_answer_packet();
	if (!answer->num_packets)
		return true;
	if (!rig_queue(dev, table, IFACEQ_MSGQ_ID, &out, false) ||
	    !rig_ring(dev, &out, out.write_idx, answer, answer->size, true))
		return false;
	out.write_idx = (out.write_idx + answer->size / sizeof(u32)) % out.q_size;
	*answered = true;
	return rig_queue(dev, table, IFACEQ_MSGQ_ID, &out, true);
}

static void rig_commands(struct rig_iris *iris)
{
	dma_addr_t table = readl(iris->regs + QTBL_ADDR);
	struct device *dev = rig_stream(iris, "non-pixel");
	bool answered = false;

	if (!dev)
		return;
	while (rig_command(dev, table, &answered))
		;
	put_device(dev);
	if (answered)
		irq_set_irqchip_state(iris->irq, IRQCHIP_STATE_PENDING, true);
}

/* The processor starts where the firmware is, if that is there for its stream */
static bool rig_boots(struct rig_iris *iris)
{
	struct device *dev = rig_stream(iris, "firmware");
	u32 first = 0;
	bool ok;

	if (!dev)
		return false;
	/* A hypervisor has mapped it */
	if (dev == &iris->pdev->dev)
		ok = true;
	else
		ok = rig_dma(dev, 0, &first, sizeof(first), false) && first == RIG_FIRMWARE;
	put_device(dev);
	return ok;
}

static int rig_run(void *unused)
{
	unsigned int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < rig_irises; i++) {
			struct rig_iris *iris = &rig_iris[i];

			if (!READ_ONCE(iris->authenticated))
				continue;
			if (!readl(iris->regs + CTRL_STATUS)) {
				if (readl(iris->regs + CTRL_INIT) && rig_boots(iris))
					writel(CTRL_STATUS_READY, iris->regs + CTRL_STATUS);
			} else if (readl(iris->regs + SOFTINT)) {
				writel(0, iris->regs + SOFTINT);
				rig_commands(iris);
			}
		}
		usleep_range(500, 1000);
	}
	return 0;
}

static bool rig_pas_supported(struct device *dev, u32 id)
{
	return true;
}

static int rig_pas_init_image(struct device *dev, u32 id, const void *metadata, size_t size,
			      struct qcom_pas_context *ctx)
{
	if (!ctx)
		return 0;
	ctx->ptr = kmemdup(metadata, size, GFP_KERNEL);
	if (!ctx->ptr)
		return -ENOMEM;
	atomic_inc(&rig_metadata);
	return 0;
}

static void rig_pas_metadata_release(struct device *dev, struct qcom_pas_context *ctx)
{
	kfree(ctx->ptr);
	ctx->ptr = NULL;
	atomic_dec(&rig_metadata);
}

static int rig_pas_mem_setup(struct device *dev, u32 id, phys_addr_t addr, phys_addr_t size)
{
	return 0;
}

static void rig_set_authenticated(bool on)
{
	unsigned int i;

	for (i = 0; i < rig_irises; i++) {
		WRITE_ONCE(rig_iris[i].authenticated, on);
		if (!on) {
			writel(0, rig_iris[i].regs + CTRL_INIT);
			writel(0, rig_iris[i].regs + CTRL_STATUS);
		}
	}
}

static int rig_pas_auth_and_reset(struct device *dev, u32 id)
{
	rig_set_authenticated(true);
	return 0;
}

static int rig_pas_prepare_and_auth_reset(struct device *dev, struct qcom_pas_context *ctx)
{
	/* Linux is the one to share its memory with the secure world */
	return ctx->use_tzmem && ctx->ptr ? rig_pas_auth_and_reset(dev, ctx->pas_id) : -EINVAL;
}

static int rig_pas_set_remote_state(struct device *dev, u32 state, u32 id)
{
	return 0;
}

static int rig_pas_shutdown(struct device *dev, u32 id)
{
	rig_set_authenticated(false);
	return 0;
}

static struct qcom_pas_ops rig_pas = {
	.drv_name		= "subdev-rig-iris",
	.supported		= rig_pas_supported,
	.init_image		= rig_pas_init_image,
	.mem_setup		= rig_pas_mem_setup,
	.prepare_and_auth_reset	= rig_pas_prepare_and_auth_reset,
	.auth_and_reset		= rig_pas_auth_and_reset,
	.set_remote_state	= rig_pas_set_remote_state,
	.shutdown		= rig_pas_shutdown,
	.metadata_release	= rig_pas_metadata_release,
};

/* Functions of the firmware that have no other way in: they return at once */
static int rig_return(struct pt_regs *regs, unsigned long value)
{
	regs_set_return_value(regs, value);
	instruction_pointer_set(regs, procedure_link_pointer(regs));
	return 1;
}

static int rig_ubwc(struct kprobe *probe, struct pt_regs *regs)
{
	static const struct qcom_ubwc_cfg_data data = {
		.ubwc_enc_version = UBWC_4_0,
		.highest_bank_bit = 16,
	};

	return rig_return(regs, (unsigned long)&data);
}

static int rig_protect(struct kprobe *probe, struct pt_regs *regs)
{
	return rig_return(regs, 0);
}

static struct kprobe rig_probe_ubwc = {
	.symbol_name	= "qcom_ubwc_config_get_data",
	.pre_handler	= rig_ubwc,
};

static struct kprobe rig_probe_protect = {
	.symbol_name	= "qcom_scm_mem_protect_video_var",
	.pre_handler	= rig_protect,
};

static struct kprobe *rig_probes[] = { &rig_probe_ubwc, &rig_probe_protect };

/* Where the stream of the firmware gets to at its start address */
static int rig_firmware_get(char *text, const struct kernel_param *param)
{
	struct device *dev = rig_irises ? rig_stream(&rig_iris[0], "firmware") : NULL;
	phys_addr_t phys;

	if (!dev)
		return sysfs_emit(text, "none\n");
	phys = rig_translate(dev, 0);
	put_device(dev);
	return sysfs_emit(text, "%pa\n", &phys);
}

static int rig_metadata_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&rig_metadata));
}

static const struct kernel_param_ops rig_firmware_ops = { .get = rig_firmware_get };
static const struct kernel_param_ops rig_metadata_ops = { .get = rig_metadata_get };

module_param_cb(firmware, &rig_firmware_ops, NULL, 0444);
module_param_cb(metadata, &rig_metadata_ops, NULL, 0444);

static int __init rig_iris_init(void)
{
	struct device_node *node;
	int ret;

	for_each_compatible_node(node, NULL, "qcom,sm8550-iris") {
		struct rig_iris *iris = &rig_iris[rig_irises];

		if (rig_irises == ARRAY_SIZE(rig_iris)) {
			of_node_put(node);
			break;
		}
		iris->pdev = of_find_device_by_node(node);
		iris->regs = of_iomap(node, 0);
		iris->irq = irq_of_parse_and_map(node, 0);
		if (!iris->pdev || !iris->regs || !iris->irq) {
			of_node_put(node);
			return -ENODEV;
		}
		writel(1, iris->regs + CPU_NOC_LPI_STATUS);
		writel(1, iris->regs + AON_NOC_LPI_STATUS);
		rig_irises++;
	}
	ret = register_kprobes(rig_probes, ARRAY_SIZE(rig_probes));
	if (ret)
		return ret;
	rig_thread = kthread_run(rig_run, NULL, "rig-iris");
	if (IS_ERR(rig_thread)) {
		unregister_kprobes(rig_probes, ARRAY_SIZE(rig_probes));
		return PTR_ERR(rig_thread);
	}
	qcom_pas_ops_register(&rig_pas);
	return 0;
}
/* It stays, as the board does */
module_init(rig_iris_init);

MODULE_DESCRIPTION("Firmware and secure world of the rig's iris");
MODULE_LICENSE("GPL");
