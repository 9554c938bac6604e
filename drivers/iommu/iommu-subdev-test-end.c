// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests for the end of sub-devices: in any order, on several threads and with
 * allocations that fail
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/iommu-subdev.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/sched.h>

#include "dma-iommu.h"
#include "iommu-priv.h"
#include "iommu-subdev-test.h"

/* The end */

struct death {
	struct kunit *test;
	struct device *subdev;
	struct page *page;
	dma_addr_t iova;
	dma_addr_t coherent;
	unsigned int calls;
};

static void expect_alive(void *data)
{
	struct death *death = data;
	struct kunit *test = death->test;
	struct subdev_test *t = test->priv;
	struct iommu_group *group = iommu_group_get(death->subdev);

	death->calls++;
	KUNIT_EXPECT_NOT_NULL(test, group);
	if (group) {
		int ret = iommu_group_claim_dma_owner(group, test);

		KUNIT_EXPECT_EQ(test, ret, -EPERM);
		if (!ret)
			iommu_group_release_dma_owner(group);
		iommu_group_put(group);
	}
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), death->iova),
			page_to_phys(death->page));
	dma_unmap_page(death->subdev, death->iova, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, mock_dma(t->mock, STREAM_A(1), death->iova), MOCK_FAULT);
	/* It is older, so it is still there */
	KUNIT_EXPECT_NE(test, mock_dma(t->mock, STREAM_A(1), death->coherent), MOCK_FAULT);
}

/* @death gets a page mapped, memory and an action that are managed on it. */
static void prepare_death(struct kunit *test, struct death *death,
			  struct device *subdev)
{
	*death = (struct death) { .test = test, .subdev = subdev };
	death->page = subdev_test_page(test);
	KUNIT_ASSERT_NOT_NULL(test, dmam_alloc_coherent(subdev, PAGE_SIZE,
							&death->coherent, GFP_KERNEL));
	death->iova = dma_map_page(subdev, death->page, 0, PAGE_SIZE, DMA_TO_DEVICE);
	KUNIT_ASSERT_EQ(test, dma_mapping_error(subdev, death->iova), 0);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, expect_alive, death));
}

static void expect_dead(struct kunit *test, struct death *death)
{
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, death->calls, 1);
	KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
	/* dmam_alloc_coherent() was undone in the domain that it was done in */
	KUNIT_EXPECT_EQ(test, atomic_read(&t->mock->forgotten_pages), 0);
	mock_expect_left(test, t->mock, 0);
	__free_page(death->page);
}

/*
 * Frees @subdev if it was created by a form that is not managed. Unbinding the
 * parent has destroyed it, but its driver may not know.
 */
static void free_forgotten(int form, struct device *subdev)
{
	if (!subdev_test_is_managed(form))
		iommu_subdev_destroy(subdev);
}

/* Destroy ends what is managed while it is owned, attached and can be unmapped. */
static void subdev_test_order_of_death(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		iommu_subdev_destroy(subdev);
		expect_dead(test, &death);
	}
}

/* When the parent's driver unbinds, the same order of death holds. */
static void subdev_test_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		device_release_driver(t->parent);
		free_forgotten(i, subdev);
		expect_dead(test, &death);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static void rebind_iommu_and_parent(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->mock->dev);
	KUNIT_EXPECT_NULL(test, t->parent->driver);
	KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
	KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
}

static void expect_registered(void *data)
{
	struct kunit *test = data;
	struct subdev_test *t = test->priv;

	KUNIT_EXPECT_TRUE(test, t->mock->registered);
}

/*
 * When the driver of the IOMMU unbinds, that of the parent is unbound before, so
 * nobody uses a sub-device while its IOMMU goes.
 */
static void subdev_test_iommu_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct death death;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		prepare_death(test, &death, subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, expect_registered, test));
		rebind_iommu_and_parent(test);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		free_forgotten(i, subdev);
		expect_dead(test, &death);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static struct mock_gate *change_gate;

static void pass_change_gate(void)
{
	/* With CONFIG_DEBUG_TEST_DRIVER_REMOVE there are more changes */
	mock_gate_pass(&change_gate);
}

static void register_and_pass_gate(void)
{
	if (!mock_iommus[0].registered)
		mock_register(&mock_iommus[0]);
	pass_change_gate();
}

static void thread_unbind_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_release_driver(t->mock->dev);
}

static void thread_bind_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->bad = device_attach(t->mock->dev) != 1;
}

static void thread_create_one(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	thread->subdev = thread->create(t->parent, thread->id);
}

