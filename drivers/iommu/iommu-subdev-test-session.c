// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for iommu_subdev_reset(): a context that is kept for its next user
 */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/kernfs.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "iommu-subdev-test.h"

static dma_addr_t must_map(struct kunit *test, struct device *subdev,
			   struct page *page, size_t size)
{
	dma_addr_t iova = dma_map_page(subdev, page, 0, size, DMA_BIDIRECTIONAL);

	KUNIT_ASSERT_EQ(test, dma_mapping_error(subdev, iova), 0);
	return iova;
}

static void unmap(struct device *subdev, dma_addr_t iova, size_t size)
{
	dma_unmap_page(subdev, iova, size, DMA_BIDIRECTIONAL);
}

/* The stream is blocked and free for others. */
static void expect_ended(struct kunit *test, struct device *subdev)
{
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENODEV);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* Used in all ways and given back, each form serves one session after the other. */
static void subdev_test_reset_again(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = alloc_pages(GFP_KERNEL, 6);
	struct device *subdev;
	struct scatterlist sg[2];
	dma_addr_t iova, last = 0;
	void *mem;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (int form = 0; form < ARRAY_SIZE(subdev_test_forms); form++) {
		subdev = subdev_test_forms[form](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		for (int session = 0; session < 3; session++) {
			/* The last two sizes are not cached */
			for (int order = 0; order <= 6; order++) {
				iova = must_map(test, subdev, page, PAGE_SIZE << order);
				KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova),
						page_to_phys(page));
				unmap(subdev, iova, PAGE_SIZE << order);
			}
			sg_init_table(sg, 2);
			sg_set_page(&sg[0], page, PAGE_SIZE, 0);
			sg_set_page(&sg[1], page, 3 * PAGE_SIZE, 0);
			KUNIT_EXPECT_GT(test, dma_map_sg(subdev, sg, 2, DMA_TO_DEVICE), 0);
			dma_unmap_sg(subdev, sg, 2, DMA_TO_DEVICE);
			mem = dma_alloc_coherent(subdev, SZ_64K, &last, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, mem);
			dma_free_coherent(subdev, SZ_64K, mem, last);

			KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
			/* Nobody else has it meanwhile */
			subdev_expect_refused(test, t->parent, 1,
					      form < SUBDEV_TEST_NR_ID_FORMS ?
					      -EEXIST : -EBUSY);
		}
		iommu_subdev_destroy(subdev);
	}
	__free_pages(page, 6);
}

/*
 * What is left mapped ends the context. Its last user may still unmap, with a
 * reference, and reaches nothing of what the next one has.
 */
static void subdev_test_reset_left(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test), *other = subdev_test_page(test);
	struct device *subdev, *next;
	dma_addr_t iova, next_iova;

	for (int form = 0; form < ARRAY_SIZE(subdev_test_forms); form++) {
		subdev = subdev_test_forms[form](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		get_device(subdev);
		/* One of two, of a size that is in the rcaches as well */
		iova = must_map(test, subdev, page, PAGE_SIZE);
		unmap(subdev, must_map(test, subdev, other, PAGE_SIZE), PAGE_SIZE);

		KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENOTEMPTY);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENODEV);
		iommu_subdev_destroy(subdev);

		next = subdev_test_must_create(test, t->parent, 1);
		next_iova = must_map(test, next, other, PAGE_SIZE);
		unmap(subdev, iova, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), next_iova),
				page_to_phys(other));
		put_device(subdev);
		unmap(next, next_iova, PAGE_SIZE);
		iommu_subdev_destroy(next);
		mock_expect_left(test, t->mock, 0);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	__free_page(other);
	__free_page(page);
}

static dma_addr_t map_resource(struct kunit *test, struct device *subdev,
			       phys_addr_t phys, size_t size)
{
	dma_addr_t iova = dma_map_resource(subdev, phys, size, DMA_TO_DEVICE, 0);

	KUNIT_ASSERT_EQ(test, dma_mapping_error(subdev, iova), 0);
	return iova;
}

static void unmap_resource(struct device *subdev, dma_addr_t iova, size_t size)
{
	dma_unmap_resource(subdev, iova, size, DMA_TO_DEVICE, 0);
}

