// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of what the drivers of contexts are told of their faults
 */
#include <errno.h>
#include <string.h>

#include "check.h"

/* Addresses where nothing is mapped for anybody */
#define STRAY		0x123456000ULL
#define STRAY_TOO	0x234567000ULL
/* What a fault leaves in the log when its driver is told */
#define LOGGED		"fault at IOVA"

static unsigned int storm_engine;

static void storm(void)
{
	for (;;)
		engine_raw_write(storm_engine, STRAY);
}

/*
 * Each fault is told to the driver in the context of the engine that tried it, with
 * the address and what it was, and in no other. The log has one line of many.
 */
void test_fault_told(void)
{
	struct context ctx[2];
	struct buffer buf;

	begin("faults_are_told");
	check_errno(context_open(&ctx[0]), 0);
	check_errno(context_open(&ctx[1]), 0);
	check_errno(context_alloc(&ctx[0], &buf, PAGE), 0);
	log_skip();
	for (unsigned int i = 0; i < 4; i++) {
		struct context *c = &ctx[i / 2];
		uint64_t iova = i % 2 ? STRAY_TOO : STRAY;

		check_errno(dma_to_engine(c, iova), 0);
		check(context_faulted(c, iova, false));
		context_forget_faults(c);
		check_errno(dma_from_engine(c, iova), 0);
		check(context_faulted(c, iova, true));
		context_forget_faults(c);
		check(!context_has_fault(&ctx[!(i / 2)], 0));
	}
	/* What is allowed is no fault */
	check_errno(dma_to_engine(&ctx[0], buf.iova), 0);
	check_errno(dma_from_engine(&ctx[0], buf.iova), 0);
	check(!context_has_fault(&ctx[0], 100));
	check(log_count(LOGGED, "") == 2);
	context_close(&ctx[0]);
	context_close(&ctx[1]);
}

/*
 * One context that faults without end hides no other's faults, in the log either,
 * nor does it fill that. The others work.
 */
void test_fault_storm(void)
{
	struct context bad, good;
	struct buffer buf;
	pid_t storming;

	begin("storm_of_faults");
	check_errno(context_open(&bad), 0);
	check_errno(context_open(&good), 0);
	check_errno(context_alloc(&good, &buf, PAGE), 0);
	log_skip();
	storm_engine = bad.engine;
	storming = child(storm);
	check(context_has_fault(&bad, 5000));
	for (unsigned int i = 0; i < 10; i++) {
		memset(buf.mem, i, PAGE);
		check_errno(dma_to_engine(&good, buf.iova), 0);
		memset(buf.mem, 0xff, PAGE);
		check_errno(dma_from_engine(&good, buf.iova), 0);
		check(bytes_are(buf.mem, i));
		check(!context_has_fault(&good, 0));
	}
	/* What comes when the IOMMU's queue is full is lost */
	for (unsigned int i = 0; i < 50 && !context_has_fault(&good, 0); i++)
		check_errno(dma_to_engine(&good, STRAY_TOO), 0);
	check(context_faulted(&good, STRAY_TOO, false));
	check(log_has(LOGGED, good.name));
	log_skip();
	sleep_ms(4000);
	check(log_count("", bad.name) <= 1);
	context_forget_faults(&bad);
	context_close(&bad);
	check(end_child(storming));
	engine_raw_wait(storm_engine);
	context_close(&good);
}

/*
 * A driver may end the context that faults, in a work item of its handler. Others
 * go on, and the next context of the stream is as any other.
 */
void test_fault_ends(void)
{
	struct subdev_rig rig, other;

	begin("context_ends_by_its_fault");
	check_errno(create(&rig, PARENT, ID_OF_ENGINE_0), 0);
	check_errno(create(&other, PARENT, ID_OF_ENGINE_1), 0);
	check_errno(rig_do(&other, RIG_MANAGED_BUFFER), 0);
	check_errno(rig_do(&rig, RIG_END_BY_FAULT), 0);
	check(exists(SUBDEVS "/%s", rig.name));
	engine_raw_write(0, STRAY);
	for (unsigned int i = 0; i < 20 && exists(SUBDEVS "/%s", rig.name); i++)
		sleep_ms(50);
	check(!exists(SUBDEVS "/%s", rig.name));
	check(!engine_gets_through(0));
	engine_raw_write(1, other.dma);
	check_errno(rig_do(&other, RIG_WRITTEN), 0);
	check(other.count == CHUNK);
	check_errno(try_create(PARENT, ID_OF_ENGINE_0), 0);
	check_errno(destroy(&rig), 0);
	check_errno(destroy(&other), 0);
}

/* While the stream faults all the time contexts come and go, with what handlers use. */
void test_fault_race(void)
{
	struct subdev_rig rig = { .count = 200 };
	pid_t storming;

	begin("no_call_after_destroy");
	storm_engine = 0;
	storming = child(storm);
	snprintf(rig.parent, sizeof(rig.parent), "%s", PARENT);
	rig.id = ID_OF_ENGINE_0;
	check_errno(rig_do(&rig, RIG_FAULT_CHURN), 0);
	printf("# %u faults in 200 contexts\n", rig.count);
	check(rig.count);
	check(end_child(storming));
	engine_raw_wait(storm_engine);
	check_errno(try_create(PARENT, ID_OF_ENGINE_0), 0);
}