/*
 * A create waits while the driver of the IOMMU comes or goes. It works with one
 * that came and is deferred by one that went, though both are registered when it
 * begins.
 */
static void subdev_test_iommu_driver_changes(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread changer = {}, creator = {
			.id = 1, .create = subdev_test_forms[i],
		};
		struct mock_gate gate;

		mock_init_gate(&gate);
		change_gate = &gate;
		mock_on_change = pass_change_gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &changer,
							       thread_unbind_iommu));
		wait_for_completion(&gate.reached);
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
		KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
		complete(&gate.go);
		subdev_test_join_thread(&changer);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		mock_expect_left(test, t->mock, 0);

		mock_init_gate(&gate);
		change_gate = &gate;
		mock_on_change = register_and_pass_gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &changer,
							       thread_bind_iommu));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
		KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
		complete(&gate.go);
		subdev_test_join_thread(&changer);
		subdev_test_join_thread(&creator);
		mock_on_change = NULL;
		KUNIT_EXPECT_EQ(test, changer.bad, 0);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, creator.subdev);
		mock_expect_translated(test, creator.subdev, t->mock, STREAM_A(1));
		iommu_subdev_destroy(creator.subdev);
		/* So that no link to the parent is left */
		device_release_driver(t->parent);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/* Unbinding the parent destroys many sub-devices, managed and forgotten. */
static void subdev_test_unbind_many(struct kunit *test)
{
	const int forms = ARRAY_SIZE(subdev_test_forms);
	struct subdev_test *t = test->priv;
	struct device *many[8], *subdev;

	for (int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = subdev_test_forms[i % forms](t->parent, i);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, many[i]);
	}
	/* Those of another parent do not */
	subdev = subdev_test_must_create(test, t->parent_b, 1);
	device_release_driver(t->parent);
	for (int i = 0; i < ARRAY_SIZE(many); i++) {
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(i)));
		free_forgotten(i % forms, many[i]);
	}
	mock_expect_left(test, t->mock, 1);
	mock_expect_translated(test, subdev, t->mock, STREAM_B(1));
	iommu_subdev_destroy(subdev);
}

struct unwound {
	struct kunit *test;
	unsigned int calls;
	unsigned int left;
	int err;
	struct completion *reached;
};

static void parent_action(void *data)
{
	struct unwound *unwound = data;
	struct subdev_test *t = unwound->test->priv;
	struct device *subdev;

	unwound->calls++;
	unwound->left = atomic_read(&t->mock->devices);
	subdev = iommu_subdev_create(t->parent, 2);
	unwound->err = PTR_ERR_OR_ZERO(subdev);
	if (unwound->reached)
		complete(unwound->reached);
}

/*
 * What the driver manages on the parent after a create is released while that
 * sub-device is there, what is older when it is gone, and no sub-device can be
 * created then.
 */
static void subdev_test_unbind_order(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct unwound older = { test }, newer = { test };
		struct device *subdev;

		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &older));
		subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));
		device_release_driver(t->parent);
		free_forgotten(i, subdev);

		KUNIT_EXPECT_EQ(test, newer.calls, 1);
		KUNIT_EXPECT_EQ(test, newer.left, 1);
		KUNIT_EXPECT_EQ(test, newer.err, -EINVAL);
		KUNIT_EXPECT_EQ(test, older.calls, 1);
		KUNIT_EXPECT_EQ(test, older.left, 0);
		KUNIT_EXPECT_EQ(test, older.err, -EINVAL);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

static struct device *made_in_probe[ARRAY_SIZE(subdev_test_forms)];
static int probe_result;

static int create_in_probe(struct device *parent)
{
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		/* CONFIG_DEBUG_TEST_DRIVER_REMOVE has removed the driver meanwhile */
		if (made_in_probe[i])
			free_forgotten(i, made_in_probe[i]);
		made_in_probe[i] = subdev_test_forms[i](parent, i);
	}
	return probe_result;
}

/* A driver may create in its probe function; if that fails they are gone. */
static void subdev_test_probe(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	device_release_driver(t->parent);
	subdev_test_on_probe = create_in_probe;

	probe_result = -ENXIO;
	KUNIT_EXPECT_LE(test, device_attach(t->parent), 0);
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		KUNIT_EXPECT_NOT_ERR_OR_NULL(test, made_in_probe[i]);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(i)));
		free_forgotten(i, made_in_probe[i]);
		made_in_probe[i] = NULL;
	}
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
	mock_expect_left(test, t->mock, 0);

	probe_result = 0;
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, made_in_probe[i]);
		mock_expect_translated(test, made_in_probe[i], t->mock, STREAM_A(i));
		iommu_subdev_destroy(made_in_probe[i]);
		made_in_probe[i] = NULL;
	}
}

