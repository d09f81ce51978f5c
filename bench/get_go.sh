#!/bin/sh
# Finds or fetches Go 1.26 for the comparison and prints the path of its `go` command.
#
#   bench/get_go.sh [CACHE_DIR]      CACHE_DIR: default <repository>/build/go
#
# An installed go of at least the wanted version is used as it is. Otherwise Debian's own packages of it are taken from
# Debian sid, through the mirror that apt is set up with, and unpacked under CACHE_DIR. Nothing is installed and no file
# outside CACHE_DIR is written: apt gets a source list, a list folder and a cache of its own there, so it needs no root
# either. A second call finds the unpacked copy. Exit status 1 with one line on stderr when Go cannot be had.
set -eu

wanted_minor=26
repository=$(cd "$(dirname "$0")/.." && pwd)
cache=${1:-$repository/build/go}

fail() { echo "get_go.sh: $*" >&2; exit 1; }

# True when $1 is a go command of version 1.wanted_minor or newer.
good() {
  version=$(GOTOOLCHAIN=local timeout 20 "$1" version 2>/dev/null) || return 1
  minor=$(printf '%s\n' "$version" | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
  [ -n "$minor" ] && [ "$minor" -ge "$wanted_minor" ]
}

if installed=$(command -v go) && good "$installed"; then
  echo "$installed"
  exit 0
fi

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
unpacked=$cache/usr/lib/go-1.$wanted_minor/bin/go
if [ -x "$unpacked" ] && good "$unpacked"; then
  echo "$unpacked"
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
  fail "no go >= 1.$wanted_minor on PATH, and no apt to get it"
fi

# The first mirror of Debian's main archive that apt knows; Debian's own name when apt cannot say.
# shellcheck disable=SC2016  # the dollar signs are apt's
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
  awk '$2 == "Debian" && $3 == "main" && $1 !~ /security/ { print $1; exit }') || mirror=
mirror=${mirror:-http://deb.debian.org/debian}

apt=$cache/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/state" "$apt/none"
keys=
if [ -r /usr/share/keyrings/debian-archive-keyring.gpg ]; then
  keys='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] '
fi
echo "deb ${keys}$mirror sid main" >"$apt/sources.list"
: >"$apt/state/status"
cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/none";
Dir::Etc::preferencesparts "$apt/none";
Dir::State "$apt/state";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/state/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
# apt reads APT_CONFIG before the machine's own settings, so what the machine sets must be overridden on the command line
# too: the hooks that some machines run after an update have no business here.
run_apt() {
  APT_CONFIG=$apt/apt.conf timeout 300 apt-get -qq -o "Dir::Etc::sourcelist=$apt/sources.list" \
    -o "Dir::Etc::sourceparts=$apt/none" -o 'APT::Update::Post-Invoke-Success=' "$@" >&2
}

echo "get_go.sh: fetching Go 1.$wanted_minor from $mirror (sid) into $cache" >&2
run_apt update || fail "the package list of Debian sid cannot be read from $mirror"
cd "$apt"
rm -f ./*.deb
run_apt download "golang-1.$wanted_minor-go" "golang-1.$wanted_minor-src" ||
  fail "Debian sid on $mirror has no golang-1.$wanted_minor-go"
for package in ./*.deb; do
  dpkg -x "$package" "$cache"
done
cd "$cache"
rm -rf "$apt"

good "$unpacked" || fail "the unpacked $unpacked does not run"
echo "$unpacked"
