# SPDX-License-Identifier: GPL-2.0-only
#
# For people. The kernel's own build never reads this file: it is not laid
# over a tree. KERNEL=, KERNEL_SRC= and BUILD= go on to tools/kernel.

SHELL		:= /bin/bash
BUILD		?= build
.DEFAULT_GOAL	:= help
include tools/build-folder.mk

# Who names no kernel gets the LTS where the other cannot be had
LTS		:= $(if $(KERNEL)$(KERNEL_SRC),,6.12)
KERNEL		?= 7.3
export BUILD KERNEL

OBJECTS		:= drivers/iommu/iommu-subdev.o samples/iommu-subdev/edu-accel.o
KUNIT_OBJECTS	:= $(patsubst %.c,%.o,$(wildcard drivers/iommu/iommu-subdev-test*.c))
# What the *.users.patch change, and what is beside it
USERS_CORE	:= drivers/iommu/iommu.o drivers/gpu/host1x/ drivers/gpu/drm/tegra/ \
		   drivers/dma/dmaengine.o drivers/dma/tegra186-gpc-dma.o drivers/misc/fastrpc.o
USERS		:= $(USERS_CORE) \
		   drivers/media/platform/qcom/iris/ drivers/media/platform/qcom/venus/ \
		   drivers/net/wireless/ath/ath10k/ drivers/net/wireless/ath/ath11k/

# The LTS has one of them
USERS_6.12	:= drivers/iommu/iommu.o drivers/gpu/host1x/ drivers/gpu/drm/tegra/
VERSION		:= $(or $(shell BUILD=$(BUILD) KERNEL=$(call quoted,$(KERNEL)) KERNEL_SRC=$(call quoted,$(KERNEL_SRC)) \
			tools/kernel version),$(error Nothing was done))
USERS		:= $(or $(USERS_$(VERSION)),$(USERS))
USERS_CORE	:= $(or $(USERS_$(VERSION)),$(USERS_CORE))
# It has no PASIDs, and a dtc that overlooks the ranges of a child
ifneq ($(VERSION),6.12)
KUNIT_OBJECTS	+= drivers/iommu/iommu-subdev-test-pasid.o drivers/iommu/iommu-subdev-test.dtbo.o
endif

# One thing at a time: the steps are parallel inside.
.NOTPARALLEL:

# The groups of "make help", in their order
##@ Start here
##@ Tests
##@ Compilers and checkers
##@ What a context costs
##@ The series for the kernel
##@ Packages, and jobs for LAVA
##@ Steps of these

help: ## List what make can do
	@awk -F ':.*## ' ' \
		/^##@ / { group = substr($$0, 5); if (!(group in text)) groups[++n] = group; text[group] = text[group] } \
		/^[a-z0-9-]+:.*## / { text[group] = text[group] sprintf("  make %-14s %s\n", $$1, $$2) } \
		END { for (i = 1; i <= n; i++) printf "%s\n%s\n", groups[i], text[groups[i]] }' Makefile
	@echo "  KERNEL=$(KERNEL) of Debian, or KERNEL_SRC=path to a tree; all output is in BUILD=$(BUILD)"

##@ Steps of these
setup: ## Install the packages that are missing
	@tools/setup kernel rig

kernel: setup ## Get the kernel, lay this project over it and build it
	@tools/kernel build

rig: kernel ## Build what the emulated machine needs beside its kernel
	@$(MAKE) -s -C tools/rig BUILD=$(abspath $(BUILD))

rig-acpi: setup ## Build the kernel and the rest of the machine with UEFI and ACPI
	@tools/rig/boot --build acpi

# The demonstration's boots; with FIRMWARE=acpi those of that
RUN_smmuv3	:= run run-passthrough
RUN_virtio	:= run-virtio run-virtio-passthrough
RUN_riscv	:= riscv-run riscv-run-passthrough
RUN_smmuv3-acpi	:= acpi-run acpi-run-passthrough
IOMMU		?= smmuv3
RUN		:= $(RUN_$(IOMMU)$(FIRMWARE:%=-%))