static int err_in_remove;

static void create_in_remove(struct device *parent)
{
	err_in_remove = PTR_ERR_OR_ZERO(iommu_subdev_create(parent, 1));
}

/* The remove function of a driver cannot create any more. */
static void subdev_test_remove(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	subdev_test_on_remove = create_in_remove;
	device_release_driver(t->parent);
	KUNIT_EXPECT_EQ(test, err_in_remove, -EINVAL);
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
}

/* A reference to a sub-device keeps it and its parent, even when both are deleted. */
static void subdev_test_reference(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device *parent = subdev_test_add_device(test, "parent-narrow");
	struct device *subdev[2];

	get_device(parent);
	subdev[0] = get_device(subdev_test_must_create(test, parent, 1));
	subdev[1] = devm_iommu_subdev_create(parent, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev[1]);
	get_device(subdev[1]);

	iommu_subdev_destroy(subdev[0]);
	/* The other one is destroyed by this */
	subdev_test_del_device(test, parent);
	KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
	/* Device links let go of it later */
	device_link_wait_removal();
	/* This one, and one for each sub-device */
	wait_for_release(kref_read(&parent->kobj.kref) == 3);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 3);

	KUNIT_EXPECT_STREQ(test, dev_name(subdev[0]->parent), dev_name(parent));
	put_device(subdev[0]);
	wait_for_release(kref_read(&parent->kobj.kref) == 2);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 2);
	KUNIT_EXPECT_STREQ(test, dev_name(subdev[1]->parent), dev_name(parent));
	put_device(subdev[1]);
	wait_for_release(kref_read(&parent->kobj.kref) == 1);
	KUNIT_EXPECT_EQ(test, kref_read(&parent->kobj.kref), 1);
	put_device(parent);
	mock_expect_left(test, t->mock, 0);
}

/* destroy, unbind of the parent's driver, unbind of that of the IOMMU */
static const char *const end_orders[] = {
	"dur", "dru", "udr", "urd", "rdu", "rud",
};

static void end_order_desc(const char *const *order, char *desc)
{
	strscpy(desc, *order, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(end_order, end_orders, end_order_desc);

/*
 * Destroy and both unbinds can come in any order, with a reference to what is
 * managed. The first of them ends the sub-device.
 */
static void subdev_test_end_order(struct kunit *test)
{
	const char *order = *(const char *const *)test->param_value;
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		get_device(subdev);
		for (const char *step = order; *step; step++) {
			switch (*step) {
			case 'd':
				iommu_subdev_destroy(subdev);
				break;
			case 'u':
				device_release_driver(t->parent);
				break;
			case 'r':
				device_release_driver(t->mock->dev);
				break;
			}
			KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		}
		put_device(subdev);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* Threads */

static void thread_destroy_one(struct subdev_thread *thread)
{
	iommu_subdev_destroy(thread->subdev);
}

/* An ID is taken while a create of it is under way, and while a destroy is. */
static void subdev_test_eexist_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < SUBDEV_TEST_NR_ID_FORMS; i++) {
		struct subdev_thread thread = { .id = 1, .create = subdev_test_forms[i] };
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.attach_gate = &gate;
		if (!subdev_test_run_thread(test, &thread, thread_create_one))
			return;
		wait_for_completion(&gate.reached);
		subdev_expect_refused(test, t->parent, 1, -EEXIST);
		complete(&gate.go);
		subdev_test_join_thread(&thread);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread.subdev);
		mock_expect_translated(test, thread.subdev, t->mock, STREAM_A(1));

		mock_init_gate(&gate);
		t->mock->does.block_gate = &gate;
		if (!subdev_test_run_thread(test, &thread, thread_destroy_one))
			return;
		wait_for_completion(&gate.reached);
		subdev_expect_refused(test, t->parent, 1, -EEXIST);
		complete(&gate.go);
		subdev_test_join_thread(&thread);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static struct mock_gate *removed_gate;

static int pass_removed_gate(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_REMOVED_DEVICE)
		mock_gate_pass(&removed_gate);
	return NOTIFY_DONE;
}

/* A create waits for a destroy that has not freed the name yet. */
static void subdev_test_name_under_way(struct kunit *test)
{
	struct notifier_block nb = { .notifier_call = pass_removed_gate };
	struct subdev_thread creator = { .id = 1, .create = iommu_subdev_create };
	struct subdev_thread destroyer = {};
	struct subdev_test *t = test->priv;
	const struct bus_type *bus;
	struct mock_gate gate;

	destroyer.subdev = subdev_test_must_create(test, t->parent, 1);
	bus = destroyer.subdev->bus;
	KUNIT_ASSERT_EQ(test, 0, bus_register_notifier(bus, &nb));
	mock_init_gate(&gate);
	removed_gate = &gate;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &destroyer, thread_destroy_one));
	wait_for_completion(&gate.reached);
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator, thread_create_one));
	KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
	KUNIT_EXPECT_FALSE(test, completion_done(&creator.done));
	complete(&gate.go);
	subdev_test_join_thread(&creator);
	subdev_test_join_thread(&destroyer);
	KUNIT_EXPECT_EQ(test, 0, bus_unregister_notifier(bus, &nb));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, creator.subdev);
	mock_expect_translated(test, creator.subdev, t->mock, STREAM_A(1));
	iommu_subdev_destroy(creator.subdev);
}

