# SPDX-License-Identifier: GPL-2.0-only
#
# Each Makefile includes this before it does anything: make stops here if BUILD,
# KERNEL_SRC or the path of this project cannot be used.

quoted		= '$(subst ','\'',$(1))'
wrong		:= $(shell BUILD=$(call quoted,$(BUILD)) KERNEL_SRC=$(call quoted,$(KERNEL_SRC)) \
			$(dir $(lastword $(MAKEFILE_LIST)))build-folder \
			$(if $(filter-out help clean distclean,$(or $(MAKECMDGOALS),$(.DEFAULT_GOAL),all)),,--check) \
			2>&1 >/dev/null)
$(if $(wrong),$(error $(filter-out build-folder:,$(wrong))))

# Some of what make runs is in another folder
ifneq ($(KERNEL_SRC),)
override KERNEL_SRC := $(abspath $(KERNEL_SRC))
export KERNEL_SRC
MAKEOVERRIDES	:= $(filter-out KERNEL_SRC=%,$(MAKEOVERRIDES))
endif