##@ Start here
run: setup ## Boot an emulated machine and show contexts, DMA, isolation and cost
	@[ -n "$(RUN)" ] || { echo "make: IOMMU can be smmuv3, virtio or riscv; FIRMWARE=acpi goes with smmuv3" >&2; exit 1; }
	@[ "$(IOMMU)" != riscv ] || tools/setup riscv
	@kernel=$(KERNEL); tools/kernel fetch || { \
		[ $$? = 3 ] && [ -n "$(LTS)" ] || exit; \
		kernel=$(LTS); \
		echo "make: linux-source-$(KERNEL) cannot be had (see above). This takes the LTS, as with KERNEL=$(LTS)"; \
	}; \
	$(MAKE) -s KERNEL=$$kernel demonstration

demonstration:
	@tools/rig/boot --build $(RUN)
	@tools/rig/boot $(RUN)

# One kernel for each architecture, and one for "stub"
NO		:= vtd vtd-scalable amdvi x86-virtio x86-none x86-off vtd-off vtd-passthrough amdvi-off riscv stub off

##@ Tests
rig-test: setup ## Boot the tests that WHAT= names, and build what they need; WHAT=smmu
	@[ -z "$(filter $(NO),$(WHAT))" ] || tools/setup machines
	@[ -z "$(filter riscv-%,$(WHAT))" ] || tools/setup riscv
	@tools/rig/boot --build $(WHAT)
	@tools/rig/boot $(WHAT)

no: setup ## Boot the machines where create has to fail: x86, RISC-V, IOMMUs that are off, stubs
	@tools/setup machines
	@tools/rig/boot --build $(NO)
	@tools/rig/boot $(NO)

RISCV		:= $(addprefix riscv-,iommu passthrough lazy late never random churn)

riscv: setup ## Boot the tests on RISC-V with its IOMMU, in a newer QEMU that is only unpacked
	@tools/setup riscv
	@tools/rig/boot --build $(RISCV)
	@tools/rig/boot $(RISCV)

# ROWS="7.3 x86_64" is a part of it
matrix: setup ## Boot all machines with both kernels, and print the results as a table
	@tools/setup rig kunit machines
	@tools/matrix $(ROWS)

##@ Start here
check: ## Run the tests; those that need no emulated machine come first
	@tools/setup kernel rig check kunit lava docs
	@tools/check

##@ Tests
newcomer: setup ## Do what a new user does, in a fresh Debian 12 without a network, with locks, ...
	@tools/setup newcomer
	@tools/newcomer

soak: rig ## Create and destroy a million, with races; takes hours
	@CHURN=1000000 BOOT_TIMEOUT=86400 tools/rig/boot churn churn-virtio

##@ What a context costs
bench: ## Measure contexts and the other ways to get one; IOMMU=riscv on RISC-V
	@tools/setup kernel rig bench
	@[ "$(IOMMU)" != riscv ] || { tools/setup riscv && tools/qemu >/dev/null; }
	@benchmarks/bench kernel build
	@$(MAKE) -s -C benchmarks BUILD=$(abspath $(BUILD))
	@benchmarks/bench

##@ Packages, and jobs for LAVA
deb: ## Build Debian packages of the kernel, image and headers; ARCH=arm64 or amd64 for one
	@tools/setup kernel deb
	@tools/deb/build $(ARCH)

deb-check: deb ## Build the example driver against the headers, and boot the packages' kernel with it
	@tools/setup rig deb-check
	@tools/deb/check $(ARCH)

lava: rig ## Build the ramdisk with the tests and benchmarks for a LAVA lab's boards
	@tools/setup bench
	@$(MAKE) -s -C tools/lava BUILD=$(abspath $(BUILD))

lava-check: ## Check the jobs for LAVA against LAVA's schema
	@tools/setup lava
	@tools/lava/check

lava-run: lava ## Run both jobs with LAVA's own dispatcher, on an emulated machine
	@tools/setup lava
	@tools/lava/run rig
	@tools/lava/run board

##@ Tests
kunit: ## Run the KUnit suite natively
	@tools/setup kernel kunit
	@tools/kunit

random: ## Run random operations against a model; STEPS=, SEED=, THREADS=, WITHOUT=
	@tools/setup kernel kunit
	@tools/random

detectors: ## Run KUnit and the emulated machines under KASAN, KCSAN and others; takes an hour
	@tools/setup kernel rig kunit
	@tools/detectors

coverage: ## Show which lines and branches of iommu-subdev.c the KUnit suite misses
	@tools/setup kernel kunit
	@tools/coverage

repeat: rig ## Run KUnit 20 times and the machines 5 times: is anything flaky?
	@tools/setup kunit
	@tools/repeat