static void thread_unbind(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_release_driver(t->parent);
}

/* An unbind waits for a create that is under way, which then fails. */
static void subdev_test_unbind_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = { .id = 1, .create = subdev_test_forms[i] };
		struct subdev_thread unbinder = {};
		DECLARE_COMPLETION_ONSTACK(reached);
		struct unwound newer = { test, .reached = &reached };
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.attach_gate = &gate;
		if (!subdev_test_run_thread(test, &creator, thread_create_one))
			return;
		wait_for_completion(&gate.reached);
		/* This is released before the unbind comes to the new sub-device */
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));
		if (subdev_test_run_thread(test, &unbinder, thread_unbind)) {
			wait_for_completion(&reached);
			KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unbinder));
			KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
			complete(&gate.go);
			subdev_test_join_thread(&unbinder);
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
			KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		} else {
			complete(&gate.go);
		}
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EINVAL));
		KUNIT_EXPECT_EQ(test, newer.err, -EINVAL);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

static void pass_gate(void *data)
{
	struct mock_gate *gate = data;

	complete(&gate->reached);
	wait_for_completion(&gate->go);
}

/*
 * A create that comes to the device link after the unbind has begun adds none: the
 * IOMMU could be unbound before the parent then.
 */
static void subdev_test_unbind_before_link(struct kunit *test)
{
	struct subdev_thread creator = { .id = 1, .create = iommu_subdev_create };
	struct subdev_test *t = test->priv;
	struct subdev_thread unbinder = {};
	struct mock_gate gate;

	mock_init_gate(&gate);
	KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, pass_gate, &gate));
	device_lock(t->mock->dev);
	KUNIT_EXPECT_TRUE(test, subdev_test_run_thread(test, &creator, thread_create_one));
	KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
	KUNIT_EXPECT_TRUE(test, subdev_test_run_thread(test, &unbinder, thread_unbind));
	KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unbinder));
	device_unlock(t->mock->dev);
	subdev_test_join_thread(&creator);
	KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EINVAL));
	/* The unbind has still to release what is older than the sub-device */
	wait_for_completion(&gate.reached);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->parent->links.suppliers));
	complete(&gate.go);
	subdev_test_join_thread(&unbinder);
	KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
}

/* An unbind waits for a destroy that is under way, and does not repeat it. */
static void subdev_test_unbind_during_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread destroyer = {}, unbinder = {};
		DECLARE_COMPLETION_ONSTACK(reached);
		struct unwound newer = { test, .reached = &reached };
		struct mock_gate gate;

		destroyer.subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, destroyer.subdev);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, parent_action, &newer));

		mock_init_gate(&gate);
		t->mock->does.block_gate = &gate;
		if (!subdev_test_run_thread(test, &destroyer, thread_destroy_one))
			return;
		wait_for_completion(&gate.reached);
		if (subdev_test_run_thread(test, &unbinder, thread_unbind)) {
			wait_for_completion(&reached);
			KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unbinder));
			KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
			complete(&gate.go);
			subdev_test_join_thread(&unbinder);
			KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		} else {
			complete(&gate.go);
		}
		subdev_test_join_thread(&destroyer);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
	}
}

/*
 * An unbind of the IOMMU's driver waits for a create that is under way, and
 * unbinds the parent then.
 */
static void subdev_test_iommu_unbind_under_way(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = { .id = 1, .create = subdev_test_forms[i] };
		struct subdev_thread unbinder = {};
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.finalize_gate = &gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unbinder));
		KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_NULL(test, t->parent->driver);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		free_forgotten(i, creator.subdev);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/*
 * While the unbind of the IOMMU's driver unbinds one parent, no other parent gets
 * a sub-device that would be left without its IOMMU.
 */
