/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock IOMMU, parents whose streams it translates, and what the tests of
 * sub-devices have in common
 */
#ifndef IOMMU_SUBDEV_TEST_H
#define IOMMU_SUBDEV_TEST_H

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/of.h>
#include <linux/platform_device.h>

/* The mock IOMMU */

#define MOCK_NR_STREAMS		64
#define MOCK_FAULT		((phys_addr_t)-1)
#define MOCK_PGSIZES		(SZ_4K | SZ_16K | SZ_64K)
#define MOCK_ADDR_BITS		48

/* Holds what comes there first until the test lets it go on. */
struct mock_gate {
	struct completion reached;
	struct completion go;
};

enum mock_grouping {
	MOCK_GROUP_EACH_DEVICE,
	MOCK_GROUP_EACH_STREAM,
	MOCK_GROUP_SINGLE,
};

/* What one mock IOMMU does instead of working. Zero is a good IOMMU. */
struct mock_behaviour {
	enum mock_grouping grouping;
	/* A stream may have several devices, as on SMMUv2 */
	bool shared_streams;
	/* Streams that differ in these bits only are one, as on SMMUv2 */
	u32 ignored_bits;
	/* Firmware does not tell what is behind it, as on x86 */
	bool without_firmware;
	/* Its driver does not tell the core which device it is */
	bool without_device;
	/* Its streams have no numbers */
	bool without_ids;
	/* Ask firmware for the streams again in probe_device, as Tegra's SMMU does */
	bool probe_adds_ids;
	/* Let other threads run where the core may not expect it */
	bool yield;
	/* Link itself to each client, as SMMUv2 does */
	bool link_clients;
	/* Leave attaching to the first mapping, as others do in a kdump kernel */
	bool defer_attach;
	/* How many domains can be attached, as on SMMUv2; 0 is no limit */
	unsigned int contexts;
	/* As if it were unregistered between firmware's answer and the probe */
	bool go_when_found;
	int def_domain_type;
	int xlate_err;
	int probe_err;
	int group_err;
	int alloc_err;
	int attach_err;
	int resume_err;
	void (*resumed)(void);
	void (*finalize)(struct device *dev);
	struct mock_gate *xlate_gate;
	struct mock_gate *attach_gate;
	struct mock_gate *block_gate;
	struct mock_gate *finalize_gate;
};

struct mock_stream {
	struct iommu_domain *domain;
	struct device *dev;
	struct iommu_group *group;
	/* How many devices it has */
	int users;
};

struct mock_iommu {
	struct iommu_device iommu;
	struct iommu_ops ops;
	struct device *dev;
	bool registered;
	struct mock_behaviour does;
	struct mock_stream stream[MOCK_NR_STREAMS];
	/* How many there are now */
	atomic_t devices;
	atomic_t groups;
	atomic_t domains;
	atomic_t contexts;
	/* How often it was resumed */
	unsigned int resumes;
	/* Pages still mapped in a domain that was freed */
	atomic_t forgotten_pages;
	/* Domains freed while a stream was attached to them */
	atomic_t freed_in_use;
	/* Sub-devices attached to a domain that does not translate, for a moment at least */
	atomic_t exposed;
	/* Old domains that were not attached */
	atomic_t not_attached;
	/* Sub-devices that it took though firmware did not tell */
	int taken;
};

struct mock_domain {
	struct iommu_domain domain;
	struct mock_iommu *mock;
	struct io_pgtable_ops *pgtable;
	atomic_t pages;
	bool has_context;
	int last_prot;
};

#define to_mock_domain(d) container_of(d, struct mock_domain, domain)

extern struct mock_iommu mock_iommus[2];
extern struct iommu_domain mock_blocked_domain;
extern struct iommu_domain mock_identity_domain;
extern struct iommu_domain mock_platform_domain;

/* What a test wants to happen while the driver of the IOMMU comes or goes */
extern void (*mock_on_change)(void);

struct iommu_domain *mock_domain_alloc_paging(struct device *dev);
int mock_register(struct mock_iommu *mock);
void mock_unregister(struct mock_iommu *mock);
void mock_attach_streams(struct iommu_domain *domain, struct device *dev);
void mock_release_device(struct device *dev);
void mock_forget_devices(struct mock_iommu *mock);
void mock_init_gate(struct mock_gate *gate);
void mock_gate_pass(struct mock_gate **where);
phys_addr_t mock_dma(struct mock_iommu *mock, unsigned int stream, dma_addr_t iova);
bool mock_is_blocked(struct mock_iommu *mock, unsigned int stream);
void mock_expect_left(struct kunit *test, struct mock_iommu *mock, int n);
void mock_expect_translated(struct kunit *test, struct device *dev,
			    struct mock_iommu *mock, unsigned int stream);

