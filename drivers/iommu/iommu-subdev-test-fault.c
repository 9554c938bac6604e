// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for fault handlers: which is called, for what, and until when
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <trace/events/iommu.h>

#include "iommu-subdev-test.h"

/* What a handler was told last, and how often */
struct faults {
	struct device *subdev;
	dma_addr_t iova;
	bool write;
	/* Where no destroy would get through unseen */
	bool atomic;
	unsigned int calls;
	/* What the handler uses has been freed */
	bool gone;
	unsigned int late_calls;
};

static void note_fault(struct device *subdev, dma_addr_t iova, bool write, void *data)
{
	struct faults *f = data;

	f->subdev = subdev;
	f->iova = iova;
	f->write = write;
	f->atomic = irqs_disabled() || IS_ENABLED(CONFIG_PREEMPT_RT);
	f->calls++;
	if (f->gone)
		f->late_calls++;
}

static bool fault(struct mock_iommu *mock, u32 stream, dma_addr_t iova, int flags)
{
	return iommu_report_stream_fault(&mock->iommu, stream, iova, flags);
}

/* The handler of the right context is told what happened, in atomic context. */
static void subdev_test_fault_told(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *other;
	struct faults f = {}, g = {};

	subdev = subdev_test_must_create(test, t->parent, 1);
	other = subdev_test_must_create(test, t->parent_b, 1);
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	iommu_subdev_set_fault_handler(other, note_fault, &g);

	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(1), 0x123456789000,
				      IOMMU_FAULT_WRITE));
	KUNIT_EXPECT_EQ(test, f.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, f.subdev, subdev);
	KUNIT_EXPECT_EQ(test, f.iova, 0x123456789000);
	KUNIT_EXPECT_TRUE(test, f.write);
	KUNIT_EXPECT_TRUE(test, f.atomic);
	KUNIT_EXPECT_EQ(test, g.calls, 0);

	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_B(1), 0, IOMMU_FAULT_READ));
	KUNIT_EXPECT_EQ(test, f.calls, 1);
	KUNIT_EXPECT_EQ(test, g.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, g.subdev, other);
	KUNIT_EXPECT_EQ(test, g.iova, 0);
	KUNIT_EXPECT_FALSE(test, g.write);

	iommu_subdev_destroy(other);
	iommu_subdev_destroy(subdev);
}

/* All streams of a child node are the context's. */
static void subdev_test_fault_node(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;
	struct faults f = {};

	subdev = subdev_test_create_of_node(t->parent, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(1), 0, 0));
	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(9), 0, 0));
	KUNIT_EXPECT_EQ(test, f.calls, 2);
	iommu_subdev_destroy(subdev);
}

/* The driver of the IOMMU prints faults that have no handler. */
static void subdev_test_fault_unsaid(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *foreign;
	struct iommu_device *unregistered;
	struct faults f = {};

	/* Before the IOMMU is registered, when its lock is not there either */
	unregistered = kunit_kzalloc(test, sizeof(*unregistered), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, unregistered);
	KUNIT_EXPECT_FALSE(test, iommu_report_stream_fault(unregistered, 1, 0, 0));

	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
	subdev = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(2), 0, 0));
	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(1), 0, 0));
	iommu_subdev_set_fault_handler(subdev, NULL, NULL);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
	KUNIT_EXPECT_EQ(test, f.calls, 1);

	/* As destroy, it ignores what a create that failed has returned */
	iommu_subdev_set_fault_handler(ERR_PTR(-EBUSY), note_fault, &f);
	iommu_subdev_set_fault_handler(NULL, note_fault, &f);

	/* The stream of an ordinary device, and of none */
	t->mock->does.shared_streams = true;
	foreign = subdev_test_add_device(test, "foreign");
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(0xf), 0, 0));
	subdev_test_del_device(test, foreign);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(0xf), 0, 0));

	iommu_subdev_destroy(subdev);
}

static struct device *traced;

static void trace_fault(void *data, struct device *dev, unsigned long iova, int flags)
{
	traced = dev;
}

/*
 * SMMUv2 knows the domain but neither the stream nor the device. Its clients are
 * told as well, and the tracepoint has the sub-device.
 */