static void subdev_test_iommu_going(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct device *subdev = subdev_test_forms[i](t->parent, 1), *other;
		struct subdev_thread unbinder = {};
		struct mock_gate gate;

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, subdev);
		mock_init_gate(&gate);
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(subdev, pass_gate, &gate));
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		wait_for_completion(&gate.reached);
		other = iommu_subdev_create(t->parent_b, 1);
		KUNIT_EXPECT_PTR_EQ(test, other, ERR_PTR(-EPROBE_DEFER));
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		free_forgotten(i, subdev);
		iommu_subdev_destroy(other);
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_B(1)));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		if (!t->parent_b->driver)
			KUNIT_ASSERT_EQ(test, device_attach(t->parent_b), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		subdev_expect_works(test, t->parent_b, 1, t->mock, STREAM_B(1));
	}
}

/* As the remove function of its driver does */
static void thread_unregister_iommu(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	device_lock(t->mock->dev);
	mock_unregister(t->mock);
	device_unlock(t->mock->dev);
}

/* While a device is configured, its IOMMU does not change. */
static void subdev_test_iommu_unregister_during_xlate(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread unregister = {}, creator = {
			.id = 1, .create = subdev_test_forms[i],
		};
		struct mock_gate gate;

		mock_init_gate(&gate);
		t->mock->does.xlate_gate = &gate;
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unregister,
							       thread_unregister_iommu));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unregister));
		KUNIT_EXPECT_FALSE(test, completion_done(&unregister.done));
		KUNIT_EXPECT_NOT_NULL(test, iommu_ops_from_fwnode(dev_fwnode(t->mock->dev)));
		complete(&gate.go);
		subdev_test_join_thread(&creator);
		subdev_test_join_thread(&unregister);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* Some drivers remove the IOMMU from sysfs before they unregister it. */
static void subdev_test_iommu_sysfs_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = {
			.id = 1, .create = subdev_test_forms[i],
		};

		device_lock(t->mock->dev);
		iommu_device_sysfs_remove(&t->mock->iommu);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
		iommu_device_unregister(&t->mock->iommu);
		device_unlock(t->mock->dev);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EPROBE_DEFER));
		iommu_subdev_destroy(creator.subdev);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* A device that is added while an IOMMU is unregistered does not get it. */
static void subdev_test_iommu_unregister_first(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct device_node *np = subdev_test_find_node(test, "foreign");
	struct subdev_thread unregister = {};
	struct platform_device *late;
	struct mock_gate gate;
	struct device *dev;

	dev = subdev_test_add_device(test, "foreign-alone");
	KUNIT_ASSERT_TRUE(test, device_iommu_mapped(dev));
	device_release_driver(dev);
	mock_init_gate(&gate);
	t->mock->does.block_gate = &gate;
	KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unregister,
						       thread_unregister_iommu));
	wait_for_completion(&gate.reached);
	late = of_platform_device_create(np, NULL, NULL);
	of_node_put(np);
	KUNIT_EXPECT_NOT_NULL(test, late);
	KUNIT_EXPECT_FALSE(test, late && device_iommu_mapped(&late->dev));
	complete(&gate.go);
	subdev_test_join_thread(&unregister);
	mock_expect_left(test, t->mock, 0);
	if (late)
		of_platform_device_destroy(&late->dev, NULL);
	subdev_test_del_device(test, dev);
}

/* Create checks the IOMMU that is registered when it probes, not an earlier one. */
static void subdev_test_iommu_replaced(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread creator = {
			.id = 1, .create = subdev_test_forms[i],
		};

		device_lock(t->mock->dev);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &creator,
							       thread_create_one));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&creator));
		mock_unregister(t->mock);
		t->mock->ops.release_domain = NULL;
		KUNIT_EXPECT_EQ(test, 0, mock_register(t->mock));
		device_unlock(t->mock->dev);
		subdev_test_join_thread(&creator);
		KUNIT_EXPECT_PTR_EQ(test, creator.subdev, ERR_PTR(-EOPNOTSUPP));
		iommu_subdev_destroy(creator.subdev);
		t->mock->ops.release_domain = &mock_blocked_domain;
		mock_expect_left(test, t->mock, 0);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

