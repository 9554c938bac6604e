// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for what creating and destroying sub-devices does to the parent's
 * driver, its managed resources, its power and its IOMMU's
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/devm-helpers.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/of.h>
#include <linux/of_device.h>
#include <linux/pm_runtime.h>
#include <linux/workqueue.h>

#include "../base/base.h"
#include "iommu-priv.h"
#include "iommu-subdev-test.h"

/* Deferred probing */

static atomic_t nr_probes;
static bool probe_must_wait;

static int create_managed_and_wait(struct device *parent)
{
	struct device *subdev = devm_iommu_subdev_create(parent, 1);

	atomic_inc(&nr_probes);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);
	return probe_must_wait ? -EPROBE_DEFER : 0;
}

static int create_destroy_and_wait(struct device *parent)
{
	struct device *subdev = iommu_subdev_create(parent, 1);

	atomic_inc(&nr_probes);
	if (IS_ERR(subdev))
		return PTR_ERR(subdev);
	iommu_subdev_destroy(subdev);
	return probe_must_wait ? -EPROBE_DEFER : 0;
}

static int create_on_both_iommus(struct device *parent)
{
	struct device *subdev = devm_iommu_subdev_create(parent, 1);

	atomic_inc(&nr_probes);
	if (!IS_ERR(subdev))
		subdev = devm_iommu_subdev_create(parent, 0x201);
	return PTR_ERR_OR_ZERO(subdev);
}

/*
 * A deferred probe is repeated when a driver was bound. The driver core does that
 * once more by itself some seconds after boot.
 */
static void expect_probes_settle(struct kunit *test)
{
	msleep(1000);
	KUNIT_EXPECT_GE(test, atomic_read(&nr_probes), 1);
	KUNIT_EXPECT_LE(test, atomic_read(&nr_probes), 2);
}

/* A probe that creates and then returns -EPROBE_DEFER is not repeated by that. */
static void subdev_test_probe_defer(struct kunit *test)
{
	int (*const probes[])(struct device *parent) = {
		create_managed_and_wait, create_destroy_and_wait,
	};
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(probes); i++) {
		device_release_driver(t->parent);
		atomic_set(&nr_probes, 0);
		probe_must_wait = true;
		subdev_test_on_probe = probes[i];
		KUNIT_EXPECT_EQ(test, device_attach(t->parent), 0);
		expect_probes_settle(test);
		mock_expect_left(test, t->mock, 0);

		probe_must_wait = false;
		KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
	}
}

static void register_second_mock(void)
{
	/* With CONFIG_DEBUG_TEST_DRIVER_REMOVE it is removed as well */
	if (!mock_iommus[1].registered)
		mock_register(&mock_iommus[1]);
}

/*
 * Nor is one whose second create is deferred. It is repeated when the driver of
 * that IOMMU is bound.
 */
static void subdev_test_probe_defer_second(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	device_release_driver(mock_iommus[1].dev);
	atomic_set(&nr_probes, 0);
	subdev_test_on_probe = create_on_both_iommus;
	KUNIT_EXPECT_EQ(test, device_attach(t->parent), 0);
	expect_probes_settle(test);
	mock_expect_left(test, t->mock, 0);

	mock_on_change = register_second_mock;
	KUNIT_ASSERT_EQ(test, device_attach(mock_iommus[1].dev), 1);
	for (int i = 0; i < 250 && !device_is_bound(t->parent); i++)
		msleep(20);
	KUNIT_EXPECT_TRUE(test, device_is_bound(t->parent));
	mock_on_change = NULL;
	device_release_driver(t->parent);
}

static int create_and_fail(struct device *parent)
{
	return PTR_ERR_OR_ZERO(devm_iommu_subdev_create(parent, 1)) ?: -ENXIO;
}

static void subdev_test_probe_fails(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	subdev_test_on_probe = create_and_fail;
	KUNIT_EXPECT_LE(test, device_attach(t->parent), 0);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	mock_expect_left(test, t->mock, 0);
}

static struct mock_gate *probe_gate;

static void pass_probe_gate(void *data)
{
	mock_gate_pass(&probe_gate);
}

