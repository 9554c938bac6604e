/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _BENCH_H
#define _BENCH_H

#include <linux/device.h>
#include <linux/types.h>

#define BENCH_CONTEXTS	1024
#define BENCH_MASK	DMA_BIT_MASK(48)

/*
 * One way to get a DMA context. To add one, write its file and put it into
 * bench_peers[]. Functions may be called by several threads, for different
 * contexts.
 */
struct bench_peer {
	const char *name;
	/* What it does not do that others do, no commas, up to a NULL */
	const char * const *notes;
	/* The peer that it is like, and what it has that the other has not */
	const char *like;
	const char *with;
	bool isolated;
	/* On the way from one peer to another: is only created and destroyed */
	bool step;

	/* Not a part of what is measured; for contexts 0 to @n - 1 */
	int (*prepare)(unsigned int n);
	void (*unprepare)(unsigned int n);

	/* Never NULL */
	struct device *(*create)(unsigned int context);
	void (*destroy)(struct device *dev, unsigned int context);
	/* Makes a context as new for its next user; NULL if there is no such call */
	int (*reset)(struct device *dev, unsigned int context);

	/* For a peer that the DMA API knows nothing of */
	int (*map)(unsigned int context, phys_addr_t phys, size_t size);
	void (*unmap)(unsigned int context, size_t size);
};

/* The device whose contexts these are, and the input ID of the first one */
extern struct device *bench_parent;
extern u32 bench_first_id;

extern const struct bench_peer bench_subdev;
extern const struct bench_peer bench_subdev_pasid;
extern const struct bench_peer bench_host1x;
extern const struct bench_peer bench_host1x_lean;
extern const struct bench_peer bench_context_bus;
extern const struct bench_peer bench_context_bus_no_uevents;
extern const struct bench_peer bench_context_bus_no_pm;
extern const struct bench_peer bench_context_bus_lean;
extern const struct bench_peer bench_context_bus_no_log;
extern const struct bench_peer bench_context_bus_leanest;
extern const struct bench_peer bench_platform;
extern const struct bench_peer bench_direct;
extern const struct bench_peer bench_aux;
extern const struct bench_peer bench_floor;

extern struct platform_driver bench_direct_driver;

#endif /* _BENCH_H */
