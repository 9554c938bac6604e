/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/edu-accel: each open file is a context, with an engine and an address
 * space of its own
 *
 * Fields called "flags" are for later and have to be 0. Once the driver has been
 * unbound, every ioctl and mmap() of a file that is still open gets ENODEV. What
 * is mapped already stays valid.
 */
#ifndef _EDU_ACCEL_H
#define _EDU_ACCEL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EDU_ACCEL_MAX_SIZE	(2 << 20)

/**
 * struct edu_accel_info - What the context is made of
 * @engine: number of the engine
 * @input_id: the ID of its DMA, the key of the device's iommu-map
 * @memory_size: bytes of memory in the engine
 * @flags: 0
 * @name: the context's device in /sys/bus/iommu_subdev/devices
 */
struct edu_accel_info {
	__u32 engine;
	__u32 input_id;
	__u32 memory_size;
	__u32 flags;
	char name[48];
};

/**
 * struct edu_accel_alloc - A zeroed buffer that the engine can reach
 * @size: bytes, a multiple of the page size, at most EDU_ACCEL_MAX_SIZE
 * @flags: 0
 * @iova: returned, the buffer's address for the engine
 * @mmap_offset: returned, the offset at which mmap() has it, MAP_SHARED
 *
 * It stays until the file is closed and nothing of it is mapped any more.
 */
struct edu_accel_alloc {
	__u64 size;
	__u64 flags;
	__u64 iova;
	__u64 mmap_offset;
};

/**
 * struct edu_accel_export - A dma-buf of a buffer, to be passed on
 * @iova: the buffer's, of EDU_ACCEL_ALLOC
 * @fd: returned, the file descriptor of the dma-buf, close-on-exec
 * @flags: 0
 *
 * The buffer stays for as long as there is a dma-buf of it, also when the context
 * has ended.
 */
struct edu_accel_export {
	__u64 iova;
	__s32 fd;
	__u32 flags;
};

/**
 * struct edu_accel_import - A dma-buf, whoever's, that the engine can reach
 * @fd: the file descriptor of the dma-buf, which may be closed afterwards
 * @flags: 0
 * @iova: returned, the address for the engine, of all of it
 * @size: returned, bytes
 *
 * It stays until the file is closed.
 */
struct edu_accel_import {
	__s32 fd;
	__u32 flags;
	__u64 iova;
	__u64 size;
};

enum edu_accel_direction {
	EDU_ACCEL_TO_ENGINE,
	EDU_ACCEL_FROM_ENGINE,
};

/**
 * struct edu_accel_run - Copy between memory and the engine, and wait for it
 * @iova: any address; what the IOMMU stops reads as nothing and writes nowhere,
 *	which the engine does not notice, but EDU_ACCEL_FAULT reports
 * @offset: in the engine's memory
 * @length: bytes, at least 1; @offset + @length is at most the memory's size
 * @direction: one of &enum edu_accel_direction
 * @flags: 0
 *
 * An engine that does not end gives ETIMEDOUT, and EIO from then on.
 */
struct edu_accel_run {
	__u64 iova;
	__u32 offset;
	__u32 length;
	__u32 direction;
	__u32 flags;
};

/**
 * struct edu_accel_fault - What the IOMMU has stopped since this was asked last
 * @count: returned, how many accesses
 * @iova: returned, the address of the first one
 * @write: returned, 1 if that was a write to memory, 0 if it was a read
 * @flags: returned, 0
 *
 * While there are any, poll() says POLLPRI. An access is reported a moment after
 * EDU_ACCEL_RUN has returned, and not all of them are when there are many.
 */
struct edu_accel_fault {
	__u64 count;
	__u64 iova;
	__u32 write;
	__u32 flags;
};

#define EDU_ACCEL_INFO	_IOR(0xed, 0, struct edu_accel_info)
#define EDU_ACCEL_ALLOC	_IOWR(0xed, 1, struct edu_accel_alloc)
#define EDU_ACCEL_RUN	_IOW(0xed, 2, struct edu_accel_run)
#define EDU_ACCEL_FAULT	_IOR(0xed, 3, struct edu_accel_fault)
#define EDU_ACCEL_EXPORT	_IOWR(0xed, 4, struct edu_accel_export)
#define EDU_ACCEL_IMPORT	_IOWR(0xed, 5, struct edu_accel_import)

#endif /* _EDU_ACCEL_H */
