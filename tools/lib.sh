# Shared by the scripts in tools/: packages, build presets, messages. Sourced by bash, never run.
# shellcheck shell=bash

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_root=${SLUICE_BUILD_ROOT:-$tree/build}   # one folder in it for each preset, and results/
# shellcheck disable=SC2034  # used by those who source this
python=/usr/bin/python3   # Debian's, whose modules the packages below install

# A file that another checkout has compiled is not compiled again: paths below the tree count as
# relative ones, and the folder of the compilation (only debug information names it) does not count.
export CCACHE_BASEDIR="$tree" CCACHE_NOHASHDIR=1

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: runs it as root: directly, or with sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else
    command -v sudo >/dev/null || die "'$*' needs root and there is no sudo: run it as root once"
    sudo -- "$@"
  fi
}

# packages_of GROUP...: the names in tools/packages.txt, each once.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$tree/tools/packages.txt"
  done | sort -u
}

is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# ensure_packages GROUP...: installs what is missing and touches nothing when nothing is. A service
# that a new package brings (nginx, redis, postgresql, haproxy, ...) is neither started nor enabled,
# so that no port is taken; what was there before runs on as it was.
ensure_packages() {
  local name missing=()
  command -v dpkg-query >/dev/null || die "this needs Debian 12: there is no dpkg here"
  for name in $(packages_of "$@"); do is_installed "$name" || missing+=("$name"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing: ${missing[*]}"
  install_quietly "${missing[@]}"
}

# install_quietly PACKAGE...: apt-get install with the start of services held back.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d held=no unit log status=0
  log=$(mktemp)
  local before; before=$(service_units)
  if ! [ -e "$policy" ]; then
    held=yes
    printf '#!/bin/sh\n# held back while packages install (%s)\nexit 101\n' "$0" |
      as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  {
    as_root apt-get update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
  } >"$log" 2>&1 </dev/null || status=$?
  [ $held = no ] || as_root rm -f "$policy"
  if [ $status -ne 0 ]; then
    tail -n 20 "$log" >&2; rm -f "$log"
    die "apt-get could not install: $*"
  fi
  rm -f "$log"
  if [ -d /run/systemd/system ]; then
    for unit in $(comm -13 <(printf '%s\n' "$before") <(service_units)); do
      as_root systemctl disable --now "$unit" >/dev/null 2>&1 || true
    done
  fi
}

# service_units: the service files on this machine, sorted; empty where there is no systemd.
service_units() {
  [ -d /run/systemd/system ] || return 0
  find /lib/systemd/system -maxdepth 1 -name '*.service' ! -name '*@*' -printf '%f\n' | sort
}

# The build presets: the options that `meson setup` takes for each. README.md shows the same table.
# The sanitizers are built by clang without optimization: that takes a third of the time that g++
# takes for the same at -O1, and the tests hardly notice. The fuzz targets run for their time, so
# preset `clang` is optimized. The check of vtables is off: it asks a pipe whether an address is
# readable, and takes every object for a bad one where tests leave no descriptor for a pipe.
# Their time goes into reading headers, so that several files of a target are one translation unit;
# release and debug compile each file by itself, which shows an include that is missing.
preset_options() {
  local sanitized="-Ddebug=true -Db_lundef=false -Dbench=false -Dunity=on -Dunity_size=8"
  sanitized+=" -Dcpp_args=['-g1','-fno-sanitize=vptr']"
  case $1 in
    release) echo "-Dbuildtype=release" ;;
    debug)   echo "-Dbuildtype=debug -Dbench=false" ;;
    asan)    echo "$sanitized -Doptimization=0 -Db_sanitize=address,undefined" ;;
    tsan)    echo "$sanitized -Doptimization=0 -Db_sanitize=thread" ;;
    clang)   echo "$sanitized -Doptimization=1 -Db_sanitize=address,undefined -Dfuzz=true" ;;
    *) die "no preset '$1': release, debug, asan, tsan, clang" ;;
  esac
}

# compiler_of PRESET: the compiler that builds it; lld links what clang++ compiles.
compiler_of() {
  case $1 in
    release | debug) echo g++ ;;
    *) echo clang++ ;;
  esac
}

# configure PRESET: build/PRESET exists and has the preset's options of today; warnings are errors.
configure() {
  local preset=$1 directory="$build_root/$1" options compiler linker=
  options=$(preset_options "$preset") compiler=$(compiler_of "$preset")
  [ -f "$directory/build.ninja" ] &&
    [ "$(cat "$directory/preset" 2>/dev/null)" = "$compiler $options" ] && return 0
  rm -rf "$directory"
  [ "$compiler" = g++ ] || linker=lld
  # shellcheck disable=SC2086  # the options are several words
  env CXX="$(command -v ccache >/dev/null && echo ccache) $compiler" ${linker:+CXX_LD=$linker} \
    meson setup "$directory" "$tree" -Dwerror=true $options &&
    printf '%s\n' "$compiler $options" >"$directory/preset"
}

# build PRESET [TARGET...]: configures where needed and builds.
build() {
  local preset=$1; shift
  configure "$preset" && ninja -C "$build_root/$preset" "$@"
}