static struct device *failing;

static int create_and_fail_slowly(struct device *parent)
{
	failing = devm_iommu_subdev_create(parent, 1);
	if (IS_ERR(failing))
		return PTR_ERR(failing);
	return devm_add_action(parent, pass_probe_gate, NULL) ?: -ENXIO;
}

static void thread_bind(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->bad = device_attach(t->parent) == 1;
}

/*
 * The links of a failed probe end before its resources: the driver of the IOMMU can
 * be unbound in between.
 */
static void subdev_test_probe_fails_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct page *page = subdev_test_page(test);
	struct subdev_thread binder = {};
	struct mock_gate gate;
	dma_addr_t iova;

	device_release_driver(t->parent);
	mock_init_gate(&gate);
	probe_gate = &gate;
	subdev_test_on_probe = create_and_fail_slowly;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &binder, thread_bind));
	wait_for_completion(&gate.reached);
	iova = dma_map_page(failing, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, dma_mapping_error(failing, iova), 0);
	KUNIT_EXPECT_FALSE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	device_release_driver(t->mock->dev);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	/* Its driver may still clean up */
	dma_unmap_page(failing, iova, PAGE_SIZE, DMA_TO_DEVICE);
	iova = dma_map_page(failing, page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_NE(test, dma_mapping_error(failing, iova), 0);
	complete(&gate.go);
	subdev_test_join_thread(&binder);
	KUNIT_EXPECT_EQ(test, binder.bad, 0);
	mock_expect_left(test, t->mock, 0);
	__free_page(page);
}

static struct subdev_thread *probe_creator;

static void thread_create(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->subdev = thread->create(t->parent, thread->id);
}

static int start_create_and_fail(struct device *parent)
{
	struct subdev_thread *creator = probe_creator;

	if (subdev_test_run_thread(creator->test, creator, thread_create))
		wait_for_completion(&probe_gate->reached);
	return -ENXIO;
}

/* A create during which the probe fails leaves no link to the IOMMU. */
static void subdev_test_probe_fails_link(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread binder = {}, creator = {
			.test = test, .id = 1, .create = subdev_test_forms[i],
		};
		struct mock_gate gate;

		device_release_driver(t->parent);
		mock_init_gate(&gate);
		t->mock->does.xlate_gate = &gate;
		probe_gate = &gate;
		probe_creator = &creator;
		subdev_test_on_probe = start_create_and_fail;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &binder, thread_bind));
		/* The end of the probe waits for the create */
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&binder));
		complete(&gate.go);
		subdev_test_join_thread(&binder);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(creator.subdev), -EINVAL);
		KUNIT_EXPECT_TRUE(test, list_empty(&t->parent->links.suppliers));
		mock_expect_left(test, t->mock, 0);
		subdev_test_on_probe = NULL;
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/* A sub-device can be created while nothing is probed, as in system suspend. */
static void subdev_test_probing_blocked(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_block_probing();
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	device_unblock_probing();
	mock_expect_left(test, t->mock, 0);
}

/* Managed resources of the parent */

struct reuse {
	struct device *parent_b;
	struct device *subdev;
	struct device *other;
	struct work_struct work;
	struct mock_gate *gate;
};

static void destroy_and_create_other(void *data)
{
	struct reuse *reuse = data;

	iommu_subdev_destroy(reuse->subdev);
	/* Most likely in the memory of the one that was freed */
	reuse->other = iommu_subdev_create(reuse->parent_b, 1);
}

static void destroy_work(struct work_struct *work)
{
	struct reuse *reuse = container_of(work, struct reuse, work);

	if (reuse->gate) {
		complete(&reuse->gate->reached);
		wait_for_completion(&reuse->gate->go);
	}
	destroy_and_create_other(reuse);
}

static void expect_other_lives(struct kunit *test, struct reuse *reuse)
{
	struct subdev_test *t = test->priv;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reuse->other);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	KUNIT_EXPECT_FALSE(test, mock_is_blocked(t->mock, STREAM_B(1)));
	if (mock_is_blocked(t->mock, STREAM_B(1)))
		return;
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, reuse->other, t->mock, STREAM_B(1));
	iommu_subdev_destroy(reuse->other);
}