static void subdev_test_fault_domain(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct iommu_domain *domain;
	struct device *subdev;
	struct faults f = {};

	subdev = subdev_test_must_create(test, t->parent, 1);
	domain = iommu_get_domain_for_dev(subdev);
	KUNIT_ASSERT_EQ(test, 0, register_trace_io_page_fault(trace_fault, NULL));

	KUNIT_EXPECT_NE(test, 0, report_iommu_fault(domain, NULL, 0x1000, 0));
	KUNIT_EXPECT_PTR_EQ(test, traced, subdev);
	traced = NULL;
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	KUNIT_EXPECT_EQ(test, 0, report_iommu_fault(domain, NULL, 0x1000,
						    IOMMU_FAULT_WRITE));
	KUNIT_EXPECT_PTR_EQ(test, traced, subdev);
	KUNIT_EXPECT_EQ(test, f.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, f.subdev, subdev);
	KUNIT_EXPECT_EQ(test, f.iova, 0x1000);
	KUNIT_EXPECT_TRUE(test, f.write);
	KUNIT_EXPECT_TRUE(test, f.atomic);

	traced = NULL;
	fault(t->mock, STREAM_A(1), 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, traced, subdev);
	traced = NULL;

	unregister_trace_io_page_fault(trace_fault, NULL);
	tracepoint_synchronize_unregister();
	iommu_subdev_destroy(subdev);
}

struct fault_end {
	const char *name;
	subdev_create_fn create;
	void (*end)(struct subdev_test *t, struct device *subdev);
};

static void end_by_destroy(struct subdev_test *t, struct device *subdev)
{
	iommu_subdev_destroy(subdev);
}

static void end_by_unbind(struct subdev_test *t, struct device *subdev)
{
	device_release_driver(t->parent);
}

static const struct fault_end fault_ends[] = {
	{ "destroy", iommu_subdev_create, end_by_destroy },
	{ "destroy of a managed one", devm_iommu_subdev_create, end_by_destroy },
	{ "unbind", devm_iommu_subdev_create, end_by_unbind },
};

static void fault_end_desc(const struct fault_end *e, char *desc)
{
	strscpy(desc, e->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(fault_end, fault_ends, fault_end_desc);

static void fault_while_released(void *data)
{
	struct kunit *test = data;
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
}

static void forget_faults(void *data)
{
	((struct faults *)data)->gone = true;
}

/*
 * A handler may use what is managed on its sub-device: it is called until that is
 * released, and not while it is, nor later, by whatever way; nor can it come back.
 */
static void subdev_test_fault_ends(struct kunit *test)
{
	const struct fault_end *e = test->param_value;
	struct subdev_test *t = test->priv;
	struct iommu_domain *domain;
	struct device *subdev;
	struct faults f = {};

	subdev = e->create(t->parent, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
	get_device(subdev);
	domain = iommu_get_domain_for_dev(subdev);
	KUNIT_EXPECT_EQ(test, 0, devm_add_action(subdev, fault_while_released, test));
	KUNIT_EXPECT_EQ(test, 0, devm_add_action(subdev, forget_faults, &f));
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(1), 0, 0));

	e->end(t, subdev);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
	KUNIT_EXPECT_NE(test, 0, report_iommu_fault(domain, NULL, 0, 0));
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	KUNIT_EXPECT_NE(test, 0, report_iommu_fault(domain, NULL, 0, 0));
	KUNIT_EXPECT_EQ(test, f.calls, 1);
	KUNIT_EXPECT_EQ(test, f.late_calls, 0);
	put_device(subdev);
}

/* The next context of a stream does not get the handler of the last one. */
static void subdev_test_fault_next(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev, *next;
	struct faults f = {};

	subdev = get_device(subdev_test_must_create(test, t->parent, 1));
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);
	iommu_subdev_destroy(subdev);
	next = subdev_test_must_create(test, t->parent, 1);
	KUNIT_EXPECT_FALSE(test, fault(t->mock, STREAM_A(1), 0, 0));
	iommu_subdev_set_fault_handler(next, note_fault, &f);
	KUNIT_EXPECT_TRUE(test, fault(t->mock, STREAM_A(1), 0, 0));
	KUNIT_EXPECT_EQ(test, f.calls, 1);
	KUNIT_EXPECT_PTR_EQ(test, f.subdev, next);
	iommu_subdev_destroy(next);
	put_device(subdev);
}

struct fault_timer {
	struct hrtimer timer;
	struct mock_iommu *mock;
	struct completion done;
	bool told;
};

static enum hrtimer_restart fault_in_timer(struct hrtimer *timer)
{
	struct fault_timer *ft = container_of(timer, struct fault_timer, timer);

	ft->told = fault(ft->mock, STREAM_A(1), 0, 0);
	complete(&ft->done);
	return HRTIMER_NORESTART;
}