/* Coherent memory, a scatterlist, and a size that is never cached are found, too. */
static void subdev_test_reset_left_kinds(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	struct device *subdev;
	struct scatterlist sg;
	dma_addr_t iova;
	void *mem;

	for (int kind = 0; kind < 3; kind++) {
		subdev = get_device(subdev_test_must_create(test, t->parent, 1));
		sg_init_table(&sg, 1);
		sg_set_page(&sg, page, PAGE_SIZE, 0);
		if (kind == 0)
			mem = dma_alloc_coherent(subdev, SZ_16K, &iova, GFP_KERNEL);
		else if (kind == 1)
			KUNIT_EXPECT_EQ(test, dma_map_sg(subdev, &sg, 1, DMA_TO_DEVICE), 1);
		else
			iova = map_resource(test, subdev, BIT_ULL(40), SZ_1M);

		KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENOTEMPTY);
		if (kind == 0)
			dma_free_coherent(subdev, SZ_16K, mem, iova);
		else if (kind == 1)
			dma_unmap_sg(subdev, &sg, 1, DMA_TO_DEVICE);
		else
			unmap_resource(subdev, iova, SZ_1M);
		iommu_subdev_destroy(subdev);
		put_device(subdev);
	}
	__free_page(page);
}

/* Enough for the magazines and the depot of a size; see IOVA_MAG_SIZE. */
#define RESET_MANY	(127 * 5 + 1)

/* However much was mapped at a time, one mapping that is left is found. */
static void subdev_test_reset_many(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	dma_addr_t *iovas;

	iovas = kunit_kcalloc(test, RESET_MANY, sizeof(*iovas), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iovas);
	get_device(subdev);
	for (int left = 0; left < 2; left++) {
		for (int i = 0; i < RESET_MANY; i++)
			iovas[i] = map_resource(test, subdev, BIT_ULL(40) + i * PAGE_SIZE,
						PAGE_SIZE);
		for (int i = left; i < RESET_MANY; i++)
			unmap_resource(subdev, iovas[i], PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), left ? -ENOTEMPTY : 0);
	}
	unmap_resource(subdev, iovas[0], PAGE_SIZE);
	iommu_subdev_destroy(subdev);
	put_device(subdev);
}

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
/* What a CPU cannot cache, as memory is short, is free all the same. */
static void subdev_test_reset_enomem(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;
	dma_addr_t *iovas;

	if (!subdev_test_allow_faults(false))
		kunit_skip(test, "needs CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC");
	iovas = kunit_kcalloc(test, RESET_MANY, sizeof(*iovas), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iovas);
	subdev = subdev_test_must_create(test, t->parent, 1);
	for (int i = 0; i < RESET_MANY; i++)
		iovas[i] = map_resource(test, subdev, BIT_ULL(40) + i * PAGE_SIZE, PAGE_SIZE);
	for (int i = 0; i < RESET_MANY; i++) {
		current->fail_nth = 1;
		unmap_resource(subdev, iovas[i], PAGE_SIZE);
		current->fail_nth = 0;
	}
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
	iommu_subdev_destroy(subdev);
}
#endif

static unsigned int lazy_flushes;
static struct iommu_domain_ops lazy_ops;

static void count_flush(struct iommu_domain *domain)
{
	lazy_flushes++;
}

/* With lazy invalidation there is a flush after the last unmap. */
static void subdev_test_reset_lazy(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct kernfs_node *group = subdev_test_group_node(subdev);
	struct iommu_domain *domain = iommu_get_domain_for_dev(subdev);
	const struct iommu_domain_ops *ops = domain->ops;
	dma_addr_t iova;

	KUNIT_ASSERT_GT(test, subdev_test_write_type(group, "DMA-FQ"), 0);
	kernfs_put(group);
	lazy_ops = *ops;
	lazy_ops.flush_iotlb_all = count_flush;
	domain->ops = &lazy_ops;

	for (int i = 0; i < 3; i++) {
		for (int order = 0; order < 2; order++)
			unmap(subdev, must_map(test, subdev, page, PAGE_SIZE), PAGE_SIZE);
		lazy_flushes = 0;
		KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
		KUNIT_EXPECT_GE(test, lazy_flushes, 1);
	}
	get_device(subdev);
	iova = must_map(test, subdev, page, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENOTEMPTY);
	unmap(subdev, iova, PAGE_SIZE);

	domain->ops = ops;
	iommu_subdev_destroy(subdev);
	put_device(subdev);
	__free_page(page);
}

static void note(void *data)
{
	++*(unsigned int *)data;
}

/* What is managed on the context goes with the session. */
static void subdev_test_reset_managed(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	unsigned int released = 0;
	dma_addr_t iova;

	KUNIT_ASSERT_NOT_NULL(test, dmam_alloc_coherent(subdev, PAGE_SIZE, &iova, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, note, &released));
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
	KUNIT_EXPECT_EQ(test, released, 1);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), iova), MOCK_FAULT);
	iommu_subdev_destroy(subdev);
	KUNIT_EXPECT_EQ(test, released, 1);
}

