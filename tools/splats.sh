# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the kernel logs when something is wrong: an extended regular expression. 6.12
# has "OF: overlay: WARNING: " for each property that an overlay adds to the root.

splats='Call Trace|BUG:|(^|[^:] |[^ ])WARNING:|ERROR:|INFO: |ODEBUG:|kmemleak: unreferenced|Kernel panic|scheduling while atomic'
