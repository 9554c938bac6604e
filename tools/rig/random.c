// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations with real DMA. Beside the kernel runs a plain model: it knows
 * which error each call is to return, and which memory each engine reaches. After
 * every step all engines write to addresses of their own and of others, and what was
 * written is compared with the model.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define CONTEXTS	8
#define BUFFERS		16
#define FILES		3
/* Nothing is mapped there, for anybody */
#define STRAY		0x123456000ULL
/* So many of the last steps are printed when one fails */
#define STEPS_SHOWN	100

enum parent { OF_ACCEL, OF_PARENT, PARENTS };

/* What can be asked for, and the engines whose streams that has; or the error */
static const struct key {
	enum parent parent;
	unsigned int id;
	/* A child node */
	const char *node;
	unsigned int engines;
	int err;
} keys[] = {
	{ OF_ACCEL, .id = 0, .engines = 1 << 0 },
	{ OF_ACCEL, .id = 1, .engines = 1 << 1 },
	{ OF_ACCEL, .id = 2, .engines = 1 << 2 },
	{ OF_ACCEL, .id = 3, .engines = 1 << 3 },
	{ OF_ACCEL, .id = ID_UNMAPPED, .err = -ENODEV },
	{ OF_PARENT, .id = ID_OF_ENGINE_0, .engines = 1 << 0 },
	{ OF_PARENT, .id = ID_OF_ENGINE_1, .engines = 1 << 1 },
	{ OF_PARENT, .node = "pair", .engines = 1 << 0 | 1 << 1 },
	{ OF_PARENT, .id = ID_UNMAPPED, .err = -ENODEV },
	{ OF_PARENT, .id = ID_DISABLED, .err = -ENODEV },
	{ OF_PARENT, .id = ID_OF_PCI, .err = -EBUSY },
	/* Or what another IOMMU's driver says */
	{ OF_PARENT, .id = ID_OUT_OF_RANGE, .err = -ERANGE },
	{ OF_PARENT, .node = "taken", .err = -EBUSY },
	{ OF_PARENT, .node = "off", .err = -ENODEV },
	{ OF_PARENT, .node = "absent", .err = -EINVAL },
};

/* A sub-device that the rig's module has a reference to */
static struct ctx {
	bool used, live, managed;
	const struct key *key;
	int handle;
} contexts[CONTEXTS];

/* A buffer of the module. Its context may be dead, or another one by now */
static struct buf {
	bool used;
	struct ctx *ctx;
	/* False once the context is dead, whatever is in its place */
	bool mapped;
	unsigned int number, size, kind;
	uint64_t dma;
	uint8_t byte;
} bufs[BUFFERS];

/* An open file of the example, with a buffer */
static struct file {
	bool used, live;
	struct context ctx;
	struct buffer buffer;
	uint8_t byte;
} files[FILES];

static bool bound[PARENTS];
/* Has had a context since it was bound, so its driver goes before the IOMMU's */
static bool linked[PARENTS];
/* virtio-iommu can be unplugged */
static bool on_virtio, iommu_there;
/* What an engine has in its memory: all bytes are the same */
static uint8_t engine_byte[ENGINES];
static uint8_t *guard;

static uint32_t state;
static uint8_t next_byte;
static char (*steps)[96];
static unsigned int step, nr_failures;
static bool verbose;

static unsigned int draw(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % n;
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(steps[step], sizeof(steps[step]), fmt, ap);
	va_end(ap);
	if (verbose)
		printf("# %u: %s\n", step, steps[step]);
}