mutants: rig ## Remove each check in turn, and report which test fails
	@tools/setup kunit riscv
	@tools/mutants/run

##@ Compilers and checkers
w1: setup ## Compile our files with W=1 and sparse; a warning is an error
	@tools/setup check
	@SPARSE=$$(tools/sparse) tools/kernel w1 $(OBJECTS)
	@SPARSE=$$(tools/sparse) OBJ=acpi FRAGMENTS="tools/rig/arm64.config tools/rig/acpi.config" \
		tools/kernel w1 $(OBJECTS)
	@ARCH=um OBJ=kunit SPARSE=$$(tools/sparse) tools/kernel w1 $(KUNIT_OBJECTS)

users: setup ## Compile the drivers that use sub-devices, for arm64 and x86, with W=1 and sparse
	@tools/setup check
	@tools/checkpatch '*.users.*patch'
	@USERS=1 SPARSE=$$(tools/sparse) OBJ=users \
		FRAGMENTS="tools/rig/arm64.config tools/users-arm64.config tools/users.config" \
		tools/kernel w1 $(USERS)
	@USERS=1 SPARSE=$$(tools/sparse) ARCH=x86_64 OBJ=users-x86 \
		FRAGMENTS="tools/users-x86.config tools/users.config" tools/kernel w1 $(USERS)

USERS_RUN	:= users users-passthrough users-late users-never users-none

users-run: setup ## Boot drivers that use sub-devices, on registers that are RAM
	@[ -z "$(USERS_$(VERSION))" ] || { echo "make: of these drivers $(KERNEL) has host1x only; leave out KERNEL= for 7.3" >&2; exit 1; }
	@tools/rig/boot --build $(USERS_RUN)
	@tools/rig/boot $(USERS_RUN)

docs-check: setup ## Run the kernel's checks of bindings, and its htmldocs of our page
	@tools/setup docs
	@tools/bindings
	@tools/htmldocs

##@ The series for the kernel
series: setup ## Write the patch series for the kernel into build/series; NAME=core for one
	@tools/setup check
	@tools/series/write $(NAME)

series-check: setup ## Apply the series to a clean tree with git am, run KUnit and build there
	@tools/setup kunit check
	@tools/series/check drivers/iommu/ drivers/base/ drivers/of/ $(USERS_CORE)

series-figures: setup ## Measure what mails save, and write it into their messages; takes twenty minutes
	@tools/setup kernel rig bench
	@tools/series/figures

series-each: setup ## Each series alone on a clean tree, built after each mail; takes hours
	@tools/setup kunit check
	@tools/series/check --each drivers/iommu/ drivers/base/ drivers/of/ $(USERS)

##@ Compilers and checkers
checkpatch: setup ## Run checkpatch.pl --strict on our files and patches
	@tools/setup check
	@tools/checkpatch

# RESULTS= is another folder of results than the last run's; REPORT= and GATE=
# are options of the two programs.
RESULTS		?= $(BUILD)/bench$(addprefix -,$(filter riscv,$(IOMMU)))

reader:
	@$(MAKE) -s -C benchmarks/report BUILD=$(abspath $(BUILD))

##@ What a context costs
bench-report: reader ## Show the last run's figures, and make a page with plots of them
	@tools/setup report
	@$(BUILD)/report/report $(REPORT) $(RESULTS)
	@benchmarks/report/page $(BUILD)/report/report $(RESULTS)

bench-check: reader ## Is the last run worse than the baseline, or than its peers?
	@$(BUILD)/report/gate $(GATE) $(RESULTS)

bench-baseline: reader ## Make the last run the baseline, and show what changed
	@[ "$(IOMMU)" != riscv ] || { echo "bench-baseline: RISC-V has none; README.md shows the baseline of the SMMUv3 machine" >&2; exit 1; }
	@$(BUILD)/report/gate --renew $(RESULTS)

.PHONY: reader bench-report bench-check bench-baseline

##@ Steps of these
clean: ## Remove the objects, keep the kernel source
	@tools/clean

distclean: ## Remove the kernel source as well
	@tools/clean --source

.PHONY: help setup kernel rig rig-acpi rig-test run demonstration no riscv matrix check newcomer soak bench deb deb-check lava lava-check lava-run \
	kunit random detectors coverage repeat mutants w1 users docs-check series series-check series-figures series-each checkpatch clean distclean