/* An unbind of the IOMMU's driver waits for a destroy that is under way. */
static void subdev_test_iommu_unbind_during_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	for (int i = 0; i < ARRAY_SIZE(subdev_test_forms); i++) {
		struct subdev_thread destroyer = {}, unbinder = {};
		struct mock_gate gate;

		destroyer.subdev = subdev_test_forms[i](t->parent, 1);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, destroyer.subdev);
		mock_init_gate(&gate);
		/* With and without device_lock() of the IOMMU */
		if (i & 1)
			t->mock->does.block_gate = &gate;
		else
			KUNIT_ASSERT_EQ(test, 0, devm_add_action(destroyer.subdev, pass_gate,
								 &gate));
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &destroyer,
							       thread_destroy_one));
		wait_for_completion(&gate.reached);
		KUNIT_ASSERT_TRUE(test, subdev_test_run_thread(test, &unbinder,
							       thread_unbind_iommu));
		KUNIT_EXPECT_TRUE(test, subdev_test_wait_asleep(&unbinder));
		KUNIT_EXPECT_FALSE(test, completion_done(&unbinder.done));
		KUNIT_EXPECT_TRUE(test, t->mock->registered);
		complete(&gate.go);
		subdev_test_join_thread(&unbinder);
		subdev_test_join_thread(&destroyer);
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->mock->dev), 1);
		KUNIT_ASSERT_EQ(test, 0, mock_register(t->mock));
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
	}
}

#define NR_THREADS	6
#define NR_ROUNDS	60
#define NR_WINS		5

static void thread_churn_own(struct subdev_thread *thread)
{
	const unsigned int forms = ARRAY_SIZE(subdev_test_forms);
	struct subdev_test *t = thread->test->priv;

	for (int i = 0; i < NR_ROUNDS; i++) {
		struct device *subdev;

		subdev = subdev_test_forms[i % forms](t->parent, thread->id);
		if (IS_ERR(subdev)) {
			thread->bad++;
			continue;
		}
		mock_expect_translated(thread->test, subdev, t->mock, STREAM_A(thread->id));
		iommu_subdev_destroy(subdev);
	}
}

/* Threads with IDs of their own never get in each other's way. */
static void subdev_test_threads_own_id(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	int n;

	t->mock->does.yield = true;
	for (n = 0; n < NR_THREADS; n++) {
		threads[n].id = n;
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_own))
			break;
	}
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
	}
}

static atomic_t holders, losses;

/* Until one came too early: the scheduler may run them one after the other. */
static void thread_churn_same(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	while ((thread->won < NR_WINS || !atomic_read(&losses)) &&
	       thread->won < 100 * NR_WINS && !thread->bad) {
		struct device *subdev;

		subdev = subdev_test_forms[thread->won % SUBDEV_TEST_NR_ID_FORMS](t->parent, 1);
		if (IS_ERR(subdev)) {
			if (subdev != ERR_PTR(-EEXIST))
				thread->bad++;
			atomic_inc(&losses);
			schedule();
			continue;
		}
		if (atomic_inc_return(&holders) != 1)
			thread->bad++;
		schedule();
		atomic_dec(&holders);
		thread->won++;
		iommu_subdev_destroy(subdev);
	}
}

/* Of threads that create for the same ID, one at a time succeeds. */
static void subdev_test_threads_same_id(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	unsigned int won = 0;
	int n;

	t->mock->does.yield = true;
	atomic_set(&losses, 0);
	for (n = 0; n < NR_THREADS; n++)
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_same))
			break;
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
		won += threads[n].won;
	}
	KUNIT_EXPECT_GT(test, atomic_read(&losses), 0);
	kunit_info(test, "%u creates won, %d came too early\n", won, atomic_read(&losses));
}

static void thread_churn_unbound(struct subdev_thread *thread)
{
	struct subdev_test *t = thread->test->priv;

	for (int i = 0; i < NR_ROUNDS; i++) {
		int form = i % SUBDEV_TEST_NR_ID_FORMS;
		struct device *subdev;
		int err;

		subdev = subdev_test_forms[form](t->parent, thread->id);
		err = PTR_ERR_OR_ZERO(subdev);
		if (!err)
			thread->won++;
		else if (err != -EEXIST && err != -EINVAL)
			thread->bad++;
		schedule();
		/* Only the unbind destroys what is managed: nobody knows when */
		if (!err)
			free_forgotten(form, subdev);
	}
}