static void __attribute__((format(printf, 1, 2))) wrong(const char *fmt, ...)
{
	va_list ap;

	nr_failures++;
	printf("# step %u, %s: ", step, steps[step]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static void expect(const char *what, int ret, int want)
{
	if (ret != want)
		wrong("%s gave %d (%s), not %d (%s)", what, ret, strerror(-ret), want,
		      strerror(-want));
}

static const char *name_of(enum parent parent)
{
	return parent == OF_ACCEL ? ACCEL : PARENT;
}

static const char *driver_of(enum parent parent)
{
	return parent == OF_ACCEL ? ACCEL_DRIVER : RIG_DRIVER;
}

/* Never that of an engine's memory after the example has emptied it */
static uint8_t new_byte(void)
{
	if (!++next_byte)
		++next_byte;
	return next_byte;
}

/* The model: who has an engine, and what it reaches */

static struct ctx *context_of(unsigned int engine)
{
	for (unsigned int i = 0; i < CONTEXTS; i++)
		if (contexts[i].used && contexts[i].live &&
		    contexts[i].key->engines & 1 << engine)
			return &contexts[i];
	return NULL;
}

static struct file *file_of(unsigned int engine)
{
	for (unsigned int i = 0; i < FILES; i++)
		if (files[i].used && files[i].live && files[i].ctx.engine == engine)
			return &files[i];
	return NULL;
}

static struct buf *buf_reached(unsigned int engine, uint64_t address)
{
	struct ctx *ctx = context_of(engine);

	for (unsigned int i = 0; ctx && i < BUFFERS; i++) {
		struct buf *buf = &bufs[i];

		if (buf->used && buf->mapped && buf->ctx == ctx &&
		    address >= buf->dma && address < buf->dma + buf->size)
			return buf;
	}
	return NULL;
}

static struct file *file_reached(unsigned int engine, uint64_t address)
{
	struct file *file = file_of(engine);

	if (file && address >= file->buffer.iova && address < file->buffer.iova + PAGE)
		return file;
	return NULL;
}

static int create_error(const struct key *key)
{
	if (!bound[key->parent])
		return -EINVAL;
	if (key->err == -ENODEV || key->err == -EINVAL)
		return key->err;
	if (!iommu_there)
		return -EPROBE_DEFER;
	if (key->err == -ERANGE)
		return no_such_stream();
	if (key->err)
		return key->err;
	for (unsigned int i = 0; i < CONTEXTS; i++)
		if (contexts[i].used && contexts[i].live && contexts[i].key == key)
			return -EEXIST;
	if (key->parent == OF_ACCEL && file_of(key->id))
		return -EEXIST;
	for (unsigned int n = 0; n < ENGINES; n++)
		if (key->engines & 1 << n && (context_of(n) || file_of(n)))
			return -EBUSY;
	return 0;
}

static void context_dies(struct ctx *ctx)
{
	ctx->live = false;
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (bufs[i].used && bufs[i].ctx == ctx)
			bufs[i].mapped = false;
}

/* The steps. Each is false when there is nothing that it could be done with */

static struct ctx *draw_context(void)
{
	struct ctx *ctx = &contexts[draw(CONTEXTS)];

	return ctx->used ? ctx : NULL;
}

static struct buf *draw_buf(void)
{
	struct buf *buf = &bufs[draw(BUFFERS)];

	return buf->used ? buf : NULL;
}

static bool step_create(void)
{
	const struct key *key = &keys[draw(ARRAY_SIZE(keys))];
	struct ctx *ctx = &contexts[draw(CONTEXTS)];
	struct subdev_rig rig = { .id = key->id };
	bool managed = draw(2);
	int ret, want;

	if (ctx->used)
		return false;
	snprintf(rig.parent, sizeof(rig.parent), "%s", name_of(key->parent));
	snprintf(rig.name, sizeof(rig.name), "%s", key->node ?: "");
	say("%screate %s %s%x as context %td", managed ? "devm " : "", rig.parent,
	    key->node ?: "", key->id, ctx - contexts);
	want = create_error(key);
	if (key->node)
		ret = rig_do(&rig, managed ? RIG_DEVM_CREATE_NODE : RIG_CREATE_NODE);
	else
		ret = rig_do(&rig, managed ? RIG_DEVM_CREATE : RIG_CREATE);
	expect("create", ret, want);
	linked[key->parent] |= !ret;
	if (!ret)
		*ctx = (struct ctx) {
			.used = true, .live = true, .managed = managed,
			.key = key, .handle = rig.handle,
		};
	return true;
}

static bool step_destroy(void)
{
	struct ctx *ctx = draw_context();
	struct subdev_rig rig = {};

	/* Dead ones only if they were managed: that is ignored */
	if (!ctx || (!ctx->live && !ctx->managed))
		return false;
	say("destroy context %td", ctx - contexts);
	rig.handle = ctx->handle;
	/* Once destroyed by hand it is no more than any other */
	if (ctx->live)
		ctx->managed = false;
	context_dies(ctx);
	expect("destroy", rig_do(&rig, RIG_DESTROY_KEEP), 0);
	return true;
}

static bool step_put(void)
{
	struct ctx *ctx = draw_context();
	struct subdev_rig rig = {};

	if (!ctx)
		return false;
	say("%s context %td", ctx->live ? "destroy and put" : "put", ctx - contexts);
	rig.handle = ctx->handle;
	context_dies(ctx);
	ctx->used = false;
	expect("destroy", rig_do(&rig, RIG_DESTROY), 0);
	return true;
}

static bool step_alloc(void)
{
	struct buf *buf = &bufs[draw(BUFFERS)];
	struct ctx *ctx = draw_context();
	struct subdev_rig rig = {};
	int ret, want = 0;

	if (buf->used || !ctx)
		return false;
	rig.handle = ctx->handle;
	rig.kind = draw(RIG_KINDS);
	rig.size = PAGE << draw(3);
	rig.byte = new_byte();
	say("alloc buffer %td of %u bytes, kind %u, context %td", buf - bufs, rig.size,
	    rig.kind, ctx - contexts);
	if (!ctx->live)
		want = rig.kind == RIG_COHERENT ? -ENOMEM : -EIO;
	ret = rig_do(&rig, RIG_ALLOC);
	expect("alloc", ret, want);
	if (!ret)
		*buf = (struct buf) {
			.used = true, .ctx = ctx, .mapped = ctx->live,
			.number = rig.buffer, .size = rig.size, .kind = rig.kind,
			.dma = rig.dma, .byte = rig.byte,
		};
	return true;
}

static bool step_free(void)
{
	struct buf *buf = draw_buf();
	struct subdev_rig rig = {};

	if (!buf)
		return false;
	say("free buffer %td, %s", buf - bufs, buf->mapped ? "mapped" : "late");
	rig.buffer = buf->number;
	buf->used = false;
	expect("free", rig_do(&rig, RIG_FREE), 0);
	return true;
}

static bool step_sync(void)
{
	struct buf *buf = draw_buf();
	struct subdev_rig rig = {};

	if (!buf)
		return false;
	say("sync buffer %td, %s", buf - bufs, buf->mapped ? "mapped" : "late");
	rig.buffer = buf->number;
	expect("sync", rig_do(&rig, RIG_SYNC), 0);
	return true;
}

static void unbind_parent(enum parent parent)
{
	for (unsigned int i = 0; i < CONTEXTS; i++)
		if (contexts[i].used && contexts[i].live && contexts[i].key->parent == parent)
			context_dies(&contexts[i]);
	for (unsigned int i = 0; parent == OF_ACCEL && i < FILES; i++)
		files[i].live = false;
	bound[parent] = false;
	linked[parent] = false;
}

/* The example's probe wants all engines once */
static int bind_error(enum parent parent)
{
	/* -EPROBE_DEFER, as user space knows it */
	if (parent == OF_ACCEL && !iommu_there)
		return -EAGAIN;
	for (unsigned int n = 0; parent == OF_ACCEL && n < ENGINES; n++)
		if (context_of(n))
			return -EBUSY;
	return 0;
}

static bool step_driver(void)
{
	enum parent parent = draw(PARENTS);
	const char *driver = driver_of(parent);
	int want;

	if (bound[parent]) {
		say("unbind %s", name_of(parent));
		unbind_parent(parent);
		expect("unbind", write_file(name_of(parent), "%s/unbind", driver), 0);
	} else {
		say("bind %s", name_of(parent));
		want = bind_error(parent);
		expect("bind", write_file(name_of(parent), "%s/bind", driver), want);
		bound[parent] = !want;
		linked[parent] = !want && parent == OF_ACCEL;
	}
	return true;
}

static bool step_iommu(void)
{
	if (!on_virtio)
		return false;
	if (iommu_there) {
		say("unplug the IOMMU");
		expect("remove", viommu_remove(), 0);
		for (enum parent parent = 0; parent < PARENTS; parent++) {
			bool is_bound = exists("%s/%s", driver_of(parent), name_of(parent));

			if (is_bound && linked[parent])
				wrong("the driver of %s is still bound", name_of(parent));
			/* A create that failed may have linked it as well */
			if (bound[parent] && !is_bound)
				unbind_parent(parent);
		}
	} else {
		say("plug the IOMMU in");
		expect("rescan", pci_rescan(), 0);
		give_host_bridge_its_iommu();
	}
	iommu_there = !iommu_there;
	return true;
}

/* The engine that an open of the example gets, or the error */
static int open_engine(void)
{
	if (!bound[OF_ACCEL])
		return -ENOENT;
	for (unsigned int n = 0; n < ENGINES; n++)
		if (!file_of(n))
			return create_error(&keys[n]) ?: (int)n;
	return -EBUSY;
}

static bool step_open(void)
{
	struct file *file = &files[draw(FILES)];
	int ret, want = open_engine();

	if (file->used)
		return false;
	say("open file %td", file - files);
	ret = context_open(&file->ctx);
	expect("open", ret ?: (int)file->ctx.engine, want);
	if (ret)
		return true;
	file->used = true;
	file->live = true;
	file->byte = new_byte();
	engine_byte[file->ctx.engine] = 0;
	ret = context_alloc(&file->ctx, &file->buffer, PAGE);
	if (ret)
		die("the example has no buffer: %s", strerror(-ret));
	memset(file->buffer.mem, file->byte, PAGE);
	return true;
}

static bool step_close(void)
{
	struct file *file = &files[draw(FILES)];

	if (!file->used)
		return false;
	say("close file %td, %s", file - files, file->live ? "live" : "late");
	file->used = false;
	context_close(&file->ctx);
	return true;
}

static void dma(unsigned int engine, uint64_t address, bool to_memory)
{
	engine_raw_start(engine, address, to_memory);
	engine_raw_wait(engine);
}

/* How many bytes of @buf are @byte */
static unsigned int count_bytes(struct buf *buf, uint8_t byte)
{
	struct subdev_rig rig = { .buffer = buf->number, .byte = byte };

	expect("count", rig_do(&rig, RIG_COUNT), 0);
	return rig.count;
}

static uint64_t scan(void)
{
	struct subdev_rig rig = {};

	expect("scan", rig_do(&rig, RIG_SCAN), 0);
	return rig.mask;
}

/*
 * An engine of a context reads one of its buffers and writes that to another. Or it
 * reads what it does not reach, and nothing of that is in what it writes.
 */
static bool step_copy(void)
{
	struct buf *from = draw_buf(), *to = draw_buf();
	unsigned int n = draw(ENGINES), count;
	bool own;

	if (!from || !to || from == to || from->byte == to->byte)
		return false;
	if (buf_reached(n, to->dma) != to)
		return false;
	own = buf_reached(n, from->dma) == from;
	/* An address of both is one of its own */
	if (!own && buf_reached(n, from->dma))
		return false;
	say("engine %u reads buffer %td, %s, and writes buffer %td", n, from - bufs,
	    own ? "its own" : "not its own", to - bufs);
	dma(n, from->dma, false);
	dma(n, to->dma, true);
	count = count_bytes(to, from->byte);
	if (count != (own ? CHUNK : 0))
		wrong("%u bytes were copied", count);
	if (scan() & ~(1ULL << to->number))
		wrong("more than one buffer was written");
	/* Whatever it has read, now it is known again */
	dma(n, to->dma, false);
	engine_byte[n] = to->byte;
	return true;
}

static uint64_t draw_address(void)
{
	struct buf *buf = draw_buf();
	struct file *file = &files[draw(FILES)];

	switch (draw(8)) {
	case 0:
		return physical_address(guard);
	case 1:
		return STRAY;
	case 2:
		return file->used ? file->buffer.iova : STRAY;
	default:
		return buf ? buf->dma + draw(buf->size / CHUNK) * CHUNK : STRAY;
	}
}

/* All engines write somewhere at the same time */
static void check_reach(void)
{
	uint64_t may = 0, must = 0, got;
	bool file_may[FILES] = {}, file_must[FILES] = {};
	uint64_t address[ENGINES];

	for (unsigned int n = 0; n < ENGINES; n++) {
		struct buf *buf;
		struct file *file;

		address[n] = draw_address();
		buf = buf_reached(n, address[n]);
		file = file_reached(n, address[n]);
		/* What is written over with the same byte is not seen */
		if (buf) {
			may |= 1ULL << buf->number;
			if (engine_byte[n] != buf->byte)
				must |= 1ULL << buf->number;
		} else if (file) {
			file_may[file - files] = true;
			if (engine_byte[n] != file->byte)
				file_must[file - files] = true;
		}
		engine_raw_start(n, address[n], true);
	}
	for (unsigned int n = 0; n < ENGINES; n++)
		engine_raw_wait(n);

	got = scan();
	if (got & ~may || must & ~got) {
		wrong("buffers %#llx were written, not all of %#llx and at most %#llx",
		      (unsigned long long)got, (unsigned long long)must,
		      (unsigned long long)may);
		for (unsigned int n = 0; n < ENGINES; n++)
			printf("# engine %u wrote to %#llx\n", n, (unsigned long long)address[n]);
	}
	for (unsigned int i = 0; i < FILES; i++) {
		bool same;

		if (!files[i].used)
			continue;
		same = bytes_are(files[i].buffer.mem, files[i].byte) &&
		       bytes_are(files[i].buffer.mem + CHUNK, files[i].byte);
		if (same ? file_must[i] : !file_may[i])
			wrong("the buffer of file %u was %swritten", i, same ? "not " : "");
		memset(files[i].buffer.mem, files[i].byte, PAGE);
	}
	if (!bytes_are(guard, 0xa5) || !bytes_are(guard + CHUNK, 0xa5))
		wrong("somebody else's memory was written");
}

static const struct {
	bool (*run)(void);
	/* How often it is drawn */
	unsigned int weight;
} kinds[] = {
	{ step_create, 26 },
	{ step_destroy, 8 },
	{ step_put, 8 },
	{ step_alloc, 24 },
	{ step_free, 14 },
	{ step_sync, 4 },
	{ step_driver, 4 },
	{ step_iommu, 2 },
	{ step_open, 8 },
	{ step_close, 6 },
	{ step_copy, 16 },
};

static void one_step(void)
{
	unsigned int sum = 0, n, i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		sum += kinds[i].weight;
	do {
		n = draw(sum);
		for (i = 0; n >= kinds[i].weight; i++)
			n -= kinds[i].weight;
	} while (!kinds[i].run());
}

static void tidy_up(void)
{
	struct subdev_rig rig = {};

	for (unsigned int i = 0; i < BUFFERS; i++) {
		rig.buffer = bufs[i].number;
		if (bufs[i].used)
			check_errno(rig_do(&rig, RIG_FREE), 0);
	}
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		rig.handle = contexts[i].handle;
		if (contexts[i].used)
			check_errno(rig_do(&rig, RIG_DESTROY), 0);
	}
	for (unsigned int i = 0; i < FILES; i++)
		if (files[i].used)
			context_close(&files[i].ctx);
	if (!iommu_there)
		check_errno(pci_rescan(), 0);
	if (!bound[OF_ACCEL])
		check_errno(write_file(ACCEL, ACCEL_DRIVER "/bind"), 0);
	if (!bound[OF_PARENT])
		check_errno(write_file(PARENT, RIG_DRIVER "/bind"), 0);
}

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *text = cmdline(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

/*
 * Whatever is created, destroyed, unbound, unplugged, mapped and freed, in whatever
 * order, each call returns the error that it should, and each engine reaches what
 * its context has mapped and nothing else.
 */
void test_random(void)
{
	unsigned int n = number("steps", 3000), seed = number("seed", 1), first;

	begin("random_operations");
	verbose = cmdline("verbose");
	printf("# %u steps, seed %u\n", n, seed);
	/* Near seeds are to begin with different numbers, and 0 would stay 0 */
	state = (seed + 1) * 2654435761U | 1;
	steps = calloc(n + 1, sizeof(*steps));
	guard = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!steps || guard == MAP_FAILED)
		die("no memory");
	memset(guard, 0xa5, PAGE);
	bound[OF_ACCEL] = true;
	bound[OF_PARENT] = true;
	linked[OF_ACCEL] = true;
	on_virtio = has_virtio_iommu();
	iommu_there = true;

	for (step = 0; step < n && !nr_failures; step++) {
		one_step();
		check_reach();
	}
	if (!check(!nr_failures)) {
		first = step > STEPS_SHOWN ? step - STEPS_SHOWN : 0;
		printf("# seed %u, the steps up to that:\n", seed);
		for (unsigned int i = first; i < step; i++)
			printf("# %u: %s\n", i, steps[i]);
	}
	tidy_up();
	check(!count_dir(SUBDEVS));
	for (unsigned int i = 0; i < ENGINES; i++)
		check(!engine_gets_through(i));
}
