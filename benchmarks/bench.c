// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a DMA context costs, measured inside the kernel: to make it, to end it,
 * and to map through it, beside the other ways to get one. README.rst tells how
 * to read the figures, and "run" is the program that asks for them.
 */
#define pr_fmt(fmt) "subdev-bench: " fmt

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/kernel_stat.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/perf_event.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define BENCH_THREADS	16
#define BENCH_SG	64
/* So many mappings are alive at once in a session with many */
#define BENCH_SESSION	64
/* So many contexts of a run show what another order of destroying costs */
#define BENCH_ORDERED	256
#define BENCH_BUFFER	SZ_2M
/* A buffer of video: pieces of what page tables map at once, or pages */
#define BENCH_VIDEO	SZ_64M
#define BENCH_PIECES	(BENCH_VIDEO / SZ_2M)
#define BENCH_PAGES	(BENCH_VIDEO / SZ_4K)
/* As many mappings as are alive at once in a context whose memory is counted */
#define BENCH_TOUCHED	1024
/* A register of the SMMUv3 that its driver never reads: the first ID register */
#define BENCH_MARK	0xfd0

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "platform device with an iommu-map and a bound driver; default: the rig's own");

static unsigned int first_id;
module_param(first_id, uint, 0444);
MODULE_PARM_DESC(first_id, "input ID of the first context; the others follow");

static unsigned int samples = 64;
module_param(samples, uint, 0644);
MODULE_PARM_DESC(samples, "the least number of samples of an operation");

static unsigned int warmup = 4;
module_param(warmup, uint, 0644);
MODULE_PARM_DESC(warmup, "the least number of warm-up samples of an operation");

struct device *bench_parent;
u32 bench_first_id;

static const struct bench_peer * const bench_peers[] = {
	&bench_subdev,
#ifdef CONFIG_TEGRA_HOST1X_CONTEXT_BUS
	&bench_host1x,
	&bench_host1x_lean,
#endif
#ifdef CONFIG_DMA_CONTEXT_BUS
	&bench_context_bus,
#endif
	&bench_platform,
	&bench_direct,
	&bench_floor,
#ifdef CONFIG_AUXILIARY_BUS
	&bench_aux,
#endif
#ifdef BENCH_PASIDS
	&bench_subdev_pasid,
#endif
#ifdef CONFIG_DMA_CONTEXT_BUS
	&bench_context_bus_no_uevents,
	&bench_context_bus_no_pm,
	&bench_context_bus_lean,
	&bench_context_bus_no_log,
	&bench_context_bus_leanest,
#endif
};

/* The second of each two undoes the first, but for the last two */
enum bench_op {
	/* Destroys the oldest of all contexts, and creates it again */
	BENCH_CREATE,
	BENCH_DESTROY,
	/* The same with the newest, and with any of them */
	BENCH_CREATE_NEWEST,
	BENCH_DESTROY_NEWEST,
	BENCH_CREATE_SHUFFLED,
	BENCH_DESTROY_SHUFFLED,
	BENCH_MAP_4K,
	BENCH_UNMAP_4K,
	BENCH_MAP_64K,
	BENCH_UNMAP_64K,
	BENCH_MAP_2M,
	BENCH_UNMAP_2M,
	BENCH_MAP_SG,
	BENCH_UNMAP_SG,
	BENCH_ALLOC,
	BENCH_FREE,
	BENCH_SYNC_DEVICE,
	BENCH_SYNC_CPU,
	/* Of a context that was used: destroys it, and creates one in its place */
	BENCH_CREATE_USED,
	BENCH_DESTROY_USED,
	/* A create and the first map, an unmap and the destroy: as one operation */
	BENCH_CREATE_MAP,
	BENCH_UNMAP_DESTROY,
	/* The first map of a context, which has no page tables yet */
	BENCH_MAP_FIRST,
	BENCH_UNMAP_FIRST,
	/* Of a buffer of video */
	BENCH_MAP_PIECES,
	BENCH_UNMAP_PIECES,
	BENCH_MAP_PAGES,
	BENCH_UNMAP_PAGES,
	BENCH_ALLOC_VIDEO,
	BENCH_FREE_VIDEO,
	/* One that somebody else has as a dma-buf: attaches to it, and maps it */
	BENCH_IMPORT,
	BENCH_RELEASE,
	/* Of a context that was used: makes it as new. The size is what was mapped at once */
	BENCH_RESET,
	BENCH_RESET_MANY,
	BENCH_OPS,
};

static const struct {
	const char *name;
	size_t size;
} bench_ops[BENCH_OPS] = {
	[BENCH_CREATE]		= { "create", 0 },
	[BENCH_DESTROY]		= { "destroy", 0 },
	[BENCH_CREATE_NEWEST]	= { "create_newest", 0 },
	[BENCH_DESTROY_NEWEST]	= { "destroy_newest", 0 },
	[BENCH_CREATE_SHUFFLED]	= { "create_shuffled", 0 },
	[BENCH_DESTROY_SHUFFLED] = { "destroy_shuffled", 0 },
	[BENCH_MAP_4K]		= { "map", SZ_4K },
	[BENCH_UNMAP_4K]	= { "unmap", SZ_4K },
	[BENCH_MAP_64K]		= { "map", SZ_64K },
	[BENCH_UNMAP_64K]	= { "unmap", SZ_64K },
	[BENCH_MAP_2M]		= { "map", SZ_2M },
	[BENCH_UNMAP_2M]	= { "unmap", SZ_2M },
	[BENCH_MAP_SG]		= { "map_sg", BENCH_SG * SZ_4K },
	[BENCH_UNMAP_SG]	= { "unmap_sg", BENCH_SG * SZ_4K },
	[BENCH_ALLOC]		= { "alloc", SZ_64K },
	[BENCH_FREE]		= { "free", SZ_64K },
	[BENCH_SYNC_DEVICE]	= { "sync_device", SZ_64K },
	[BENCH_SYNC_CPU]	= { "sync_cpu", SZ_64K },
	[BENCH_CREATE_USED]	= { "create_used", 0 },
	[BENCH_DESTROY_USED]	= { "destroy_used", 0 },
	[BENCH_CREATE_MAP]	= { "create_map", SZ_4K },
	[BENCH_UNMAP_DESTROY]	= { "unmap_destroy", SZ_4K },
	[BENCH_MAP_FIRST]	= { "map_first", SZ_4K },
	[BENCH_UNMAP_FIRST]	= { "unmap_first", SZ_4K },
	[BENCH_MAP_PIECES]	= { "map_sg_2m", BENCH_VIDEO },
	[BENCH_UNMAP_PIECES]	= { "unmap_sg_2m", BENCH_VIDEO },
	[BENCH_MAP_PAGES]	= { "map_sg_4k", BENCH_VIDEO },
	[BENCH_UNMAP_PAGES]	= { "unmap_sg_4k", BENCH_VIDEO },
	[BENCH_ALLOC_VIDEO]	= { "alloc_noncontiguous", BENCH_VIDEO },
	[BENCH_FREE_VIDEO]	= { "free_noncontiguous", BENCH_VIDEO },
	[BENCH_IMPORT]		= { "import", BENCH_VIDEO },
	[BENCH_RELEASE]		= { "release", BENCH_VIDEO },
	[BENCH_RESET]		= { "reset", SZ_4K },
	[BENCH_RESET_MANY]	= { "reset", BENCH_SESSION * SZ_4K },
};