/* The parent's driver may be bound and unbound while threads create. */
static void subdev_test_threads_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	struct subdev_thread threads[NR_THREADS] = {};
	int n;

	t->mock->does.yield = true;
	for (n = 0; n < NR_THREADS; n++) {
		threads[n].id = n;
		if (!subdev_test_run_thread(test, &threads[n], thread_churn_unbound))
			break;
	}
	for (int i = 0; i < NR_ROUNDS; i++) {
		device_release_driver(t->parent);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		fsleep(2000);
		/* Nobody would remove a link that came too late */
		KUNIT_EXPECT_TRUE(test, list_empty(&t->parent->links.suppliers));
		KUNIT_EXPECT_EQ(test, device_attach(t->parent), 1);
		schedule();
	}
	while (n--) {
		subdev_test_join_thread(&threads[n]);
		KUNIT_EXPECT_EQ(test, threads[n].bad, 0);
	}
	device_release_driver(t->parent);
	mock_expect_left(test, t->mock, 0);
}

/* Every allocation fails once */

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
#define SWEEP_MAX	5000

static void allow_faults(struct kunit *test, bool pages)
{
	if (!subdev_test_allow_faults(pages))
		kunit_skip(test, "needs CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC");
}

static void start_failing(void *nth)
{
	current->fail_nth = *(unsigned int *)nth;
}

static void stop_failing(void *left)
{
	*(unsigned int *)left = current->fail_nth;
	current->fail_nth = 0;
}

/* @linked: the parent and its IOMMU are linked by an earlier create */
static void sweep_create(struct kunit *test, subdev_create_fn create, int streams,
			 bool linked)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left, failed = 0;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev;

		start_failing(&nth);
		subdev = create(t->parent, 1);
		stop_failing(&left);

		/* What was told apart from success was told right */
		if (IS_ERR(subdev)) {
			failed++;
			/* A device link that cannot be added has no error */
			if (linked || subdev != ERR_PTR(-EINVAL))
				KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(subdev), -ENOMEM,
						    "allocation %u", nth);
		} else {
			/* All or none */
			KUNIT_EXPECT_EQ(test, dev_iommu_fwspec_get(subdev)->num_ids, streams);
			mock_expect_translated(test, subdev, t->mock, STREAM_A(1));
			iommu_subdev_destroy(subdev);
		}

		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		wait_for_release(subdev_test_node_refs(t) == t->refs);
		KUNIT_EXPECT_EQ(test, subdev_test_node_refs(t), t->refs);
		subdev_expect_works(test, t->parent, 1, t->mock, STREAM_A(1));
		if (!linked)
			rebind_iommu_and_parent(test);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	KUNIT_EXPECT_GT(test, failed, 20);
	kunit_info(test, "%u allocations swept, create survived %u\n", nth - 1,
		   nth - 1 - failed);
}

/* Each allocation that fails makes create fail, with nothing left behind. */
static void subdev_test_enomem_create(struct kunit *test)
{
	sweep_create(test, iommu_subdev_create, 1, false);
}

/* So does each of the managed form. */
static void subdev_test_enomem_devm_create(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	iommu_subdev_destroy(subdev_test_must_create(test, t->parent, 1));
	sweep_create(test, devm_iommu_subdev_create, 1, true);
}

/* And with a node. */
static void subdev_test_enomem_create_node(struct kunit *test)
{
	struct subdev_test *t = test->priv;

	t->mock->ops.get_resv_regions = iommu_dma_get_resv_regions;
	sweep_create(test, subdev_test_create_of_node, 2, false);
}

/* A context without its window is none: DMA addresses would be anywhere. */
static void subdev_test_enomem_window(struct kunit *test)
{
	struct device *parent = subdev_test_add_device(test, "parent-narrow");
	struct subdev_test *t = test->priv;
	unsigned int nth, left, failed = 0;

	allow_faults(test, false);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev;

		start_failing(&nth);
		subdev = iommu_subdev_create(parent, 1);
		stop_failing(&left);
		if (IS_ERR(subdev))
			failed++;
		else
			KUNIT_EXPECT_NOT_NULL_MSG(test, subdev->dma_range_map,
						  "allocation %u", nth);
		iommu_subdev_destroy(subdev);
		mock_expect_left(test, t->mock, 0);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	KUNIT_EXPECT_GT(test, failed, 20);
	kunit_info(test, "%u allocations swept, create survived %u\n", nth - 1,
		   nth - 1 - failed);
	subdev_test_del_device(test, parent);
}

/* Destroy does its work without memory. */
static void subdev_test_enomem_destroy(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		struct device *subdev = subdev_test_must_create(test, t->parent, 1);

		start_failing(&nth);
		iommu_subdev_destroy(subdev);
		stop_failing(&left);
		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	kunit_info(test, "%u allocations swept\n", nth - 1);
}

