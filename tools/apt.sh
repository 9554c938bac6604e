# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# own_apt DIR TYPE SUITE: lets apt see a suite of Debian that this machine does
# not have, for this program's own calls only: apt-get "${apt[@]}" ... The mirror
# is the one that the machine uses already. All that apt writes is in DIR. TYPE
# is deb or deb-src.
#
# Fails if nothing at all could be reached. Leaves in unreachable what of it could
# not, in one line, or nothing.

# What apt could not reach, of what it said in file $1: the first, in one line. A
# suite that a mirror does not have is no such thing.
apt_unreachable()
{
	sed -nE '/ 404 /d; s/^[EW]: Failed to fetch ([a-z]+:\/\/[^/ ]+)[^ ]* +/\1 cannot be reached: /p' "$1" | head -n 1
}

own_apt()
{
	local dir=$1 type=$2 suite=$3 codename
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	if [ ! -r "$keyring" ]; then
		echo "apt.sh: this is not Debian, there is no $keyring." >&2
		return 1
	fi
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	codename=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
	# shellcheck disable=SC2016 # these are apt's variables, not the shell's
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v own="$codename" -v suite="$suite" -v type="$type" -v key="[signed-by=$keyring]" '
			$3 != "main" { next }
			$2 == own { print type, key, $1, suite, "main" }
			$2 == own || $2 == own "-security" { print "deb", key, $1, $2, "main" }' |
		sort -u >"$dir/sources.list"
	if [ ! -s "$dir/sources.list" ]; then
		echo "apt.sh: apt has no source for Debian's '$codename' main. Add one to /etc/apt." >&2
		return 1
	fi

	apt=(-qq -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=-
	     -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache"
	     -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=)
	unreachable=
	apt-get "${apt[@]}" -o APT::Update::Error-Mode=any update >"$dir/update.log" 2>&1 ||
		unreachable=$(apt_unreachable "$dir/update.log")
	if [ -n "$unreachable" ] && ! compgen -G "$dir/lists/*_InRelease" >/dev/null; then
		echo "apt.sh: $unreachable" >&2
		return 1
	fi
	[ -z "$unreachable" ] || echo "apt.sh: $unreachable; continuing without it" >&2
}