/* What is counted at once; in a sample it is the difference of two */
struct bench_count {
	u64 instructions;
	u64 cycles;
	u64 ns;
	/* Interrupts of the CPU */
	u64 irqs;
};

/* Why a sample is in no figure */
enum bench_aside {
	BENCH_COUNTS,
	BENCH_WARMUP,
	BENCH_INTERRUPTED,
};

struct bench_sample {
	struct bench_count count;
	u32 context;
	u32 sample;
	u8 op;
	u8 aside;
};

struct bench_mapping {
	dma_addr_t dma;
	void *cpu;
};

/* Each thread has the contexts whose number is its own, modulo threads */
struct bench_worker {
	unsigned int thread;
	int (*phase)(struct bench_worker *w);
	int ret;
	struct completion done;

	struct perf_event *instructions;
	struct perf_event *cycles;
	/* What the counting itself costs */
	struct bench_count own;
	/* Read before and after each operation, or NULL */
	void __iomem *mark;

	struct page *pages;
	struct scatterlist sg[BENCH_SG];
	struct bench_mapping session[BENCH_SESSION];

	/* Its contexts */
	u16 shuffled[BENCH_CONTEXTS];

	struct bench_sample *sample;
	size_t used;
	size_t room;
};

/* Protects all below, which is one run */
static DEFINE_MUTEX(bench_lock);
static const struct bench_peer *bench_peer;
static unsigned int bench_contexts;
static unsigned int bench_threads;
static struct device *bench_context[BENCH_CONTEXTS];
static struct bench_worker *bench_worker[BENCH_THREADS];
static bool bench_prepared;
static bool bench_has_instructions;
static bool bench_has_cycles;

/* A register for a machine that traces what is read, or NULL */
static void __iomem *bench_mark;

static struct dentry *bench_dir;

/* Counting */

static struct perf_event *bench_event(u64 config)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = config,
		.size = sizeof(attr),
		.exclude_user = 1,
		.pinned = 1,
	};

	return perf_event_create_kernel_counter(&attr, -1, current, NULL, NULL);
}

static u64 bench_read_event(struct perf_event *event)
{
	u64 enabled, running;

	return event ? perf_event_read_value(event, &enabled, &running) : 0;
}

/* The clock is the innermost, as it costs the least */
static void bench_begin(struct bench_worker *w, struct bench_count *c)
{
	if (w->mark)
		readl(w->mark);
	c->irqs = kstat_cpu_irqs_sum(raw_smp_processor_id());
	c->cycles = bench_read_event(w->cycles);
	c->instructions = bench_read_event(w->instructions);
	c->ns = ktime_get_ns();
}

static void bench_end(struct bench_worker *w, struct bench_count *c)
{
	c->ns = ktime_get_ns() - c->ns;
	c->instructions = bench_read_event(w->instructions) - c->instructions;
	c->cycles = bench_read_event(w->cycles) - c->cycles;
	c->irqs = kstat_cpu_irqs_sum(raw_smp_processor_id()) - c->irqs;
	if (w->mark)
		readl(w->mark);
}

static u64 bench_less(u64 count, u64 own)
{
	return count > own ? count - own : 0;
}

/* Without a PMU, as in many a virtual machine, there is still the clock. */
static void bench_counters_open(struct bench_worker *w)
{
	struct bench_count c;
	int i;

	w->instructions = bench_event(PERF_COUNT_HW_INSTRUCTIONS);
	if (IS_ERR(w->instructions))
		w->instructions = NULL;
	w->cycles = bench_event(PERF_COUNT_HW_CPU_CYCLES);
	if (IS_ERR(w->cycles))
		w->cycles = NULL;

	/* The least, as an interrupt can only add to it */
	memset(&w->own, 0xff, sizeof(w->own));
	for (i = 0; i < 64; i++) {
		bench_begin(w, &c);
		bench_end(w, &c);
		w->own.instructions = min(w->own.instructions, c.instructions);
		w->own.cycles = min(w->own.cycles, c.cycles);
		w->own.ns = min(w->own.ns, c.ns);
	}
	w->mark = bench_mark;
}

static void bench_counters_close(struct bench_worker *w)
{
	if (w->instructions)
		perf_event_release_kernel(w->instructions);
	if (w->cycles)
		perf_event_release_kernel(w->cycles);
	w->instructions = NULL;
	w->cycles = NULL;
	w->mark = NULL;
}

static int bench_store(struct bench_worker *w, enum bench_op op,
		       unsigned int context, unsigned int sample, bool warm,
		       const struct bench_count *c)
{
	struct bench_sample *s;

	if (w->used == w->room)
		return -ENOSPC;
	s = &w->sample[w->used++];
	s->count.instructions = bench_less(c->instructions, w->own.instructions);
	s->count.cycles = bench_less(c->cycles, w->own.cycles);
	s->count.ns = bench_less(c->ns, w->own.ns);
	s->op = op;
	s->context = context;
	s->sample = sample;
	s->aside = warm ? BENCH_WARMUP :
		   c->irqs ? BENCH_INTERRUPTED : BENCH_COUNTS;

	cond_resched();
	return signal_pending(current) ? -EINTR : 0;
}

/*
 * The operations. Not inlined, so that a profile shows where each begins.
 */
static noinline int bench_create(unsigned int context)
{
	struct device *dev = bench_peer->create(context);

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	bench_context[context] = dev;
	return 0;
}

