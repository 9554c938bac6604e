// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demonstration: what a user of the accelerator gets, what an attacker does
 * not get, and what it costs. For people to read; it fails if anything is not
 * as it should be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "rig.h"

/* An address where nothing is mapped for anybody */
#define STRAY		0x123456000ULL

/*
 * A context's memory: a page whose IOVA is the same in all contexts, and a secret
 * whose IOVA is mapped in no other, so that a mixed-up address is seen.
 */
struct user {
	struct context ctx;
	struct buffer page, secret;
};

enum outcome { LEAKED, SILENT, FAULT, OWN };

static struct user users[ENGINES];
static unsigned int bad;

static void expect(bool ok)
{
	if (!ok)
		bad++;
}

static const char *verdict(bool ok)
{
	expect(ok);
	return ok ? "ok" : "WRONG";
}

/* Bytes that tell whose they are, and what for */
static void fill(uint8_t *mem, unsigned int user, uint8_t kind)
{
	for (unsigned int i = 0; i < CHUNK; i += 4) {
		mem[i] = kind;
		mem[i + 1] = user;
		mem[i + 2] = i >> 8;
		mem[i + 3] = i;
	}
}

static bool holds(const uint8_t *mem, unsigned int user, uint8_t kind)
{
	uint8_t want[CHUNK];

	fill(want, user, kind);
	return !memcmp(mem, want, CHUNK);
}

static void must(int ret, const char *what, unsigned int user)
{
	if (ret)
		die("context %u: %s: %s", user, what, strerror(-ret));
}

static bool overlap(const struct buffer *a, const struct buffer *b)
{
	return a->iova < b->iova + b->size && b->iova < a->iova + a->size;
}

/*
 * The kernel allocates IOVAs from the top down and aligns each to its size. So a
 * secret that is twice as large ends where that of the context before begins.
 */
static void open_users(void)
{
	for (unsigned int i = 0; i < ENGINES; i++) {
		struct user *u = &users[i];

		must(context_open(&u->ctx), "open", i);
		must(context_alloc(&u->ctx, &u->page, PAGE), "buffer", i);
		/* Not 64 KiB: QEMU's RISC-V IOMMU does not know pages of that size */
		must(context_alloc(&u->ctx, &u->secret,
				   ((2 * PAGE) << i) - (i == 3 ? PAGE : 0)),
		     "buffer", i);
		fill(u->secret.mem, i, 's');
	}
	for (unsigned int i = 0; i < ENGINES; i++)
		for (unsigned int j = 0; j < ENGINES; j++)
			if (overlap(&users[i].page, &users[j].secret) ||
			    (i != j && overlap(&users[i].secret, &users[j].secret)))
				die("context %u has memory at the address of context %u's secret",
				    i, j);
}

static void close_users(void)
{
	for (unsigned int i = 0; i < ENGINES; i++)
		context_close(&users[i].ctx);
}

/* Out to the engine and back to where it was not, all bytes looked at */
static bool dma_works(struct user *u, unsigned int i)
{
	memset(u->page.mem, 0, PAGE);
	must(dma_to_engine(&u->ctx, u->secret.iova), "DMA", i);
	must(dma_from_engine(&u->ctx, u->page.iova), "DMA", i);
	return holds(u->page.mem, i, 's');
}

static void show_contexts(void)
{
	bool apart = true;

	printf("Every open of %s gives a context: an engine, and its sub-device.\n",
	       ACCEL_DEV);
	printf("All addresses below are IOVAs, which the engine sends and the IOMMU translates.\n");
	printf("DMA: the engine read %d bytes of its secret and wrote them to another page.\n\n",
	       CHUNK);
	printf("  ctx  sub-device        input ID  stream ID  group  domain  secret at       DMA\n");
	for (unsigned int i = 0; i < ENGINES; i++) {
		struct user *u = &users[i];
		const char *domain = domain_of(u->ctx.name);
		bool ok = dma_works(u, i) && !strcmp(domain, "DMA");

		printf("  %-4u %-17s 0x%-7x 0x%-8x ", i, u->ctx.name, u->ctx.input_id,
		       stream_of(u->ctx.engine));
		printf("%-6s %-7s %#-15llx %s\n",
		       link_name(SUBDEVS "/%s/iommu_group", u->ctx.name),
		       domain_of(u->ctx.name), (unsigned long long)u->secret.iova,
		       verdict(ok));
	}
	/* Each has written there, the last one over all others if they were one */
	for (unsigned int i = 0; i < ENGINES; i++)
		if (users[i].page.iova != users[0].page.iova ||
		    !holds(users[i].page.mem, i, 's'))
			apart = false;
	printf("\nAddress %#llx is mapped differently in each context: %s\n\n",
	       (unsigned long long)users[0].page.iova, verdict(apart));
}

/* A read that was stopped: what the engine had is still there, or nothing */
static bool got_nothing(const uint8_t *mem, unsigned int i)
{
	if (holds(mem, i, 'p'))
		return true;
	for (unsigned int b = 0; b < CHUNK; b++)
		if (mem[b] != 0 && mem[b] != 0xff)
			return false;
	return true;
}

