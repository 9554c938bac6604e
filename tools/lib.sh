# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What several of the tools need.

# Ctrl-C goes to all programs of a terminal; none of them has failed then
trap 'exit 130' INT

# A make that runs a tool is no part of what the tool builds: its jobs would be one
# at a time, with a warning
unset MAKEFLAGS MFLAGS MAKELEVEL

# Some of what the tools run is in another folder
[ -z "${KERNEL_SRC-}" ] || KERNEL_SRC=$(realpath -m -- "$KERNEL_SRC")

# progress SAY COMMAND...: runs COMMAND, and prints every 15 s what SAY prints, if
# it prints anything. PROGRESS_EVERY=1 is for the tests.
progress()
{
	local say=$1 start=$SECONDS status=0
	shift

	# Its input ends with this function, or with the shell if that is killed
	exec 7> >(
		while read -rt "${PROGRESS_EVERY:-15}" _; [ $? -gt 128 ]; do
			line=$($say) || :
			[ -z "$line" ] || echo "${0##*/}: $((SECONDS - start)) s: $line"
		done)
	"$@" 7>&- || status=$?
	exec 7>&-
	wait $! || :
	return "$status"
}

# need_room FOLDER MB WHAT: fails if FOLDER has not so much free
need_room()
{
	local free

	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] || {
		echo "${0##*/}: $1 has $free MB free, $3 need $2. Free $(($2 - free)) MB, or use another folder: BUILD=path" >&2
		return 1
	}
}

# find_ccache BUILD: leaves in ccache "ccache ", or nothing if there is none. Its
# files go into BUILD where it cannot write those of its user.
find_ccache()
{
	local dir probe

	ccache=
	command -v ccache >/dev/null || return 0
	ccache="ccache "
	dir=$(ccache -k cache_dir 2>/dev/null) || dir=
	if [ -n "$dir" ] && mkdir -p "$dir" 2>/dev/null && probe=$(mktemp "$dir/.probe.XXXXXX" 2>/dev/null); then
		rm -f "$probe"
	else
		export CCACHE_DIR=$1/ccache
	fi
}