static noinline void bench_destroy(unsigned int context)
{
	struct device *dev = bench_context[context];

	bench_context[context] = NULL;
	bench_peer->destroy(dev, context);
}

static bool bench_can(enum bench_op op)
{
	if (op < BENCH_MAP_4K)
		return true;
	if (!bench_peer->isolated || bench_peer->step)
		return false;
	if (op >= BENCH_RESET)
		return bench_peer->reset;
	return !bench_peer->map || op <= BENCH_UNMAP_2M ||
	       (op >= BENCH_CREATE_USED && op <= BENCH_UNMAP_FIRST);
}

static noinline int bench_map(struct bench_worker *w, unsigned int context,
			      enum bench_op op, struct bench_mapping *m)
{
	struct device *dev = bench_context[context];
	size_t size = bench_ops[op].size;

	switch (op) {
	case BENCH_MAP_SG:
		return dma_map_sg(dev, w->sg, BENCH_SG, DMA_BIDIRECTIONAL) ?
			0 : -EIO;
	case BENCH_ALLOC:
		m->cpu = dma_alloc_coherent(dev, size, &m->dma, GFP_KERNEL);
		return m->cpu ? 0 : -ENOMEM;
	case BENCH_SYNC_DEVICE:
		dma_sync_single_for_device(dev, m->dma, size,
					   DMA_BIDIRECTIONAL);
		return 0;
	default:
		if (bench_peer->map)
			return bench_peer->map(context, page_to_phys(w->pages),
					       size);
		m->dma = dma_map_page(dev, w->pages, 0, size,
				      DMA_BIDIRECTIONAL);
		return dma_mapping_error(dev, m->dma);
	}
}

static noinline void bench_unmap(struct bench_worker *w, unsigned int context,
				 enum bench_op op, struct bench_mapping *m)
{
	struct device *dev = bench_context[context];
	size_t size = bench_ops[op].size;

	switch (op) {
	case BENCH_MAP_SG:
		dma_unmap_sg(dev, w->sg, BENCH_SG, DMA_BIDIRECTIONAL);
		break;
	case BENCH_ALLOC:
		dma_free_coherent(dev, size, m->cpu, m->dma);
		break;
	case BENCH_SYNC_DEVICE:
		dma_sync_single_for_cpu(dev, m->dma, size, DMA_BIDIRECTIONAL);
		break;
	default:
		if (bench_peer->unmap)
			bench_peer->unmap(context, size);
		else
			dma_unmap_page(dev, m->dma, size, DMA_BIDIRECTIONAL);
	}
}

/*
 * Those of a buffer of video. They are not among those above, where they would cost the
 * others an instruction.
 */
struct bench_video {
	struct page *piece[BENCH_PIECES];
	struct sg_table by_piece;
	struct sg_table by_page;
	struct sg_table *allocated;
	struct dma_buf *buf;
	struct dma_buf_attachment *attachment;
	struct sg_table *imported;
};