/* A managed sub-device that an action of the parent destroys is destroyed once. */
static void subdev_test_devres_action(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct reuse reuse = { .parent_b = t->parent_b };

	reuse.subdev = devm_iommu_subdev_create(t->parent, 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reuse.subdev);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, destroy_and_create_other, &reuse));
	device_release_driver(t->parent);
	expect_other_lives(test, &reuse);
}

static void thread_unbind(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_release_driver(t->parent);
}

/*
 * So is one that managed work destroys, which the unbind waits for, whether it
 * has begun to destroy or not.
 */
static void subdev_test_devres_work(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	/* A work that is managed cannot be on the stack */
	static struct reuse reuse;

	for (int i = 0; i < 2; i++) {
		struct subdev_thread unbinder = {};
		struct mock_gate gate;

		reuse = (struct reuse) { .parent_b = t->parent_b };
		reuse.subdev = devm_iommu_subdev_create(t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reuse.subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_work_autocancel(t->parent, &reuse.work,
							      destroy_work));
		mock_init_gate(&gate);
		if (i)
			t->mock->does.block_gate = &gate;
		else
			reuse.gate = &gate;
		schedule_work(&reuse.work);
		wait_for_completion(&gate.reached);
		if (subdev_test_run_thread(test, &unbinder, thread_unbind)) {
			/* Until it waits for the work */
			msleep(100);
			KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
			complete(&gate.go);
			subdev_test_join_thread(&unbinder);
		} else {
			complete(&gate.go);
			flush_work(&reuse.work);
		}
		expect_other_lives(test, &reuse);
		KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
	}
}

/* One that the driver forgot has to be destroyed all the same. */
static void let_go(struct device *subdev, bool forgotten)
{
	if (forgotten)
		iommu_subdev_destroy(subdev);
	put_device(subdev);
}

/*
 * A sub-device that was created inside a devres group of the parent ends with the
 * group, managed or forgotten; one that was created later lives on.
 */
static void subdev_test_devres_group(struct kunit *test)
{
	const subdev_create_fn forms[] = {
		devm_iommu_subdev_create, iommu_subdev_create,
	};
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(forms); i++) {
		struct device *first, *later;
		void *group;

		group = devres_open_group(t->parent, NULL, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, group);
		first = forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, first);
		get_device(first);
		devres_close_group(t->parent, group);
		later = forms[i](t->parent, 2);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, later);
		get_device(later);
		KUNIT_EXPECT_GT(test, devres_release_group(t->parent, group), 0);

		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		KUNIT_EXPECT_FALSE(test, mock_is_blocked(t->mock, STREAM_A(2)));
		if (!mock_is_blocked(t->mock, STREAM_A(2))) {
			KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->devices), 1);
			mock_expect_translated(test, later, t->mock, STREAM_A(2));
		}
		device_release_driver(t->parent);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(2)));
		let_go(first, i);
		let_go(later, i);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/* A group that is open when the parent's probe fails, as a component's, ends it. */
static int create_in_open_group(struct device *parent)
{
	if (!devres_open_group(parent, NULL, GFP_KERNEL))
		return -ENOMEM;
	devm_iommu_subdev_create(parent, 1);
	return -ENXIO;
}

static void subdev_test_devres_open_group(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	subdev_test_on_probe = create_in_open_group;
	KUNIT_EXPECT_LE(test, device_attach(t->parent), 0);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	mock_expect_left(test, t->mock, 0);
	subdev_test_on_probe = NULL;
	KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
}

/* Power */

static int usage_count(struct device *dev)
{
	return atomic_read(&dev->power.usage_count);
}

static void disable_runtime_pm(void *data)
{
	struct device *dev = data;

	pm_runtime_disable(dev);
	pm_runtime_set_suspended(dev);
}

static void enable_runtime_pm(struct kunit *test, struct device *dev)
{
	if (!IS_ENABLED(CONFIG_PM))
		kunit_skip(test, "no power management");
	pm_runtime_enable(dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action(test, disable_runtime_pm, dev));
}