/* So does what is managed when the parent's driver unbinds. */
static void subdev_test_enomem_unbind(struct kunit *test)
{
	struct subdev_test *t = test->priv;
	unsigned int nth, left;

	allow_faults(test, true);
	for (nth = 1; nth < SWEEP_MAX; nth++) {
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, stop_failing, &left));
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, devm_iommu_subdev_create(t->parent, 1));
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(t->parent, start_failing, &nth));
		device_release_driver(t->parent);

		KUNIT_EXPECT_TRUE(test, subdev_test_none_left());
		KUNIT_EXPECT_TRUE(test, mock_is_blocked(t->mock, STREAM_A(1)));
		mock_expect_left(test, t->mock, 0);
		KUNIT_ASSERT_EQ(test, device_attach(t->parent), 1);
		if (left)
			break;
	}
	KUNIT_EXPECT_LT(test, nth, SWEEP_MAX);
	kunit_info(test, "%u allocations swept\n", nth - 1);
}
#else /* !CONFIG_FAULT_INJECTION_DEBUG_FS */
static void subdev_test_enomem_create(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAULT_INJECTION_DEBUG_FS");
}

#define subdev_test_enomem_devm_create	subdev_test_enomem_create
#define subdev_test_enomem_create_node	subdev_test_enomem_create
#define subdev_test_enomem_window	subdev_test_enomem_create
#define subdev_test_enomem_destroy	subdev_test_enomem_create
#define subdev_test_enomem_unbind	subdev_test_enomem_create
#endif /* CONFIG_FAULT_INJECTION_DEBUG_FS */

static struct kunit_case subdev_test_end_cases[] = {
	KUNIT_CASE(subdev_test_order_of_death),
	KUNIT_CASE(subdev_test_unbind),
	KUNIT_CASE(subdev_test_iommu_unbind),
	KUNIT_CASE(subdev_test_iommu_driver_changes),
	KUNIT_CASE(subdev_test_unbind_many),
	KUNIT_CASE(subdev_test_unbind_order),
	KUNIT_CASE(subdev_test_probe),
	KUNIT_CASE(subdev_test_remove),
	KUNIT_CASE(subdev_test_reference),
	KUNIT_CASE_PARAM(subdev_test_end_order, end_order_gen_params),
	{}
};

static struct kunit_case subdev_test_thread_cases[] = {
	KUNIT_CASE(subdev_test_eexist_under_way),
	KUNIT_CASE(subdev_test_name_under_way),
	KUNIT_CASE(subdev_test_unbind_under_way),
	KUNIT_CASE(subdev_test_unbind_before_link),
	KUNIT_CASE(subdev_test_unbind_during_destroy),
	KUNIT_CASE(subdev_test_iommu_going),
	KUNIT_CASE(subdev_test_iommu_unbind_under_way),
	KUNIT_CASE(subdev_test_iommu_unregister_during_xlate),
	KUNIT_CASE(subdev_test_iommu_sysfs_first),
	KUNIT_CASE(subdev_test_iommu_unregister_first),
	KUNIT_CASE(subdev_test_iommu_replaced),
	KUNIT_CASE(subdev_test_iommu_unbind_during_destroy),
	KUNIT_CASE(subdev_test_threads_own_id),
	KUNIT_CASE(subdev_test_threads_same_id),
	KUNIT_CASE(subdev_test_threads_unbind),
	{}
};

static struct kunit_case subdev_test_enomem_cases[] = {
	KUNIT_CASE_SLOW(subdev_test_enomem_create),
	KUNIT_CASE_SLOW(subdev_test_enomem_devm_create),
	KUNIT_CASE_SLOW(subdev_test_enomem_create_node),
	KUNIT_CASE_SLOW(subdev_test_enomem_window),
	KUNIT_CASE_SLOW(subdev_test_enomem_destroy),
	KUNIT_CASE_SLOW(subdev_test_enomem_unbind),
	{}
};

/*
 * kmemleak looks by itself only a minute after boot and then every ten minutes,
 * and says in the kernel's log what it found. Be there when it does.
 */
static void subdev_test_await_kmemleak(struct kunit_suite *suite)
{
	time64_t now = ktime_get_boottime_seconds();
	time64_t first = 60, second = first + 600, takes = 40;

	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN))
		ssleep(max((now < first - 5 ? first : second) + takes - now, 0));
}

SUBDEV_TEST_SUITE("_end", subdev_test_end_cases);
SUBDEV_TEST_SUITE("_threads", subdev_test_thread_cases);
SUBDEV_TEST_SUITE("_enomem", subdev_test_enomem_cases,
		  .suite_exit = subdev_test_await_kmemleak);

kunit_test_suites(&subdev_test_end_cases_suite,
		  &subdev_test_thread_cases_suite,
		  &subdev_test_enomem_cases_suite);