static void note_fault(struct device *subdev, dma_addr_t iova, bool write, void *data)
{
	note(data);
}

/* While what is managed is released */
static void fault_meanwhile(void *data)
{
	struct subdev_test *t = data;

	iommu_report_stream_fault(&t->mock->iommu, STREAM_A(1), 0, IOMMU_FAULT_READ);
}

/* The next user's faults are not told to the last one. */
static void subdev_test_reset_handler(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	unsigned int faults = 0;

	iommu_subdev_set_fault_handler(subdev, note_fault, &faults);
	KUNIT_EXPECT_TRUE(test, iommu_report_stream_fault(&t->mock->iommu, STREAM_A(1),
							  0, IOMMU_FAULT_READ));
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, fault_meanwhile, t));
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
	KUNIT_EXPECT_FALSE(test, iommu_report_stream_fault(&t->mock->iommu, STREAM_A(1),
							   0, IOMMU_FAULT_READ));
	KUNIT_EXPECT_EQ(test, faults, 1);
	/* A new one can be set */
	iommu_subdev_set_fault_handler(subdev, note_fault, &faults);
	KUNIT_EXPECT_TRUE(test, iommu_report_stream_fault(&t->mock->iommu, STREAM_A(1),
							  0, IOMMU_FAULT_READ));
	KUNIT_EXPECT_EQ(test, faults, 2);
	iommu_subdev_destroy(subdev);
}

/* As long as a domain of the driver's own is attached, nothing is done. */
static void subdev_test_reset_own_domain(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	struct iommu_domain *domain = iommu_paging_domain_alloc(subdev);
	unsigned int released = 0;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, note, &released));
	KUNIT_ASSERT_EQ(test, 0, iommu_attach_device(domain, subdev));
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -EBUSY);
	KUNIT_EXPECT_EQ(test, released, 0);
	iommu_detach_device(domain, subdev);
	iommu_domain_free(domain);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), 0);
	KUNIT_EXPECT_EQ(test, released, 1);
	iommu_subdev_destroy(subdev);
}

#ifdef kunit_warning_suppress
/* More than there is: the IOVAs that are cached go back to the rbtree for it. */
static void empty_rcaches(struct kunit *test, struct device *subdev)
{
	dma_addr_t iova = dma_map_resource(subdev, 0, BIT_ULL(50), DMA_TO_DEVICE, 0);

	KUNIT_EXPECT_NE(test, dma_mapping_error(subdev, iova), 0);
}

/* A free that is too small leaves the rest mapped, and is no free of it. */
static void subdev_test_reset_short_unmap(struct kunit *test)
{
	/* What is unmapped is of a size that is cached, but for the last two */
	static const struct { size_t mapped, unmapped; } cases[] = {
		{ SZ_16K, SZ_4K }, { SZ_256K, SZ_128K }, { SZ_1M, SZ_64K },
		{ SZ_256K, SZ_256K - SZ_4K }, { 34 * SZ_4K, 33 * SZ_4K },
	};
	struct subdev_test *t = test->priv;
	struct device *subdev;
	dma_addr_t iova;

	for (int empty = 0; empty < 2; empty++) {
		for (int i = 0; i < ARRAY_SIZE(cases); i++) {
			subdev = subdev_test_must_create(test, t->parent, 1);
			iova = map_resource(test, subdev, BIT_ULL(40), cases[i].mapped);
			/* dma-debug warns of it */
			kunit_warning_suppress(test)
				unmap_resource(subdev, iova, cases[i].unmapped);
			if (empty)
				empty_rcaches(test, subdev);
			KUNIT_EXPECT_EQ_MSG(test, iommu_subdev_reset(subdev), -ENOTEMPTY,
					    "case %d, empty %d", i, empty);
			iommu_subdev_destroy(subdev);
			subdev_test_let_release();
			KUNIT_EXPECT_EQ(test, atomic_xchg(&t->mock->forgotten_pages, 0),
					(cases[i].mapped - cases[i].unmapped) >> PAGE_SHIFT);
		}
	}
}