/* Each device that maps the buffer gets a table of its own, as from any exporter. */
static struct sg_table *bench_buf_map(struct dma_buf_attachment *attachment,
				      enum dma_data_direction dir)
{
	struct bench_video *v = attachment->dmabuf->priv;
	struct sg_table *sgt = kzalloc_obj(*sgt);
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, BENCH_PIECES, GFP_KERNEL);
	if (ret)
		goto err_free;
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, v->piece[i], SZ_2M, 0);
	ret = dma_map_sgtable(attachment->dev, sgt, dir, 0);
	if (!ret)
		return sgt;

	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void bench_buf_unmap(struct dma_buf_attachment *attachment,
			    struct sg_table *sgt, enum dma_data_direction dir)
{
	dma_unmap_sgtable(attachment->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

/* This may be after bench_video_free(), which has put the last reference */
static void bench_buf_release(struct dma_buf *buf)
{
}

static const struct dma_buf_ops bench_buf_ops = {
	.map_dma_buf	= bench_buf_map,
	.unmap_dma_buf	= bench_buf_unmap,
	.release	= bench_buf_release,
};

static int bench_import(struct bench_video *v, struct device *dev)
{
	v->attachment = dma_buf_attach(v->buf, dev);
	if (IS_ERR(v->attachment))
		return PTR_ERR(v->attachment);
	v->imported = dma_buf_map_attachment_unlocked(v->attachment, DMA_BIDIRECTIONAL);
	if (!IS_ERR(v->imported))
		return 0;
	dma_buf_detach(v->buf, v->attachment);
	return PTR_ERR(v->imported);
}

static void bench_release(struct bench_video *v)
{
	dma_buf_unmap_attachment_unlocked(v->attachment, v->imported, DMA_BIDIRECTIONAL);
	dma_buf_detach(v->buf, v->attachment);
}

static noinline int bench_map_video(struct bench_video *v, struct device *dev,
				    enum bench_op op)
{
	switch (op) {
	case BENCH_MAP_PIECES:
		return dma_map_sgtable(dev, &v->by_piece, DMA_BIDIRECTIONAL, 0);
	case BENCH_MAP_PAGES:
		return dma_map_sgtable(dev, &v->by_page, DMA_BIDIRECTIONAL, 0);
	case BENCH_IMPORT:
		return bench_import(v, dev);
	default:
		v->allocated = dma_alloc_noncontiguous(dev, BENCH_VIDEO,
						       DMA_BIDIRECTIONAL,
						       GFP_KERNEL, 0);
		return v->allocated ? 0 : -ENOMEM;
	}
}

static noinline void bench_unmap_video(struct bench_video *v, struct device *dev,
				       enum bench_op op)
{
	switch (op) {
	case BENCH_MAP_PIECES:
		dma_unmap_sgtable(dev, &v->by_piece, DMA_BIDIRECTIONAL, 0);
		break;
	case BENCH_MAP_PAGES:
		dma_unmap_sgtable(dev, &v->by_page, DMA_BIDIRECTIONAL, 0);
		break;
	case BENCH_IMPORT:
		bench_release(v);
		break;
	default:
		dma_free_noncontiguous(dev, BENCH_VIDEO, v->allocated,
				       DMA_BIDIRECTIONAL);
	}
}

/* Measuring */

static int bench_do_create(struct bench_worker *w, unsigned int context,
			   enum bench_op op, unsigned int sample, bool warm)
{
	struct bench_count c;
	int ret;

	bench_begin(w, &c);
	ret = bench_create(context);
	bench_end(w, &c);
	return ret ?: bench_store(w, op, context, sample, warm, &c);
}

static int bench_do_destroy(struct bench_worker *w, unsigned int context,
			    enum bench_op op, unsigned int sample, bool warm)
{
	struct bench_count c;

	bench_begin(w, &c);
	bench_destroy(context);
	bench_end(w, &c);
	return bench_store(w, op, context, sample, warm, &c);
}

static int bench_do_map(struct bench_worker *w, unsigned int context,
			enum bench_op op, unsigned int sample, bool warm,
			struct bench_mapping *m)
{
	struct bench_count c;
	int ret;

	bench_begin(w, &c);
	ret = bench_map(w, context, op, m);
	bench_end(w, &c);
	if (ret)
		return ret;
	ret = bench_store(w, op, context, sample, warm, &c);

	bench_begin(w, &c);
	bench_unmap(w, context, op, m);
	bench_end(w, &c);
	return ret ?: bench_store(w, op + 1, context, sample, warm, &c);
}

/* Rounds of each context, when all contexts together make up the samples */
static unsigned int bench_rounds(void)
{
	return max(1, samples / bench_contexts);
}

/* To fill with contexts and to make the first mapping is a warm-up, too */
static unsigned int bench_warm_rounds(void)
{
	return warmup / bench_contexts;
}

static int bench_phase_fill(struct bench_worker *w)
{
	unsigned int i;
	int ret;

	for (i = w->thread; i < bench_contexts; i += bench_threads) {
		ret = bench_do_create(w, i, BENCH_CREATE, 0, true);
		if (ret)
			return ret;
	}
	return 0;
}

/* Only one of so many contexts is destroyed in the other orders as well. */
static unsigned int bench_stride(void)
{
	return DIV_ROUND_UP(bench_contexts, BENCH_ORDERED);
}

/* How many of @n contexts that is */
static unsigned int bench_ordered(unsigned int n)
{
	return DIV_ROUND_UP(n, bench_stride());
}

/* @create stands for the order in which contexts are destroyed. */
static int bench_renew(struct bench_worker *w, unsigned int context,
		       enum bench_op create, unsigned int round)
{
	bool warm = round < bench_warm_rounds();

	return bench_do_destroy(w, context, create + 1, round, warm) ?:
	       bench_do_create(w, context, create, round + 1, warm);
}

/*
 * Each context is destroyed and created again while all the others live: as the
 * oldest of them, and some right after that as the newest.
 */
static int bench_phase_renew(struct bench_worker *w)
{
	unsigned int rounds = bench_warm_rounds() + bench_rounds(), round, i, n;
	int ret;

	for (round = 0; round < rounds; round++) {
		for (n = 0, i = w->thread; i < bench_contexts;
		     n++, i += bench_threads) {
			ret = bench_renew(w, i, BENCH_CREATE, round);
			if (!ret && n % bench_stride() == 0)
				ret = bench_renew(w, i, BENCH_CREATE_NEWEST,
						  round);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* The order differs between rounds, but not between runs. */
static int bench_phase_shuffled(struct bench_worker *w)
{
	unsigned int rounds = bench_warm_rounds() + bench_rounds(), round, i, n;
	struct rnd_state random;
	int ret;

	prandom_seed_state(&random, w->thread);
	for (n = 0, i = w->thread; i < bench_contexts; i += bench_threads)
		w->shuffled[n++] = i;
	for (round = 0; round < rounds; round++) {
		for (i = n - 1; i > 0; i--)
			swap(w->shuffled[i],
			     w->shuffled[prandom_u32_state(&random) % (i + 1)]);
		for (i = 0; i < bench_ordered(n); i++) {
			ret = bench_renew(w, w->shuffled[i],
					  BENCH_CREATE_SHUFFLED, round);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int bench_phase_map(struct bench_worker *w)
{
	unsigned int warm = bench_warm_rounds() + 1, round, i;
	struct bench_mapping m;
	enum bench_op op;
	int ret;

	for (op = BENCH_MAP_4K; op < BENCH_ALLOC; op += 2) {
		if (!bench_can(op))
			continue;
		for (i = w->thread; i < bench_contexts; i += bench_threads) {
			for (round = 0; round < warm + bench_rounds(); round++) {
				ret = bench_do_map(w, i, op, round,
						   round < warm, &m);
				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

static int bench_phase_sync(struct bench_worker *w)
{
	unsigned int warm = bench_warm_rounds() + 1, round, i;
	struct bench_mapping m;
	int ret = 0;

	if (!bench_can(BENCH_SYNC_DEVICE))
		return 0;
	for (i = w->thread; i < bench_contexts; i += bench_threads) {
		ret = bench_map(w, i, BENCH_MAP_64K, &m);
		if (ret)
			return ret;
		for (round = 0; round < warm + bench_rounds() && !ret; round++)
			ret = bench_do_map(w, i, BENCH_SYNC_DEVICE, round,
					   round < warm, &m);
		bench_unmap(w, i, BENCH_MAP_64K, &m);
		if (ret)
			return ret;
	}
	return 0;
}

/* A create with the first map, and the last unmap with the destroy, count as one. */
static int bench_do_whole(struct bench_worker *w, unsigned int context,
			  unsigned int sample, bool warm)
{
	struct bench_mapping m;
	struct bench_count c;
	int ret;

	bench_begin(w, &c);
	ret = bench_create(context);
	if (!ret)
		ret = bench_map(w, context, BENCH_MAP_FIRST, &m);
	bench_end(w, &c);
	if (ret)
		return ret;
	ret = bench_store(w, BENCH_CREATE_MAP, context, sample, warm, &c);

	bench_begin(w, &c);
	bench_unmap(w, context, BENCH_MAP_FIRST, &m);
	bench_destroy(context);
	bench_end(w, &c);
	return ret ?: bench_store(w, BENCH_UNMAP_DESTROY, context, sample, warm,
				  &c);
}

/* @context is alive before and after this, and has mapped nothing. */
static int bench_use(struct bench_worker *w, unsigned int context,
		     unsigned int round)
{
	bool warm = round < bench_warm_rounds();
	struct bench_mapping m;

	bench_destroy(context);
	return bench_do_whole(w, context, round, warm) ?:
	       bench_create(context) ?:
	       bench_do_map(w, context, BENCH_MAP_FIRST, round, warm, &m) ?:
	       bench_do_destroy(w, context, BENCH_DESTROY_USED, round, warm) ?:
	       bench_do_create(w, context, BENCH_CREATE_USED, round, warm);
}

static int bench_phase_use(struct bench_worker *w)
{
	unsigned int rounds = bench_warm_rounds() + bench_rounds(), round, i, n;
	int ret;

	if (!bench_can(BENCH_CREATE_USED))
		return 0;
	for (round = 0; round < rounds; round++) {
		for (n = 0, i = w->thread; i < bench_contexts;
		     n++, i += bench_threads) {
			ret = n % bench_stride() ? 0 : bench_use(w, i, round);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/*
 * The next pages that this CPU allocates are neighbours, in their order. What an
 * allocation costs depends on that, as neighbours are mapped at once. What is freed
 * last is allocated first.
 */
static int bench_line_up_pages(void)
{
	unsigned int order = get_order(bench_ops[BENCH_ALLOC].size), i;
	struct page *page = alloc_pages(GFP_KERNEL, order);

	if (!page)
		return -ENOMEM;
	split_page(page, order);
	for (i = 1 << order; i--; )
		__free_page(page + i);
	return 0;
}

static int bench_phase_alloc(struct bench_worker *w)
{
	unsigned int warm = bench_warm_rounds() + 1, round, i;
	struct bench_mapping m;
	int ret;

	if (!bench_can(BENCH_ALLOC))
		return 0;
	for (i = w->thread; i < bench_contexts; i += bench_threads) {
		for (round = 0; round < warm + bench_rounds(); round++) {
			ret = bench_line_up_pages() ?:
			      bench_do_map(w, i, BENCH_ALLOC, round,
					   round < warm, &m);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static void bench_video_free(struct bench_video *v)
{
	unsigned int i;

	if (!v)
		return;
	if (v->buf)
		dma_buf_put(v->buf);
	sg_free_table(&v->by_piece);
	sg_free_table(&v->by_page);
	for (i = 0; i < BENCH_PIECES; i++)
		if (v->piece[i])
			__free_pages(v->piece[i], get_order(SZ_4M));
	kfree(v);
}

/*
 * Neighbours are mapped at once, so there are none: each piece is the first half of what
 * is allocated, and each page is of another piece than the one before it.
 */
static struct bench_video *bench_video_alloc(void)
{
	struct bench_video *v = kzalloc_obj(*v);
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct scatterlist *sg;
	unsigned int i;

	if (!v)
		return NULL;
	for (i = 0; i < BENCH_PIECES; i++) {
		v->piece[i] = alloc_pages(GFP_KERNEL, get_order(SZ_4M));
		if (!v->piece[i])
			goto err_free;
	}
	if (sg_alloc_table(&v->by_piece, BENCH_PIECES, GFP_KERNEL) ||
	    sg_alloc_table(&v->by_page, BENCH_PAGES, GFP_KERNEL))
		goto err_free;
	for_each_sgtable_sg(&v->by_piece, sg, i)
		sg_set_page(sg, v->piece[i], SZ_2M, 0);
	for_each_sgtable_sg(&v->by_page, sg, i)
		sg_set_page(sg, v->piece[i % BENCH_PIECES] + i / BENCH_PIECES,
			    SZ_4K, 0);

	info.ops = &bench_buf_ops;
	info.size = BENCH_VIDEO;
	info.flags = O_CLOEXEC;
	info.priv = v;
	v->buf = dma_buf_export(&info);
	if (!IS_ERR(v->buf))
		return v;
	v->buf = NULL;

err_free:
	bench_video_free(v);
	return NULL;
}

/* What takes millions of instructions is measured less often. */
static bool bench_is_short(enum bench_op op)
{
	return op == BENCH_MAP_PIECES || op == BENCH_IMPORT;
}

static unsigned int bench_video_warm(enum bench_op op)
{
	return bench_is_short(op) ? 4 : 1;
}

static unsigned int bench_video_rounds(enum bench_op op)
{
	return bench_video_warm(op) + (bench_is_short(op) ? 16 : 5);
}

static int bench_do_video(struct bench_worker *w, struct bench_video *v,
			  enum bench_op op, unsigned int sample)
{
	bool warm = sample < bench_video_warm(op);
	struct device *dev = bench_context[0];
	struct bench_count c;
	int ret;

	bench_begin(w, &c);
	ret = bench_map_video(v, dev, op);
	bench_end(w, &c);
	if (ret)
		return ret;
	ret = bench_store(w, op, 0, sample, warm, &c);

	bench_begin(w, &c);
	bench_unmap_video(v, dev, op);
	bench_end(w, &c);
	return ret ?: bench_store(w, op + 1, 0, sample, warm, &c);
}

/* In one context */
static int bench_phase_video(struct bench_worker *w)
{
	struct bench_video *v;
	unsigned int round;
	enum bench_op op;
	int ret = 0;

	if (!bench_can(BENCH_MAP_PIECES) || w->thread)
		return 0;
	v = bench_video_alloc();
	if (!v)
		return -ENOMEM;
	for (op = BENCH_MAP_PIECES; op < BENCH_RESET; op += 2)
		for (round = 0; round < bench_video_rounds(op) && !ret; round++)
			ret = bench_do_video(w, v, op, round);
	bench_video_free(v);
	return ret;
}

/* A session that has mapped so many times 4 KiB and unmapped it all */
static int bench_do_reset(struct bench_worker *w, unsigned int context,
			  enum bench_op op, unsigned int round)
{
	unsigned int maps = bench_ops[op].size / SZ_4K, n;
	struct bench_count c;
	int ret = 0;

	for (n = 0; n < maps && !ret; n++)
		ret = bench_map(w, context, BENCH_MAP_FIRST, &w->session[n]);
	/* The one that failed is not there */
	for (n -= ret ? 1 : 0; n; n--)
		bench_unmap(w, context, BENCH_MAP_FIRST, &w->session[n - 1]);
	if (ret)
		return ret;

	bench_begin(w, &c);
	ret = bench_peer->reset(bench_context[context], context);
	bench_end(w, &c);
	return ret ?: bench_store(w, op, context, round,
				  round < bench_warm_rounds() + 1, &c);
}

/*
 * The first session of a context is a warm-up. What it costs is up to the ranges that
 * the context has had at once, so this is before all that maps more.
 */
static int bench_phase_reset(struct bench_worker *w)
{
	unsigned int rounds = bench_warm_rounds() + 1 + bench_rounds(), round, i, n;
	enum bench_op op;
	int ret;

	for (op = BENCH_RESET; op < BENCH_OPS && bench_can(op); op++) {
		for (round = 0; round < rounds; round++) {
			for (n = 0, i = w->thread; i < bench_contexts;
			     n++, i += bench_threads) {
				ret = n % bench_stride() ? 0 :
				      bench_do_reset(w, i, op, round);
				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

/* With fewer and fewer contexts, so not among the figures for all of them */
static int bench_phase_drain(struct bench_worker *w)
{
	unsigned int last = bench_warm_rounds() + bench_rounds(), i;
	int ret;

	for (i = w->thread; i < bench_contexts; i += bench_threads) {
		ret = bench_do_destroy(w, i, BENCH_DESTROY, last, true);
		if (ret)
			return ret;
	}
	return 0;
}

static bool bench_of_used(enum bench_op op)
{
	return op >= BENCH_CREATE_USED || op == BENCH_ALLOC || op == BENCH_FREE;
}

/* The samples of a run, or of one that uses contexts up */
static size_t bench_plan(struct bench_worker *w, bool use)
{
	size_t renew = bench_warm_rounds() + bench_rounds();
	size_t each = 2, some = 4 * renew, video = 0, i, n = 0;
	enum bench_op op;

	for (op = BENCH_MAP_4K; op < BENCH_CREATE_USED; op++)
		if (bench_can(op) && bench_of_used(op) == use)
			each += renew + 1;
	if (use)
		some = (bench_can(BENCH_CREATE_USED) ? 6 * renew : 0) +
		       (bench_can(BENCH_RESET) ? 2 * (renew + 1) : 0);
	else
		each += 2 * renew;
	for (i = w->thread; i < bench_contexts; i += bench_threads)
		n++;
	if (use && bench_can(BENCH_MAP_PIECES) && !w->thread)
		for (op = BENCH_MAP_PIECES; op < BENCH_RESET; op += 2)
			video += 2 * bench_video_rounds(op);
	return n * each + bench_ordered(n) * some + video;
}

/* Runs */

enum bench_run {
	BENCH_NO_RUN,
	BENCH_RUN_ALL,
	/* What needs contexts that were used, or disturbs the page allocator */
	BENCH_RUN_USE,
};

static void bench_worker_free(struct bench_worker *w)
{
	if (!w)
		return;
	if (w->pages)
		__free_pages(w->pages, get_order(BENCH_BUFFER));
	vfree(w->sample);
	kfree(w);
}

static void bench_workers_free(void)
{
	unsigned int i;

	for (i = 0; i < BENCH_THREADS; i++) {
		bench_worker_free(bench_worker[i]);
		bench_worker[i] = NULL;
	}
}

static struct bench_worker *bench_worker_alloc(unsigned int thread,
					       enum bench_run run)
{
	struct bench_worker *w;
	unsigned int i;

	w = kzalloc_obj(*w);
	if (!w)
		return NULL;
	w->thread = thread;
	init_completion(&w->done);
	if (run != BENCH_NO_RUN) {
		w->room = bench_plan(w, run == BENCH_RUN_USE);
		w->sample = vcalloc(w->room, sizeof(*w->sample));
	}
	w->pages = alloc_pages(GFP_KERNEL, get_order(BENCH_BUFFER));
	if ((run != BENCH_NO_RUN && !w->sample) || !w->pages) {
		bench_worker_free(w);
		return NULL;
	}
	/* No two of them are neighbours */
	sg_init_table(w->sg, BENCH_SG);
	for (i = 0; i < BENCH_SG; i++)
		sg_set_page(&w->sg[i], w->pages + 2 * i, SZ_4K, 0);
	return w;
}

static int bench_work(void *data)
{
	struct bench_worker *w = data;

	bench_counters_open(w);
	w->ret = w->phase(w);
	bench_has_instructions = w->instructions;
	bench_has_cycles = w->cycles;
	bench_counters_close(w);
	complete(&w->done);
	return 0;
}

/* One thread is the one that asked: perf sees it as well. */
static int bench_run_phase(int (*phase)(struct bench_worker *w))
{
	unsigned int i, cpu = cpumask_first(cpu_online_mask);
	struct task_struct *task;
	int ret = 0;

	for (i = 0; i < bench_threads; i++) {
		struct bench_worker *w = bench_worker[i];

		w->phase = phase;
		reinit_completion(&w->done);
		if (bench_threads == 1) {
			bench_work(w);
			continue;
		}
		task = kthread_create(bench_work, w, "subdev-bench/%u", i);
		if (IS_ERR(task)) {
			w->ret = PTR_ERR(task);
			complete(&w->done);
			continue;
		}
		kthread_bind(task, cpu);
		wake_up_process(task);
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	for (i = 0; i < bench_threads; i++) {
		wait_for_completion(&bench_worker[i]->done);
		ret = ret ?: bench_worker[i]->ret;
	}
	return ret;
}

static void bench_destroy_all(void)
{
	unsigned int i;

	for (i = 0; i < BENCH_CONTEXTS; i++)
		if (bench_context[i])
			bench_destroy(i);
}

static void bench_drain(void)
{
	bench_destroy_all();
	if (bench_prepared && bench_peer->unprepare)
		bench_peer->unprepare(bench_contexts);
	bench_prepared = false;
}

/* All that a run needs is there before it begins. */
static int bench_setup(const char *name, unsigned int contexts,
		       unsigned int threads, enum bench_run run)
{
	unsigned int i;
	int ret;

	bench_drain();
	bench_workers_free();
	bench_threads = 0;

	if (!contexts || contexts > BENCH_CONTEXTS || !threads ||
	    threads > BENCH_THREADS || threads > contexts)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(bench_peers); i++)
		if (!strcmp(bench_peers[i]->name, name))
			break;
	if (i == ARRAY_SIZE(bench_peers))
		return -ENOENT;

	bench_peer = bench_peers[i];
	bench_contexts = contexts;
	bench_threads = threads;
	for (i = 0; i < threads; i++) {
		bench_worker[i] = bench_worker_alloc(i, run);
		if (!bench_worker[i])
			goto err_free;
	}
	ret = bench_peer->prepare ? bench_peer->prepare(contexts) : 0;
	bench_prepared = !ret;
	return ret;

err_free:
	bench_workers_free();
	bench_threads = 0;
	return -ENOMEM;
}

static int bench_measure(const char *name, unsigned int contexts,
			 unsigned int threads, enum bench_run run)
{
	static int (* const all[])(struct bench_worker *w) = {
		bench_phase_fill, bench_phase_renew, bench_phase_shuffled,
		bench_phase_map, bench_phase_sync, bench_phase_drain, NULL
	};
	static int (* const use[])(struct bench_worker *w) = {
		bench_phase_fill, bench_phase_use, bench_phase_reset,
		bench_phase_alloc, bench_phase_video, bench_phase_drain, NULL
	};
	int (* const *phase)(struct bench_worker *w);
	unsigned int i;
	int ret;

	ret = bench_setup(name, contexts, threads, run);
	for (phase = run == BENCH_RUN_USE ? use : all; *phase && !ret; phase++)
		ret = bench_run_phase(*phase);
	bench_drain();
	for (i = 0; i < threads && !ret; i++)
		if (WARN_ON(bench_worker[i]->used != bench_worker[i]->room))
			ret = -ERANGE;
	if (ret) {
		/* No half results */
		bench_workers_free();
		bench_threads = 0;
	}
	return ret;
}

/* The same, with a mark before and after each sample. */
static int bench_measure_marked(const char *name, unsigned int contexts,
				enum bench_run run)
{
	struct device_node *np;
	void __iomem *smmu = NULL;
	u32 phandle = 0;
	int ret;

	of_property_read_u32_index(bench_parent->of_node, "iommu-map", 1, &phandle);
	np = of_find_node_by_phandle(phandle);
	if (np && of_device_is_compatible(np, "arm,smmu-v3"))
		smmu = of_iomap(np, 0);
	of_node_put(np);
	if (!smmu)
		return -EOPNOTSUPP;
	bench_mark = smmu + BENCH_MARK;
	ret = bench_measure(name, contexts, 1, run);
	bench_mark = NULL;
	iounmap(smmu);
	return ret;
}

/* For perf and for what counts memory: nothing is measured here */

static int bench_create_some(unsigned int from, unsigned int to)
{
	unsigned int i;
	int ret = 0;

	if (!bench_prepared || from > to || to > bench_contexts)
		return -EINVAL;
	for (i = from; i < to && !ret; i++)
		ret = bench_context[i] ? -EEXIST : bench_create(i);
	return ret;
}

static int bench_repeat(const char *name, size_t size, unsigned int count)
{
	struct bench_mapping m = {};
	unsigned int i;
	enum bench_op op;
	int ret = 0;

	if (!bench_prepared || !bench_context[bench_contexts - 1])
		return -EINVAL;
	for (op = BENCH_MAP_4K; op < BENCH_CREATE_USED; op += 2)
		if (!strcmp(bench_ops[op].name, name) &&
		    bench_ops[op].size == size)
			break;
	if (op >= BENCH_CREATE_USED)
		return -ENOENT;
	if (!bench_can(op))
		return -EOPNOTSUPP;

	for (i = 0; i < count && !ret; i++) {
		unsigned int context = i % bench_contexts;

		if (op == BENCH_SYNC_DEVICE)
			ret = bench_map(bench_worker[0], context,
					BENCH_MAP_64K, &m);
		if (!ret)
			ret = bench_map(bench_worker[0], context, op, &m);
		if (ret)
			break;
		bench_unmap(bench_worker[0], context, op, &m);
		if (op == BENCH_SYNC_DEVICE)
			bench_unmap(bench_worker[0], context, BENCH_MAP_64K,
				    &m);
		cond_resched();
		if (signal_pending(current))
			ret = -EINTR;
	}
	return ret;
}

/* In each context: so many mappings of 4 KiB at once, and none in the end */
static int bench_touch(unsigned int from, unsigned int to, unsigned int maps)
{
	static struct bench_mapping m[BENCH_TOUCHED];
	unsigned int i, n;
	int ret = 0;

	if (!bench_prepared || from > to || to > bench_contexts ||
	    maps > BENCH_TOUCHED)
		return -EINVAL;
	if (!bench_can(BENCH_MAP_4K) || (maps > 1 && bench_peer->map))
		return -EOPNOTSUPP;
	for (i = from; i < to && !ret; i++) {
		if (!bench_context[i])
			return -EINVAL;
		for (n = 0; n < maps && !ret; n++)
			ret = bench_map(bench_worker[0], i, BENCH_MAP_4K, &m[n]);
		/* The one that failed is not there */
		for (n -= ret ? 1 : 0; n; n--)
			bench_unmap(bench_worker[0], i, BENCH_MAP_4K, &m[n - 1]);
		cond_resched();
	}
	return ret;
}

/* What "run" writes: a command in one line */
static ssize_t bench_control(struct file *file, const char __user *ubuf,
			     size_t len, loff_t *pos)
{
	unsigned int a, b, c;
	char buf[64], name[24];
	ssize_t n;
	int ret;

	n = simple_write_to_buffer(buf, sizeof(buf) - 1, pos, ubuf, len);
	if (n < 0)
		return n;
	buf[n] = 0;

	mutex_lock(&bench_lock);
	if (sscanf(buf, "run %23s %u %u", name, &a, &b) == 3) {
		ret = bench_measure(name, a, b, BENCH_RUN_ALL);
	} else if (sscanf(buf, "use %23s %u %u", name, &a, &b) == 3) {
		ret = bench_measure(name, a, b, BENCH_RUN_USE);
	} else if (sscanf(buf, "marked-run %23s %u", name, &a) == 2) {
		ret = bench_measure_marked(name, a, BENCH_RUN_ALL);
	} else if (sscanf(buf, "marked-use %23s %u", name, &a) == 2) {
		ret = bench_measure_marked(name, a, BENCH_RUN_USE);
	} else if (sscanf(buf, "prepare %23s %u", name, &a) == 2) {
		ret = bench_setup(name, a, 1, BENCH_NO_RUN);
	} else if (sscanf(buf, "create %u %u", &a, &b) == 2) {
		ret = bench_create_some(a, b);
	} else if (sscanf(buf, "touch %u %u %u", &a, &b, &c) == 3) {
		ret = bench_touch(a, b, c);
	} else if (sscanf(buf, "repeat %23s %u %u", name, &a, &b) == 3) {
		ret = bench_repeat(name, a, b);
	} else if (sysfs_streq(buf, "destroy")) {
		bench_destroy_all();
		ret = 0;
	} else if (sysfs_streq(buf, "drain")) {
		bench_drain();
		ret = 0;
	} else {
		ret = -EINVAL;
	}
	mutex_unlock(&bench_lock);
	return ret ?: n;
}

static const struct file_operations bench_control_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= bench_control,
};

/* The samples of the last run, as lines of samples.csv */

static struct bench_sample *bench_nth(loff_t n)
{
	unsigned int i;

	for (i = 0; i < bench_threads; i++) {
		if (n < bench_worker[i]->used)
			return &bench_worker[i]->sample[n];
		n -= bench_worker[i]->used;
	}
	return NULL;
}

static void *bench_seq_start(struct seq_file *seq, loff_t *pos)
{
	mutex_lock(&bench_lock);
	return bench_nth(*pos);
}

static void *bench_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	return bench_nth(++*pos);
}

static void bench_seq_stop(struct seq_file *seq, void *v)
{
	mutex_unlock(&bench_lock);
}

static void bench_put_count(struct seq_file *seq, bool has, u64 count)
{
	seq_putc(seq, ',');
	if (has)
		seq_put_decimal_ull(seq, "", count);
}

static const char *bench_mode;

static int bench_seq_show(struct seq_file *seq, void *v)
{
	const struct bench_sample *s = v;

	seq_printf(seq, "%s,%s,%zu,%u,%u,%s,%u,%u,%u", bench_peer->name,
		   bench_ops[s->op].name, bench_ops[s->op].size, bench_contexts,
		   bench_threads, bench_mode, s->context, s->sample, s->aside);
	bench_put_count(seq, bench_has_instructions, s->count.instructions);
	bench_put_count(seq, bench_has_cycles, s->count.cycles);
	bench_put_count(seq, true, s->count.ns);
	seq_putc(seq, '\n');
	return 0;
}

static const struct seq_operations bench_samples_sops = {
	.start	= bench_seq_start,
	.next	= bench_seq_next,
	.stop	= bench_seq_stop,
	.show	= bench_seq_show,
};
DEFINE_SEQ_ATTRIBUTE(bench_samples);

static int bench_peers_show(struct seq_file *seq, void *v)
{
	const char * const *note;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bench_peers); i++) {
		seq_printf(seq, "%s,%s,", bench_peers[i]->name,
			   bench_peers[i]->isolated ? "yes" : "no");
		for (note = bench_peers[i]->notes; *note; note++)
			seq_printf(seq, "%s%s", *note, note[1] ? "; " : "\n");
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bench_peers);

static int bench_switches_show(struct seq_file *seq, void *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bench_peers); i++)
		if (bench_peers[i]->like)
			seq_printf(seq, "%s,%s,%s,%s\n", bench_peers[i]->name,
				   bench_peers[i]->step ? "yes" : "no",
				   bench_peers[i]->like, bench_peers[i]->with);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bench_switches);

static int bench_info_show(struct seq_file *seq, void *v)
{
	seq_printf(seq, "mode: %s\n", bench_mode);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bench_info);

/* What these figures are for: asked of a context, not of the command line. */
static int bench_find_mode(void)
{
	struct device *dev = bench_subdev.create(0);

	if (IS_ERR(dev)) {
		dev_err(bench_parent, "gives no context for input ID 0x%x: %pe\n",
			bench_first_id, dev);
		return PTR_ERR(dev);
	}
	bench_mode = iommu_get_domain_for_dev(dev)->type == IOMMU_DOMAIN_DMA_FQ ?
		     "lazy" : "strict";
	bench_subdev.destroy(dev, 0);
	return 0;
}

/* The rig's parent: it does nothing */

static int bench_parent_probe(struct platform_device *pdev)
{
	return dma_set_mask_and_coherent(&pdev->dev, BENCH_MASK);
}

static const struct of_device_id bench_parent_of_match[] = {
	{ .compatible = "iommu-subdev,bench" },
	{ }
};
MODULE_DEVICE_TABLE(of, bench_parent_of_match);

static struct platform_driver bench_parent_driver = {
	.probe	= bench_parent_probe,
	.driver	= {
		.name			= "subdev-bench",
		.of_match_table		= bench_parent_of_match,
		.suppress_bind_attrs	= true,
	},
};

static int __init bench_init(void)
{
	int ret;

	ret = platform_driver_register(&bench_parent_driver);
	if (ret)
		return ret;
	ret = platform_driver_register(&bench_direct_driver);
	if (ret)
		goto err_parent_driver;
	if (device)
		bench_parent = bus_find_device_by_name(&platform_bus_type, NULL,
						       device);
	else
		bench_parent =
			platform_find_device_by_driver(NULL,
						       &bench_parent_driver.driver);
	if (!bench_parent) {
		pr_err("there is no platform device %s\n",
		       device ?: "iommu-subdev,bench: name one with device=");
		ret = -ENODEV;
		goto err_direct_driver;
	}
	bench_first_id = first_id;
	ret = bench_find_mode();
	if (ret)
		goto err_put;

	bench_dir = debugfs_create_dir("subdev-bench", NULL);
	debugfs_create_file("control", 0200, bench_dir, NULL,
			    &bench_control_fops);
	debugfs_create_file("samples", 0400, bench_dir, NULL,
			    &bench_samples_fops);
	debugfs_create_file("peers", 0400, bench_dir, NULL, &bench_peers_fops);
	debugfs_create_file("switches", 0400, bench_dir, NULL,
			    &bench_switches_fops);
	debugfs_create_file("info", 0400, bench_dir, NULL, &bench_info_fops);
	return 0;

err_put:
	put_device(bench_parent);
err_direct_driver:
	platform_driver_unregister(&bench_direct_driver);
err_parent_driver:
	platform_driver_unregister(&bench_parent_driver);
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(bench_dir);
	bench_drain();
	bench_workers_free();
	put_device(bench_parent);
	platform_driver_unregister(&bench_direct_driver);
	platform_driver_unregister(&bench_parent_driver);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("What an isolated DMA context costs");
MODULE_LICENSE("GPL");
/* What MODULE_IMPORT_NS() is, whose argument is another in 6.12 */
MODULE_INFO(import_ns, "DMA_BUF");