/* What each test starts with, and what it must leave behind */

struct subdev_test {
	/* Of parent-a, which leads ID n to stream 0x10 + n of the mock */
	struct device *parent;
	/* Of parent-b, which leads ID n to stream 0x20 + n of the mock */
	struct device *parent_b;
	struct mock_iommu *mock;
	unsigned int refs;
	unsigned int overlay_refs;
};

#define STREAM_A(id)	(0x10 + (id))
#define STREAM_B(id)	(0x20 + (id))

/* What a test wants to happen in the parent's driver */
extern int (*subdev_test_on_probe)(struct device *parent);
extern void (*subdev_test_on_remove)(struct device *parent);
extern int (*subdev_test_on_resume)(struct device *parent);
extern struct platform_driver subdev_test_parent_driver;

int subdev_test_init(struct kunit *test);
void subdev_test_exit(struct kunit *test);
struct device_node *subdev_test_find_node(struct kunit *test, const char *name);
struct device *subdev_test_add_device(struct kunit *test, const char *name);
void subdev_test_del_device(struct kunit *test, struct device *dev);
unsigned int subdev_test_node_refs(struct subdev_test *t);
struct page *subdev_test_page(struct kunit *test);
bool subdev_test_none_left(void);
struct kernfs_node *subdev_test_group_node(struct device *dev);
ssize_t subdev_test_write_type(struct kernfs_node *group, const char *type);
bool subdev_test_allow_faults(bool pages);

/*
 * With CONFIG_DEBUG_KOBJECT_RELEASE devices, groups and nodes are released seconds
 * after their last user is gone. Without it there is nothing to wait for.
 */
#define wait_for_release(cond)						\
	do {								\
		int tries = IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE) ?	\
			    1000 : 0;					\
									\
		while (!(cond) && tries--)				\
			msleep(20);					\
	} while (0)

/* The same for who cannot see it, but needs a context or a group that is free */
static inline void subdev_test_let_release(void)
{
	/* A device, a folder of its group and the group, for up to 4 s each */
	if (IS_ENABLED(CONFIG_DEBUG_KOBJECT_RELEASE))
		ssleep(20);
}

/* The creates */

typedef struct device *(*subdev_create_fn)(struct device *parent, u32 stream_id);

/*
 * All forms of create. The first of them take an ID; to the others it is the
 * number of a child node of parent-a, which leads to the same stream, and to
 * another one.
 */
#define SUBDEV_TEST_NR_ID_FORMS	2
extern const subdev_create_fn subdev_test_forms[4];

/* Every second form is managed. */
static inline bool subdev_test_is_managed(int form)
{
	return form & 1;
}

struct device *subdev_test_create_of_node(struct device *parent, u32 stream_id);
struct device *subdev_test_devm_create_of_node(struct device *parent, u32 stream_id);
struct device *subdev_test_must_create(struct kunit *test, struct device *parent,
				       u32 id);
void subdev_expect_refused(struct kunit *test, struct device *parent, u32 id, int err);
void subdev_expect_works(struct kunit *test, struct device *parent, u32 id,
			 struct mock_iommu *mock, unsigned int stream);

/* Threads */

struct subdev_thread {
	struct kunit *test;
	struct task_struct *task;
	struct completion done;
	void (*run)(struct subdev_thread *thread);
	subdev_create_fn create;
	struct device *subdev;
	u32 id;
	unsigned int won;
	unsigned int bad;
};

bool subdev_test_run_thread(struct kunit *test, struct subdev_thread *thread,
			    void (*run)(struct subdev_thread *thread));
/* Until it waits for a lock, or for a completion. */
bool subdev_test_wait_asleep(struct subdev_thread *thread);
void subdev_test_join_thread(struct subdev_thread *thread);

#define SUBDEV_TEST_SUITE(_what, _cases, ...)			\
static struct kunit_suite _cases##_suite = {			\
	.name		= "iommu_subdev" _what,			\
	.init		= subdev_test_init,			\
	.exit		= subdev_test_exit,			\
	.test_cases	= _cases,				\
	__VA_ARGS__						\
}

#endif /* IOMMU_SUBDEV_TEST_H */