/* An unmap of the end of one buffer and the start of its neighbour frees neither. */
static void subdev_test_reset_shifted_unmap(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);
	dma_addr_t high = map_resource(test, subdev, BIT_ULL(40), SZ_256K);
	dma_addr_t low = map_resource(test, subdev, BIT_ULL(41), SZ_256K);
	dma_addr_t next;

	KUNIT_ASSERT_EQ(test, high, low + SZ_256K);
	kunit_warning_suppress(test)
		unmap_resource(subdev, low + SZ_128K, SZ_256K);
	next = map_resource(test, subdev, BIT_ULL(42), SZ_256K);
	KUNIT_EXPECT_TRUE(test, next + SZ_256K <= low || next >= high + SZ_256K);
	unmap_resource(subdev, next, SZ_256K);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENOTEMPTY);
	iommu_subdev_destroy(subdev);
	subdev_test_let_release();
	KUNIT_EXPECT_EQ(test, atomic_xchg(&t->mock->forgotten_pages, 0), SZ_256K >> PAGE_SHIFT);
}

/*
 * What is unmapped twice does not stand for what was never unmapped, and nobody
 * gets its IOVA twice.
 */
static void subdev_test_reset_double_unmap(struct kunit *test)
{
	static const size_t sizes[] = { SZ_4K, SZ_64K, SZ_256K };
	struct subdev_test *t = test->priv;
	struct kernfs_node *group;
	struct device *subdev;
	dma_addr_t once, twice, next[2];

	for (int lazy = 0; lazy < 2; lazy++) {
		for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
			subdev = get_device(subdev_test_must_create(test, t->parent, 1));
			group = subdev_test_group_node(subdev);
			if (lazy)
				KUNIT_EXPECT_GT(test, subdev_test_write_type(group, "DMA-FQ"), 0);
			kernfs_put(group);
			once = map_resource(test, subdev, BIT_ULL(40), sizes[i]);
			twice = map_resource(test, subdev, BIT_ULL(41), sizes[i]);
			unmap_resource(subdev, twice, sizes[i]);
			kunit_warning_suppress(test)
				unmap_resource(subdev, twice, sizes[i]);
			for (int j = 0; j < 2; j++)
				next[j] = map_resource(test, subdev, BIT_ULL(40), sizes[i]);
			KUNIT_EXPECT_NE(test, next[0], next[1]);
			for (int j = 0; j < 2; j++)
				unmap_resource(subdev, next[j], sizes[i]);
			KUNIT_EXPECT_EQ_MSG(test, iommu_subdev_reset(subdev), -ENOTEMPTY,
					    "lazy %d, size %zu", lazy, sizes[i]);
			unmap_resource(subdev, once, sizes[i]);
			iommu_subdev_destroy(subdev);
			put_device(subdev);
		}
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
}
#endif

/* What is no sub-device is not reset. */
static void subdev_test_reset_einval(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(ERR_PTR(-ENODEV)), -EINVAL);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(t->parent), -EINVAL);
}

/* A context that has ended is not used again, however it ended. */
static void subdev_test_reset_ended(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev = subdev_test_must_create(test, t->parent, 1);

	get_device(subdev);
	iommu_subdev_destroy(subdev);
	expect_ended(test, subdev);
	put_device(subdev);

	subdev = subdev_test_forms[1](t->parent, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	get_device(subdev);
	device_release_driver(t->parent);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENODEV);
	put_device(subdev);
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);

	/* Its stream is released, but its driver has not destroyed it */
	subdev = subdev_test_must_create(test, t->parent, 1);
	device_lock(t->mock->dev);
	mock_unregister(t->mock);
	device_unlock(t->mock->dev);
	KUNIT_EXPECT_EQ(test, iommu_subdev_reset(subdev), -ENODEV);
	iommu_subdev_destroy(subdev);
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
}

static struct kunit_case subdev_test_session_cases[] = {
	KUNIT_CASE(subdev_test_reset_again),
	KUNIT_CASE(subdev_test_reset_left),
	KUNIT_CASE(subdev_test_reset_left_kinds),
	KUNIT_CASE(subdev_test_reset_many),
#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
	KUNIT_CASE(subdev_test_reset_enomem),
#endif
	KUNIT_CASE(subdev_test_reset_lazy),
	KUNIT_CASE(subdev_test_reset_managed),
	KUNIT_CASE(subdev_test_reset_handler),
	KUNIT_CASE(subdev_test_reset_own_domain),
#ifdef kunit_warning_suppress
	KUNIT_CASE(subdev_test_reset_short_unmap),
	KUNIT_CASE(subdev_test_reset_shifted_unmap),
	KUNIT_CASE(subdev_test_reset_double_unmap),
#endif
	KUNIT_CASE(subdev_test_reset_einval),
	KUNIT_CASE(subdev_test_reset_ended),
	{}
};

SUBDEV_TEST_SUITE("_session", subdev_test_session_cases);

kunit_test_suites(&subdev_test_session_cases_suite);

MODULE_DESCRIPTION("KUnit tests for sessions on sub-devices");
MODULE_LICENSE("GPL");