static bool was_active;

static void note_active(struct device *dev)
{
	was_active = pm_runtime_active(mock_iommus[0].dev);
}

/* The IOMMU is active while the parent is, already when its driver is called. */
static void subdev_test_power(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	enable_runtime_pm(test, t->parent);
	KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
	KUNIT_EXPECT_FALSE(test, pm_runtime_active(iommu));
	t->mock->does.finalize = note_active;

	/* The second time the two are linked already */
	for (int i = 0; i < 2; i++) {
		struct device *subdev = subdev_test_must_create(test, t->parent, 1);
		struct device *other;

		KUNIT_EXPECT_TRUE(test, was_active);
		other = subdev_test_must_create(test, t->parent, 2);
		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
		KUNIT_EXPECT_EQ(test, pm_runtime_suspend(iommu), -EAGAIN);
		KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
		KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);
		KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_EQ(test, pm_runtime_suspend(iommu), -EAGAIN);
		iommu_subdev_destroy(other);
	}

	KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
	KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);
}

/*
 * The IOMMU of a parent without runtime PM is active from the first create to
 * the unbind of the parent's driver, and not longer.
 */
static void subdev_test_power_parent_without(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	for (int i = 0; i < 3; i++) {
		struct device *subdev = subdev_test_must_create(test, t->parent, 1);

		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
		iommu_subdev_destroy(subdev);
		device_release_driver(t->parent);
		device_link_wait_removal();
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
		KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

static unsigned int nr_resumes;

static int count_resume(struct device *parent)
{
	nr_resumes++;
	return 0;
}

/* A parent that is suspended stays suspended, and so does its IOMMU. */
static void subdev_test_power_suspended(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	enable_runtime_pm(test, t->parent);
	subdev_test_on_resume = count_resume;
	for (int i = 0; i < 3; i++) {
		struct device *subdev;

		nr_resumes = 0;
		subdev = subdev_test_must_create(test, t->parent, 1);
		KUNIT_EXPECT_EQ(test, nr_resumes, 0);
		KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(t->parent));
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
		KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);
		mock_expect_translated(test, subdev, t->mock, STREAM_A(1));

		KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
		KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);

		nr_resumes = 0;
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_EQ(test, nr_resumes, 0);
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
	}
	device_release_driver(t->parent);
	device_link_wait_removal();
	KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
	KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
}

/* An active parent holds its IOMMU once, however many sub-devices it creates. */
static void subdev_test_power_active(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	enable_runtime_pm(test, t->parent);
	for (int i = 0; i < 3; i++) {
		struct device *subdev[2];

		KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
		subdev[0] = subdev_test_must_create(test, t->parent, 1);
		subdev[1] = subdev_test_must_create(test, t->parent, 2);
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 1);
		KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 1);
		KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
		KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);

		KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
		iommu_subdev_destroy(subdev[0]);
		iommu_subdev_destroy(subdev[1]);
		KUNIT_EXPECT_EQ(test, usage_count(t->parent), 1);
		KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
	}
	/* The unbind of an active parent lets go of the IOMMU */
	KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, devm_iommu_subdev_create(t->parent, 1));
	device_release_driver(t->parent);
	device_link_wait_removal();
	KUNIT_EXPECT_EQ(test, usage_count(t->parent), 1);
	KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
	pm_runtime_put_noidle(t->parent);
}

static struct device *made_in_resume;

static int create_in_resume(struct device *parent)
{
	made_in_resume = devm_iommu_subdev_create(parent, 1);
	return PTR_ERR_OR_ZERO(made_in_resume);
}

static void thread_resume(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->bad = pm_runtime_resume_and_get(t->parent);
}