/* Its driver was told of that, and of nothing in any other context */
static bool is_told(unsigned int i, uint64_t address, bool write)
{
	bool told = context_faulted(&users[i].ctx, address, write);

	for (unsigned int j = 0; j < ENGINES; j++)
		if (j != i && context_has_fault(&users[j].ctx, 0))
			told = false;
	return told;
}

/* What the engine of context I gets when it reads ADDRESS */
static enum outcome try_read(unsigned int i, uint64_t address)
{
	struct user *u = &users[i];
	bool told;

	fill(u->page.mem, i, 'p');
	must(dma_to_engine(&u->ctx, u->page.iova), "DMA", i);
	context_forget_faults(&u->ctx);
	must(dma_to_engine(&u->ctx, address), "DMA", i);
	told = is_told(i, address, false);
	memset(u->page.mem, 0xa5, CHUNK);
	must(dma_from_engine(&u->ctx, u->page.iova), "DMA", i);

	if (holds(u->page.mem, i, 's'))
		return OWN;
	/* Whatever else it is, it is somebody's */
	if (!got_nothing(u->page.mem, i))
		return LEAKED;
	return told ? FAULT : SILENT;
}

/* What the engine of context I does when it writes to ADDRESS */
static enum outcome try_write(unsigned int i, uint64_t address)
{
	struct user *u = &users[i];
	enum outcome outcome;

	fill(u->page.mem, i, 'w');
	must(dma_to_engine(&u->ctx, u->page.iova), "DMA", i);
	context_forget_faults(&u->ctx);
	must(dma_from_engine(&u->ctx, address), "DMA", i);
	outcome = is_told(i, address, true) ? FAULT : SILENT;

	for (unsigned int j = 0; j < ENGINES; j++)
		if (!holds(users[j].secret.mem, j, 's'))
			outcome = LEAKED;
	return outcome;
}

/* A secret is not written by its own context: that works, as "DMA" shows */
static const char *try_both(unsigned int i, uint64_t address, bool own)
{
	enum outcome r = try_read(i, address), w;

	if (own) {
		expect(r == OWN);
		return r == OWN ? "its own" : "NOT READ";
	}
	w = try_write(i, address);
	expect(r == FAULT && w == FAULT);
	if (r == LEAKED || r == OWN)
		return "YES, READ";
	if (w == LEAKED)
		return "YES, WRITTEN";
	return r == FAULT && w == FAULT ? "no: fault" : "NO FAULT";
}

static void show_matrix(void)
{
	printf("Does a secret leak? Each context reads and writes at the address of each secret,\n");
	printf("which is mapped for its own context only. %#llx is mapped for none.\n",
	       STRAY);
	printf("\"no: fault\": nothing was read or written, and the driver was told of both attempts,\n");
	printf("for this context only.\n\n");
	printf("  %-14s", "");
	for (unsigned int j = 0; j < ENGINES; j++)
		printf("secret of %-3u", j);
	printf("%#llx\n", STRAY);

	for (unsigned int i = 0; i < ENGINES; i++) {
		printf("  by context %u  ", i);
		for (unsigned int j = 0; j < ENGINES; j++)
			printf("%-13s", try_both(i, users[j].secret.iova, i == j));
		printf("%s\n", try_both(i, STRAY, false));
	}
	printf("\n");
}

/* No context: no address of any kind lets the engines through */
static void show_blocked(const char *when)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	unsigned int through = 0;

	if (page == MAP_FAILED)
		die("no memory");
	for (unsigned int i = 0; i < ENGINES; i++) {
		memset(page, 0xa5, PAGE);
		engine_raw_write(i, physical_address(page));
		for (unsigned int b = 0; b < PAGE; b++) {
			if (page[b] != 0xa5) {
				through++;
				break;
			}
		}
	}
	munmap(page, PAGE);
	printf("%s: %u engines wrote to a physical address, %u reached it: %s\n",
	       when, ENGINES, through, verdict(!through));
}

static void show_refusal(const char *what, int ret, int want)
{
	printf("  %-50s %s: %s\n", what, ret ? strerror(-ret) : "done",
	       verdict(ret == want));
}

/* What the kernel has to say no to while contexts are live */
static void show_refusals(void)
{
	struct subdev_rig live = {}, parent = {};
	int ret;

	snprintf(live.parent, sizeof(live.parent), "%s", ACCEL);
	snprintf(parent.parent, sizeof(parent.parent), "%s", devices->parent);
	printf("While context 0 is open:\n\n");
	show_refusal("root writes \"identity\" to its group's type",
		     write_file("identity", SUBDEVS "/%s/iommu_group/type",
				users[0].ctx.name), -EPERM);
	show_refusal("a second context for the same input ID",
		     rig_do(&live, RIG_CREATE), -EEXIST);
	parent.id = 0x2000;
	show_refusal("another device's context for the same stream ID",
		     rig_do(&parent, RIG_CREATE), -EBUSY);
	parent.id = 0x500;
	show_refusal("a context for an ID that firmware maps to no IOMMU",
		     rig_do(&parent, RIG_CREATE), -ENODEV);
	parent.id = 0;
	ret = rig_do(&parent, RIG_CREATE);
	must(ret, "create", 0);
	show_refusal("somebody else claims the DMA of a context's group",
		     rig_do(&parent, RIG_CLAIM_GROUP), -EPERM);
	must(rig_do(&parent, RIG_DESTROY), "destroy", 0);
	printf("\n");
}

