// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of contexts that the example keeps for the next file
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define KEEP	"/sys/module/edu_accel/parameters/keep"

/* Which of the sub-devices of one name it is; 0: there is none */
static ino_t identity(const struct context *ctx)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), SUBDEVS "/%s", ctx->name);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* Whatever is kept goes with the next file that is closed */
static void keep_no_more(void)
{
	struct context ctx[ENGINES];

	check_errno(write_file("N", KEEP), 0);
	for (unsigned int i = 0; i < ENGINES; i++)
		check_errno(context_open(&ctx[i]), 0);
	for (unsigned int i = 0; i < ENGINES; i++)
		context_close(&ctx[i]);
	check(!count_dir(SUBDEVS));
}

static void check_no_access(struct context *ctx, uint64_t iova)
{
	check_errno(dma_to_engine(ctx, iova), 0);
	check(context_faulted(ctx, iova, false));
	context_forget_faults(ctx);
	check_errno(dma_from_engine(ctx, iova), 0);
	check(context_faulted(ctx, iova, true));
	context_forget_faults(ctx);
}

static void check_works(struct context *ctx, uint8_t byte)
{
	struct buffer buf;

	check_errno(context_alloc(ctx, &buf, PAGE), 0);
	memset(buf.mem, byte, PAGE);
	check_errno(dma_to_engine(ctx, buf.iova), 0);
	memset(buf.mem, ~byte, PAGE);
	check_errno(dma_from_engine(ctx, buf.iova), 0);
	check(bytes_are(buf.mem, byte));
}

/*
 * The same context serves one file after the other. In between, and in the next one,
 * the engine reaches nothing of what was mapped; the next one is not told of what the
 * engine did before.
 */
void test_session_next(void)
{
	struct context ctx, next;
	struct buffer secret;
	ino_t kept;

	begin("next_session_has_nothing_of_the_last");
	check_errno(write_file("Y", KEEP), 0);
	check_errno(context_open(&ctx), 0);
	for (unsigned int n = 0; n < 3; n++) {
		check_errno(context_alloc(&ctx, &secret, 4 * PAGE), 0);
		memset(secret.mem, 0x11, PAGE);
		check_errno(dma_to_engine(&ctx, secret.iova), 0);
		kept = identity(&ctx);
		context_close(&ctx);
		check(kept && identity(&ctx) == kept);
		engine_raw_write(ctx.engine, secret.iova);
		engine_raw_write(ctx.engine, secret.iova + 3 * PAGE);

		check_errno(context_open(&next), 0);
		check(identity(&next) == kept);
		check(!context_has_fault(&next, 0));
		check_no_access(&next, secret.iova);
		check_no_access(&next, secret.iova + 3 * PAGE);
		check_works(&next, 0x22 + n);
		ctx = next;
	}
	context_close(&ctx);
	keep_no_more();
}

/*
 * A dma-buf keeps a buffer mapped when the file is closed: then the context is not
 * kept. The buffer is freed later, under the next one.
 */
void test_session_left(void)
{
	struct context ctx, next;
	struct buffer buf;
	ino_t first;
	int fd;

	begin("what_is_left_mapped_ends_the_context");
	check_errno(write_file("Y", KEEP), 0);
	check_errno(context_open(&ctx), 0);
	check_errno(context_alloc(&ctx, &buf, PAGE), 0);
	fd = context_export(&ctx, &buf);
	check(fd > 2);
	first = identity(&ctx);
	log_skip();
	context_close(&ctx);
	check(!identity(&ctx));
	check(log_has("1 pages are left mapped", ctx.name));
	check(!engine_gets_through(ctx.engine));

	check_errno(context_open(&next), 0);
	check(first && identity(&next) && identity(&next) != first);
	check_no_access(&next, buf.iova);
	check_works(&next, 0x33);
	close(fd);
	check_works(&next, 0x44);
	context_close(&next);
	keep_no_more();
}

/* No context that is kept survives the driver, or is forgotten by it */
void test_session_unbound(void)
{
	struct context ctx[ENGINES], open;

	begin("contexts_that_are_kept_end_at_unbind");
	check_errno(write_file("Y", KEEP), 0);
	for (unsigned int i = 0; i < ENGINES; i++)
		check_errno(context_open(&ctx[i]), 0);
	for (unsigned int i = 0; i < ENGINES; i++)
		context_close(&ctx[i]);
	check_errno(context_open(&open), 0);
	check(count_dir(SUBDEVS) == ENGINES);
	log_skip();
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/unbind"), 0);
	check(!count_dir(SUBDEVS));
	check(!log_has("behind", ""));
	/* That of a file that was open is not kept when the driver is gone */
	context_close(&open);
	for (unsigned int i = 0; i < ENGINES; i++)
		check(!engine_gets_through(i));
	check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	keep_no_more();
}

/* A session on a context that was kept costs a twentieth of a context of its own */
void test_session_cost(void)
{
	struct subdev_rig rig = { .id = ID_FIRST };

	begin("reset_costs_a_twentieth");
	snprintf(rig.parent, sizeof(rig.parent), "%s", PARENT);
	check_errno(rig_do(&rig, RIG_COST), 0);
	printf("# create %llu, destroy %llu, reset %llu instructions\n", rig.cost.create,
	       rig.cost.destroy, rig.cost.reset);
	check(rig.cost.reset && rig.cost.reset * 20 <= rig.cost.create + rig.cost.destroy);
}