/* A parent that is resumed before it is linked to its IOMMU holds that, too. */
static void subdev_test_power_resumed_first(struct kunit *test)
{
#ifdef CONFIG_PM_SLEEP
	struct subdev_thread creator = { .id = 1, .create = iommu_subdev_create };
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	enable_runtime_pm(test, t->parent);
	/* device_link_add() waits for this when create has seen a suspended parent */
	device_pm_lock();
	if (!subdev_test_run_thread(test, &creator, thread_create)) {
		device_pm_unlock();
		return;
	}
	KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
	KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
	KUNIT_EXPECT_FALSE(test, pm_runtime_active(iommu));
	device_pm_unlock();
	subdev_test_join_thread(&creator);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, creator.subdev);
	KUNIT_EXPECT_TRUE(test, pm_runtime_active(iommu));
	KUNIT_EXPECT_EQ(test, pm_runtime_suspend(iommu), -EAGAIN);
	KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
	KUNIT_EXPECT_GE(test, pm_runtime_suspend(iommu), 0);
	KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
	iommu_subdev_destroy(creator.subdev);
#else
	kunit_skip(test, "needs CONFIG_PM_SLEEP");
#endif
}

/* The parent's .runtime_resume may create. */
static void subdev_test_power_resume(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread resumer = {};

	enable_runtime_pm(test, t->mock->dev);
	enable_runtime_pm(test, t->parent);
	subdev_test_on_resume = create_in_resume;
	if (!subdev_test_run_thread(test, &resumer, thread_resume))
		return;
	KUNIT_ASSERT_NE_MSG(test, 0, wait_for_completion_timeout(&resumer.done, 5 * HZ),
			    "the resume hangs");
	subdev_test_join_thread(&resumer);
	KUNIT_EXPECT_EQ(test, resumer.bad, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, made_in_resume);
	KUNIT_EXPECT_TRUE(test, pm_runtime_active(t->mock->dev));
	mock_expect_translated(test, made_in_resume, t->mock, STREAM_A(1));
	iommu_subdev_destroy(made_in_resume);
	KUNIT_EXPECT_GE(test, pm_runtime_put_sync(t->parent), 0);
	KUNIT_EXPECT_EQ(test, usage_count(t->mock->dev), 0);
}

static int create_while_idle(struct device *parent)
{
	struct device *subdev;

	pm_runtime_set_active(parent);
	pm_runtime_enable(parent);
	subdev = iommu_subdev_create(parent, 1);
	flush_work(&parent->power.work);
	was_active = pm_runtime_active(parent);
	iommu_subdev_destroy(subdev);
	pm_runtime_disable(parent);
	pm_runtime_set_suspended(parent);
	return PTR_ERR_OR_ZERO(subdev);
}

/* A probe that holds no reference is not suspended by a create. */
static void subdev_test_power_probe(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	enable_runtime_pm(test, t->mock->dev);
	device_release_driver(t->parent);
	was_active = false;
	subdev_test_on_probe = create_while_idle;
	KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
	KUNIT_EXPECT_TRUE(test, was_active);
}

static struct device *unneeded;

static void put_parent(void)
{
	pm_runtime_put(unneeded);
}

/* A parent that nobody needs any more is suspended, also if a create is under way. */
static void subdev_test_power_last_put(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *subdev;

	enable_runtime_pm(test, t->mock->dev);
	enable_runtime_pm(test, t->parent);
	unneeded = t->parent;
	t->mock->does.resumed = put_parent;
	KUNIT_EXPECT_EQ(test, 0, pm_runtime_resume_and_get(t->parent));
	subdev = subdev_test_must_create(test, t->parent, 1);
	flush_work(&t->parent->power.work);
	KUNIT_EXPECT_TRUE(test, pm_runtime_suspended(t->parent));
	KUNIT_EXPECT_EQ(test, usage_count(t->parent), 0);
	t->mock->does.resumed = NULL;
	iommu_subdev_destroy(subdev);
}

/* An IOMMU that cannot be resumed is an error of create: that of the resume. */
static void subdev_test_power_error(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *iommu = t->mock->dev;

	enable_runtime_pm(test, iommu);
	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct device *subdev;

		t->mock->does.resume_err = -EIO;
		subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(subdev), -EIO);
		iommu_subdev_destroy(subdev);
		KUNIT_EXPECT_EQ(test, usage_count(iommu), 0);
		mock_expect_left(test, t->mock, 0);
		t->mock->does.resume_err = 0;
		/* Runtime PM remembers the error until it is told this */
		pm_runtime_disable(iommu);
		pm_runtime_set_suspended(iommu);
		pm_runtime_enable(iommu);
	}
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* Links and names */