/* What the engine of context I reads at ADDRESS is the frame of context 0 */
static bool reads_frame(unsigned int i, uint64_t address)
{
	struct user *u = &users[i];

	memset(u->page.mem, 0xa5, PAGE);
	must(dma_to_engine(&u->ctx, address), "DMA", i);
	must(dma_from_engine(&u->ctx, u->page.iova), "DMA", i);
	return holds(u->page.mem, 0, 'f');
}

/* Its context 0 ends: this is the last that is shown of the users */
static void show_pipeline(void)
{
	struct user *from = &users[0], *to = &users[1];
	struct buffer frame, pad;
	uint64_t iova = 0;
	bool refused;
	int fd, size;

	must(context_alloc(&from->ctx, &frame, 4 * PAGE), "buffer", 0);
	/* Below it is an address that context 2 has nothing at */
	must(context_alloc(&to->ctx, &pad, 8 * PAGE), "buffer", 1);
	fd = context_export(&from->ctx, &frame);
	size = context_import(&to->ctx, fd, &iova);
	expect(fd >= 0 && size == 4 * PAGE && iova != frame.iova);
	if (fd >= 0)
		close(fd);

	printf("A pipeline: context 0 exports a frame as a dma-buf, and context 1 imports it.\n\n");
	fill(from->page.mem, 0, 'f');
	must(dma_to_engine(&from->ctx, from->page.iova), "DMA", 0);
	must(dma_from_engine(&from->ctx, frame.iova), "DMA", 0);
	printf("  context 0 writes it at %#-15llx %s\n", (unsigned long long)frame.iova,
	       verdict(holds(frame.mem, 0, 'f')));
	printf("  context 1 reads it at  %#-15llx %s\n", (unsigned long long)iova,
	       verdict(reads_frame(1, iova)));
	context_forget_faults(&users[2].ctx);
	refused = !reads_frame(2, iova) && is_told(2, iova, false);
	printf("  context 2 reads there  %-15s %s\n", "no: fault", verdict(refused));
	context_close(&from->ctx);
	printf("  context 0 ends, and context 1 still reads it: %s\n\n",
	       verdict(reads_frame(1, iova)));
}

static void show_costs(void)
{
	struct subdev_rig rig = {};
	int ret;

	snprintf(rig.parent, sizeof(rig.parent), "%s", ACCEL);
	printf("Cost in instructions (strict invalidation; the same in every run)\n\n");
	printf("  ctx  create   destroy  map 4 KiB  unmap\n");
	for (unsigned int i = 0; i < ENGINES; i++) {
		rig.id = i;
		ret = rig_do(&rig, RIG_COST);
		must(ret, "cost", i);
		expect(rig.cost.create && rig.cost.destroy && rig.cost.map &&
		       rig.cost.unmap);
		printf("  %-4u %-8llu %-8llu %-10llu %llu\n", i,
		       (unsigned long long)rig.cost.create,
		       (unsigned long long)rig.cost.destroy,
		       (unsigned long long)rig.cost.map,
		       (unsigned long long)rig.cost.unmap);
	}
	printf("\n");
}

int run_main(void)
{
	const char *passthrough = cmdline("iommu.passthrough");
	struct utsname uts;

	uname(&uts);
	engines_power_up();
	must(load_iommus(), "cannot load the IOMMU's driver", 0);
	must(load_module("edu-accel"), "cannot load the example driver", 0);
	must(load_module("subdev-rig"), "cannot load the rig's module", 0);

	printf("\nLinux %s, %s; the default domain of other devices is %s\n\n",
	       uts.release, ON_RISCV ? "RISC-V IOMMU" :
	       has_virtio_iommu() ? "virtio-iommu" : "SMMUv3",
	       passthrough ? "identity" : "DMA");
	/* What passthrough is about, or this would show nothing */
	expect(!strcmp(domain_of_pci(),
		       passthrough ? "identity" : "DMA"));

	show_blocked("Before create");
	printf("\n");
	open_users();
	show_contexts();
	show_matrix();
	show_refusals();
	show_pipeline();
	close_users();
	expect(!count_dir(SUBDEVS));
	show_blocked("After destroy");
	printf("\n");
	show_costs();

	if (log_splats(false))
		bad++;
	printf("%s\n", bad ? "NOT isolated, or something else is wrong: see above" :
	       "Isolated. Nothing in the kernel's log that should not be there.");
	return bad;
}
