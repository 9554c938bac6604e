/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of the rig share: they run as init on the emulated machine
 */
#ifndef _RIG_H
#define _RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "module/subdev-rig.h"

#define PAGE		4096
/* What an engine moves at a time: all of its memory */
#define CHUNK		2048
#define ENGINES		4
/* The machine with the drivers that use sub-devices has one more */
#define ENGINES_MAX	5
/* The accelerator's device and the names of its parts in sysfs */
#define ACCEL		(devices->accel)
#define ACCEL_DEV	"/dev/edu-accel"
#define ACCEL_DRIVER	"/sys/bus/platform/drivers/edu-accel"
#define SUBDEVS		"/sys/bus/iommu_subdev/devices"
/* Its stream ID is another device's */
#define HOST_BRIDGE_NAME "0000:00:00.0"
#define HOST_BRIDGE	"/sys/bus/pci/devices/" HOST_BRIDGE_NAME
/* Where the IOMMU is virtio-iommu, whose PCI device can be unplugged */
#define VIOMMU		"virtio0"
#define VIOMMU_DRIVER	"/sys/bus/virtio/drivers/virtio_iommu"
#define VIOMMU_SLOT	"0000:00:1e.0"
#define VIOMMU_PCI	"/sys/bus/pci/devices/" VIOMMU_SLOT

#ifdef __riscv
#define ON_RISCV	true
#else
#define ON_RISCV	false
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* rig.c: the machine */
/* What Linux calls the nodes of machine.dts, or the devices of acpi/ssdt.asl */
struct device_names {
	const char *accel, *parent, *no_map, *absent, *smmu;
};

extern const struct device_names *devices;
bool on_acpi(void);

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void power_off(void) __attribute__((noreturn));
void mount_all(void);
/* The value of NAME= on the kernel's command line, or NULL */
const char *cmdline(const char *name);
int load_module(const char *name);
int load_module_with(const char *name, const char *params);
/* The drivers of the IOMMUs that machines of this architecture have */
int load_iommus(void);
int unload_module(const char *name);
/* Without the newline; "" when it cannot be read. The buffer is static. */
const char *read_file(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
/* 0 or a negative errno */
int write_file(const char *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool exists(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What a symbolic link ends in, for example the number of a group */
const char *link_name(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
unsigned int count_dir(const char *path);
/* Idle time costs nothing on the emulated machine */
void sleep_ms(unsigned int ms);

/*
 * The type of domain of a device that is not ours. Its driver waits for the IOMMU, and
 * is tried again by a work item.
 */
const char *domain_of_pci(void);

/* The kernel's log from the last call on; how many lines have both of TEXT, or any */
void log_skip(void);
unsigned int log_count(const char *text, const char *text2);
bool log_has(const char *text, const char *text2);
/* True when a line with FIRST comes before the first line with THEN */
bool log_has_in_order(const char *first, const char *then);
/* Before a DMA that will be stopped; then whether its fault named the right one */
struct context;
void log_await_faults(void);
bool log_has_fault(const struct context *ctx);
/*
 * WARN, BUG and the like since boot, on a board since the start, printed; returns
 * their number. FAULTS: without those of an allocation that was made to fail
 */
unsigned int log_splats(bool faults);
/* What a kernel with CONFIG_DEBUG_KMEMLEAK has lost, printed; their number */
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
unsigned int memory_leaks(void);
void log_dump(void);

/* The engines, from the outside: board firmware, and hardware run amok */
void engines_power_up(void);
/*
 * Lets engine N move CHUNK bytes between its memory and an address, whoever has
 * it, and waits for that. engine_raw_write() does both, towards the address
 */
void engine_raw_start(unsigned int n, uint64_t address, bool to_memory);
void engine_raw_wait(unsigned int n);
void engine_raw_write(unsigned int n, uint64_t address);
uint64_t physical_address(void *p);

/* Whether the machine's IOMMU is virtio-iommu; to be asked while its driver is there */
bool has_virtio_iommu(void);
/* Takes it out of the machine; then whatever was taken out of PCI comes back */
int viommu_remove(void);
int pci_rescan(void);
void give_host_bridge_its_iommu(void);

/* The module of the rig; 0 or a negative errno */
int rig_do(struct subdev_rig *rig, enum subdev_rig_op op);

/* accel.c: the accelerator as its users see it */
struct buffer {
	uint64_t iova;
	size_t size;
	uint8_t *mem;
};

struct context {
	int fd;
	unsigned int engine;
	unsigned int input_id;
	char name[48];
	/* Mapped memory keeps a file open, so close has to know it */
	struct buffer mapped[16];
	unsigned int nr_mapped;
};

int context_open(struct context *ctx);
void context_close(struct context *ctx);
int context_alloc(struct context *ctx, struct buffer *buf, size_t size);
/* A dma-buf of BUF; then its address in a context, and its size. Or a negative errno */
int context_export(struct context *ctx, const struct buffer *buf);
int context_import(struct context *ctx, int fd, uint64_t *iova);
/* CHUNK bytes between memory and the engine; 0 or a negative errno */
int dma_to_engine(struct context *ctx, uint64_t iova);
int dma_from_engine(struct context *ctx, uint64_t iova);
/*
 * What its driver was told of: anything, within a time; before a DMA that will be
 * stopped; then whether it was the one at IOVA, which is forgotten
 */
bool context_has_fault(struct context *ctx, unsigned int ms);
void context_forget_faults(struct context *ctx);
bool context_faulted(struct context *ctx, uint64_t iova, bool write);

const char *domain_of(const char *subdev);
unsigned int stream_of(unsigned int engine);

int run_main(void);
int check_main(const char *suite);
int selftest_main(void);
/* Ends the kernel as the boot is called, the first time; returns in the next one */
void end_kernel(const char *how);

#endif /* _RIG_H */