/* A parent that is its own IOMMU would wait for itself. */
static void subdev_test_link_self(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_expect_refused(test, t->mock->dev, 1, -EOPNOTSUPP);
	mock_expect_left(test, t->mock, 0);
}

/* A parent that its own IOMMU depends on cannot be linked to it, and is invalid. */
static void subdev_test_link_cycle(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device_link *link;

	link = device_link_add(t->mock->dev, t->parent, DL_FLAG_STATELESS);
	KUNIT_ASSERT_NOT_NULL(test, link);
	subdev_expect_refused(test, t->parent, 1, -EINVAL);
	mock_expect_left(test, t->mock, 0);
	device_link_del(link);
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
}

/* An IOMMU that is a part of the parent needs no link. */
static void subdev_test_link_part(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *above = t->mock->dev->parent;

	/* device_move() sends one under a lock that is not for it */
	dev_set_uevent_suppress(t->mock->dev, 1);
	KUNIT_ASSERT_EQ(test, 0, device_move(t->mock->dev, t->parent, DPM_ORDER_NONE));
	subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	KUNIT_EXPECT_EQ(test, 0, device_move(t->mock->dev, above, DPM_ORDER_NONE));
	dev_set_uevent_suppress(t->mock->dev, 0);
}

static const char *first_end;

static void note_managed_end(void *data)
{
	if (!first_end)
		first_end = "managed";
}

static void note_remove(struct device *parent)
{
	if (!first_end)
		first_end = "remove";
}

/*
 * When the driver of an IOMMU that links itself to its clients is unbound, the
 * remove function of the parent comes before what is managed on the sub-device is
 * released.
 */
static void subdev_test_link_clients(struct kunit *test)
{
	const subdev_create_fn forms[] = {
		devm_iommu_subdev_create, iommu_subdev_create,
	};
	struct subdev_test *t = test->priv;

	subdev_test_on_remove = note_remove;
	for (int i = 0; i < ARRAY_SIZE(forms); i++) {
		struct device *subdev;

		t->mock->does.link_clients = true;
		subdev = forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, note_managed_end, NULL));
		get_device(subdev);
		first_end = NULL;
		device_release_driver(t->mock->dev);
		KUNIT_EXPECT_STREQ(test, first_end, "remove");
		KUNIT_EXPECT_NULL(test, t->parent->driver);
		let_go(subdev, i);
		/* The link of the mock has a reference for a while */
		device_link_wait_removal();
		mock_expect_left(test, t->mock, 0);

		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* A bus that the IOMMU core does not listen to */

static const struct bus_type unknown_bus = {
	.name	= "iommu-subdev-test",
};

static struct device_driver unknown_driver = {
	.name		= "iommu-subdev-test",
	.bus		= &unknown_bus,
	.probe_type	= PROBE_FORCE_SYNCHRONOUS,
};

static void free_unknown_device(struct device *dev)
{
	of_node_put(dev->of_node);
	kfree(dev);
}

static void unregister_unknown_bus(void *data)
{
	bus_unregister(&unknown_bus);
}

/* A device on that bus, for a node of the overlay, without a driver */
static struct device *add_unknown_device(struct kunit *test, const char *node,
					 const char *name)
{
	struct device *dev;

	KUNIT_ASSERT_EQ(test, 0, bus_register(&unknown_bus));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unregister_unknown_bus, NULL));
	dev = kzalloc_obj(*dev);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	device_initialize(dev);
	dev->bus = &unknown_bus;
	dev->release = free_unknown_device;
	dev->coherent_dma_mask = DMA_BIT_MASK(32);
	dev->dma_mask = &dev->coherent_dma_mask;
	device_set_node(dev, of_fwnode_handle(subdev_test_find_node(test, node)));
	KUNIT_ASSERT_EQ(test, 0, dev_set_name(dev, "%s", name));
	KUNIT_ASSERT_EQ(test, 0, device_add(dev));
	return dev;
}