/* virtio-iommu and SMMUv2 report in their interrupts: lockdep sees what waits there. */
static void subdev_test_fault_interrupt(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct fault_timer *ft;
	struct device *subdev;
	struct faults f = {};

	ft = kunit_kzalloc(test, sizeof(*ft), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ft);
	ft->mock = t->mock;
	init_completion(&ft->done);
	hrtimer_setup(&ft->timer, fault_in_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	subdev = subdev_test_must_create(test, t->parent, 1);
	iommu_subdev_set_fault_handler(subdev, note_fault, &f);

	hrtimer_start(&ft->timer, 0, HRTIMER_MODE_REL);
	wait_for_completion(&ft->done);
	hrtimer_cancel(&ft->timer);
	KUNIT_EXPECT_TRUE(test, ft->told);
	KUNIT_EXPECT_EQ(test, f.calls, 1);

	iommu_subdev_set_fault_handler(subdev, NULL, NULL);
	iommu_subdev_destroy(subdev);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

static atomic_t fault_stage;

static void slow_fault(struct device *subdev, dma_addr_t iova, bool write, void *data)
{
	atomic_set(&fault_stage, 1);
	mdelay(20);
	atomic_set(&fault_stage, 2);
}

static void run_one_fault(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	fault(t->mock, STREAM_A(1), 0, 0);
}

/* Destroy, and a change of the handler, wait for one that runs on another CPU. */
static void subdev_test_fault_waited_for(struct kunit *test)
{
	struct subdev_thread thread = {};
	struct subdev_test *t = test->priv;
	struct device *subdev;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");

	for (int i = 0; i < 2; i++) {
		subdev = subdev_test_must_create(test, t->parent, 1);
		iommu_subdev_set_fault_handler(subdev, slow_fault, NULL);
		atomic_set(&fault_stage, 0);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &thread,
							       run_one_fault));
		while (!atomic_read(&fault_stage))
			cpu_relax();
		if (i) {
			iommu_subdev_set_fault_handler(subdev, NULL, NULL);
			KUNIT_EXPECT_EQ(test, atomic_read(&fault_stage), 2);
		}
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_EQ(test, atomic_read(&fault_stage), 2);
		subdev_test_join_thread(&thread);
	}
}

static bool fault_storm_over;

static void run_fault_storm(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	while (!READ_ONCE(fault_storm_over)) {
		thread->won += fault(t->mock, STREAM_A(1), 0, 0);
		cond_resched();
	}
}

/* Contexts are created and destroyed while their stream faults all the time. */
static void subdev_test_fault_storm(struct kunit *test)
{
	struct subdev_thread thread = {};
	struct subdev_test *t = test->priv;
	unsigned int calls = 0;

	fault_storm_over = false;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &thread, run_fault_storm));
	for (int i = 0; i < 100; i++) {
		struct device *subdev;
		struct faults *f;

		subdev = iommu_subdev_create(t->parent, 1);
		if (IS_ERR(subdev)) {
			KUNIT_FAIL(test, "create gave %pe", subdev);
			break;
		}
		f = devm_kzalloc(subdev, sizeof(*f), GFP_KERNEL);
		if (f)
			iommu_subdev_set_fault_handler(subdev, note_fault, f);
		usleep_range(50, 100);
		calls += f ? READ_ONCE(f->calls) : 0;
		iommu_subdev_destroy(subdev);
	}
	WRITE_ONCE(fault_storm_over, true);
	subdev_test_join_thread(&thread);
	KUNIT_EXPECT_GE(test, thread.won, calls);
	KUNIT_EXPECT_GT(test, calls, 0);
}

static struct kunit_case subdev_test_fault_cases[] = {
	KUNIT_CASE(subdev_test_fault_told),
	KUNIT_CASE(subdev_test_fault_node),
	KUNIT_CASE(subdev_test_fault_unsaid),
	KUNIT_CASE(subdev_test_fault_domain),
	KUNIT_CASE_PARAM(subdev_test_fault_ends, fault_end_gen_params),
	KUNIT_CASE(subdev_test_fault_next),
	KUNIT_CASE(subdev_test_fault_interrupt),
	KUNIT_CASE(subdev_test_fault_waited_for),
	KUNIT_CASE(subdev_test_fault_storm),
	{}
};

SUBDEV_TEST_SUITE("_fault", subdev_test_fault_cases);

kunit_test_suites(&subdev_test_fault_cases_suite);
