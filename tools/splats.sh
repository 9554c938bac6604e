# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What the kernel logs when something is wrong: an extended regular expression

splats='Call Trace|BUG:|WARNING:|ERROR:|INFO: |ODEBUG:|kmemleak: unreferenced|Kernel panic|scheduling while atomic'