/*
 * Of two parents that have one name, on two buses, one can have the sub-device
 * for an ID, and the other can have it after.
 */
static void subdev_test_two_of_one_name(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *twin, *subdev;

	twin = add_unknown_device(test, "parent-b", dev_name(t->parent));
	KUNIT_ASSERT_EQ(test, 0, driver_register(&unknown_driver));
	KUNIT_EXPECT_TRUE(test, device_is_bound(twin));
	subdev = subdev_test_must_create(test, t->parent, 1);
	subdev_expect_refused(test, twin, 1, -EEXIST);
	mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(subdev);
	subdev_expect_works(test, twin, 1, t->mock, STREAM_B(1));
	driver_unregister(&unknown_driver);
	device_unregister(twin);
}

static void thread_unregister_only(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	iommu_device_unregister(&t->mock->iommu);
}

/*
 * An IOMMU can be unregistered while a device of such a bus is behind it: nobody
 * releases that device.
 */
static void subdev_test_unknown_bus(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread remover = {};
	struct device *dev;

	dev = add_unknown_device(test, "foreign-alone", "iommu-subdev-test");
	/* The bus does it by itself, as that of host1x */
	KUNIT_EXPECT_EQ(test, 0, of_dma_configure(dev, dev->of_node, true));
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(dev));

	t->mock->registered = false;
	if (!subdev_test_run_thread(test, &remover, thread_unregister_only))
		return;
	KUNIT_ASSERT_NE_MSG(test, 0, wait_for_completion_timeout(&remover.done, 5 * HZ),
			    "iommu_device_unregister() hangs");
	subdev_test_join_thread(&remover);
	iommu_release_device(dev);
	iommu_device_sysfs_remove(&t->mock->iommu);
	device_unregister(dev);
}

static struct kunit_case subdev_test_probe_cases[] = {
	KUNIT_CASE_SLOW(subdev_test_probe_defer),
	KUNIT_CASE_SLOW(subdev_test_probe_defer_second),
	KUNIT_CASE(subdev_test_probe_fails),
	KUNIT_CASE(subdev_test_probe_fails_unbind),
	KUNIT_CASE(subdev_test_probe_fails_link),
	KUNIT_CASE(subdev_test_probing_blocked),
	KUNIT_CASE(subdev_test_link_self),
	KUNIT_CASE(subdev_test_link_cycle),
	KUNIT_CASE(subdev_test_link_part),
	KUNIT_CASE(subdev_test_link_clients),
	KUNIT_CASE(subdev_test_two_of_one_name),
	KUNIT_CASE(subdev_test_unknown_bus),
	{}
};

static struct kunit_case subdev_test_devres_cases[] = {
	KUNIT_CASE(subdev_test_devres_action),
	KUNIT_CASE(subdev_test_devres_work),
	KUNIT_CASE(subdev_test_devres_group),
	KUNIT_CASE(subdev_test_devres_open_group),
	{}
};

static struct kunit_case subdev_test_power_cases[] = {
	KUNIT_CASE(subdev_test_power),
	KUNIT_CASE(subdev_test_power_parent_without),
	KUNIT_CASE(subdev_test_power_suspended),
	KUNIT_CASE(subdev_test_power_active),
	KUNIT_CASE(subdev_test_power_resume),
	KUNIT_CASE(subdev_test_power_resumed_first),
	KUNIT_CASE(subdev_test_power_probe),
	KUNIT_CASE(subdev_test_power_last_put),
	KUNIT_CASE(subdev_test_power_error),
	{}
};

SUBDEV_TEST_SUITE("_probe", subdev_test_probe_cases);
SUBDEV_TEST_SUITE("_devres", subdev_test_devres_cases);
SUBDEV_TEST_SUITE("_power", subdev_test_power_cases);

kunit_test_suites(&subdev_test_probe_cases_suite,
		  &subdev_test_devres_cases_suite,
		  &subdev_test_power_cases_suite);
