# The suites of tools/test, one function each. Sourced by bash after lib.sh, never run.
# shellcheck shell=bash disable=SC2154  # tree, build_root and python are lib.sh's
#
# A suite calls count_step, count_xml or cannot for everything it does; those keep the sums.

passed=0 failed=0
results="$build_root/results"

# count_step NAME COMMAND...: one test that passes when the command does; its output is shown when
# it does not.
count_step() {
  local name=$1 log; shift
  log="$results/${name//[^a-z0-9.]/-}.log"
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1)); say "  ok: $name"
  else
    failed=$((failed + 1)); say "  FAILED: $name ($log ends in:)"; tail -n 30 "$log"
    return 1
  fi
}

# count_xml NAME XML COMMAND...: runs the command, which writes JUnit XML, and adds its counts. A
# command that fails without a failed test counts as one failure. gtest programs that the command
# runs leave their reports where GTEST_OUTPUT says.
count_xml() {
  local name=$1 xml=$2 log status=0 good bad; shift 2
  log="$results/${name//[^a-z0-9.]/-}.log"
  local gtest="${log%.log}.gtest"  # each its own: suites may run at the same time
  rm -rf "$xml" "$gtest"
  GTEST_OUTPUT="xml:$gtest/" "$@" >"$log" 2>&1 || status=$?
  read -r good bad < <("$python" "$tree/tools/results.py" --gtest "$gtest" "$xml")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1; say "  FAILED: $name: exit status $status"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  say "  $name: $good passed, $bad failed"
  [ "$bad" -eq 0 ] || { say "  ($log ends in:)"; tail -n 40 "$log"; return 1; }
}

# cannot NAME REASON: what this machine cannot do, said aloud.
cannot() { say "  NOT RUN: $1: $2"; }

# has_io_uring: whether this machine lets a process set up a ring. ENOMEM (bad address) and EFAULT
# mean yes: the call is there.
has_io_uring() {
  "$python" - <<'END'
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(425, 1, None)
sys.exit(ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES))
END
}

# fixed_addresses COMMAND...: runs it without address space randomisation where that is allowed: the
# thread sanitizers of g++ 12 and clang 14 do not know the random addresses of newer kernels.
fixed_addresses() {
  if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi
}

# run_unit PRESET: the unit tests of one build, through meson.
run_unit() {
  local directory="$build_root/$1"
  count_xml "$1 unit" "$directory/meson-logs/testlog.junit.xml" \
    fixed_addresses meson test -C "$directory" --no-rebuild --print-errorlogs --timeout-multiplier 4
}

# run_e2e PRESET SCALE VOLUME MARKS: the end-to-end tests of these marks with one build's programs.
# They wait more than they work, so two for each CPU run at once; those that keep to real time
# (datagrams that nobody sends again) run one by one afterwards.
run_e2e() {
  local preset=$1
  if ! has_io_uring; then
    cannot "$preset e2e" "io_uring is refused here; suite kernel runs the smoke tests"
    return 0
  fi
  run_marked "e2e" "$@" "not alone" --numprocesses "$((2 * $(nproc)))" --dist load
  run_marked "e2e, one by one" "$@" "alone"
}

# run_marked NAME PRESET SCALE VOLUME MARKS MARKS [PYTEST ARGUMENT...]: one pass over them.
run_marked() {
  local name="$2 $1" preset=$2 scale=$3 size=$4 marks="($5) and ($6)" sanitized=; shift 6
  local directory="$build_root/$preset" xml="$results/${name//[^a-z0-9.]/-}.xml"
  case $preset in asan | tsan) sanitized=$preset ;; esac
  count_xml "$name" "$xml" fixed_addresses env \
    SLUICE_BIN="$directory/src/daemon/sluice" LBSTAT_BIN="$directory/tools/lbstat/lbstat" \
    SLUICE_TIME_SCALE="$scale" SLUICE_VOLUME="$size" SLUICE_SANITIZED="$sanitized" \
    "$python" -m pytest -q --junitxml="$xml" "$tree/tests/e2e" -m "$marks" "$@"
}

code_files() {
  git -C "$tree" ls-files -co --exclude-standard -- '*.h' '*.cc' | sed "s|^|$tree/|"
}

suite_format() { count_step "format" check_format; }

check_format() { code_files | xargs -r clang-format --dry-run --Werror; }

suite_tidy() {
  count_step "tidy" "$python" "$tree/tools/tidy.py"
  count_xml "tools' own tests" "$results/tools.xml" "$python" -m pytest -q -p no:cacheprovider \
    --junitxml="$results/tools.xml" "$tree/tools"
}

suite_release() {
  count_step "release build" build release || return 1
  run_unit release
  run_e2e release 1 1 "not long"
}

# The golden files by themselves; `meson test` runs them with every build as one test.
suite_golden() {
  count_step "release build" build release || return 1
  count_xml "golden" "$results/golden.xml" env \
    SLUICE_BIN="$build_root/release/src/daemon/sluice" "$python" -m pytest -q \
    --numprocesses "$(nproc)" -p no:cacheprovider --junitxml="$results/golden.xml" \
    "$tree/tests/golden"
}

suite_asan() {
  count_step "asan build" build asan || return 1
  run_unit asan
  run_e2e asan 4 0.25 "not long"
}

suite_tsan() {
  count_step "tsan build" build tsan || return 1
  run_unit tsan
  run_e2e tsan 5 0.15 "not long"
}

# The fuzz targets, which only clang can build; that clang accepts the rest is what suite clang-tidy
# shows (it reports clang's own warnings too).
suite_clang() { build_fuzzers && run_fuzzers "${FUZZ_SECONDS:-10}"; }

build_fuzzers() {
  local targets
  mapfile -t targets < <(cd "$tree" && printf '%s\n' tests/fuzz/*_fuzz.cc | sed 's/\.cc$//')
  count_step "fuzz build" build clang "${targets[@]}"
}

# run_fuzzers SECONDS: every target over its corpus and on from there, for so long each.
run_fuzzers() {
  local target name work found=no
  for target in "$build_root"/clang/tests/fuzz/*_fuzz; do
    [ -x "$target" ] || continue
    found=yes name=$(basename "$target") work="$build_root/fuzz/$name"
    mkdir -p "$work"
    local corpora=("$work")
    [ -d "$tree/tests/fuzz/corpus/${name%_fuzz}" ] &&
      corpora+=("$tree/tests/fuzz/corpus/${name%_fuzz}")
    local options=(-max_total_time="$1" -timeout=5 -rss_limit_mb=1024 -artifact_prefix="$results/")
    [ -f "$tree/tests/fuzz/${name%_fuzz}.dict" ] &&
      options+=(-dict="$tree/tests/fuzz/${name%_fuzz}.dict")
    count_step "fuzz $name" "$target" "${options[@]}" "${corpora[@]}"
  done
  [ $found = yes ] || count_step "fuzz targets exist" false
}

suite_kernel() {
  count_step "programs" build release src/daemon/sluice tools/lbstat/lbstat \
    tests/unit/proxy/secure_test || return 1
  if ! "$tree/tests/kernel/run" --command true >"$results/kernel-start.log" 2>&1; then
    cannot "kernel 6.1" "the user-mode kernel does not run here, see $results/kernel-start.log"
    return 0
  fi
  SLUICE_KERNEL_SECONDS=1800 count_xml "kernel 6.1" "$results/kernel.xml" "$tree/tests/kernel/run" \
    "$build_root/release" "$results/kernel.xml"
}

# suite_qemu: the same tests as suite kernel in a newer kernel with several CPUs, which is emulated.
suite_qemu() { run_in_qemu "kernel 6.12" qemu; }

# suite_qemu_newest: in one that can replace the keys of a connection (Linux 6.14).
suite_qemu_newest() { run_in_qemu "newest kernel" qemu-newest --newest; }

# run_in_qemu NAME RESULT [--newest]
run_in_qemu() {
  local name=$1 xml="$results/$2.xml"; shift 2
  ensure_packages qemu
  count_step "programs" build release src/daemon/sluice tools/lbstat/lbstat \
    tests/unit/proxy/secure_test || return 1
  count_step "kernel" "$tree/tests/kernel/get_kernel" "$@" || return 1
  SLUICE_KERNEL_SECONDS=3600 count_xml "$name" "$xml" \
    "$tree/tests/kernel/run" --qemu "$@" "$build_root/release" "$xml"
}

# run_long_in_kernel: the long tests of the kernel's gear, half an hour of the one CPU that the
# user-mode kernel has.
run_long_in_kernel() {
  SLUICE_KERNEL_SECONDS=7200 count_step "long tests in the kernel's gear" \
    "$tree/tests/kernel/run" --command env SLUICE_TIME_SCALE=10 PYTHONDONTWRITEBYTECODE=1 \
    SLUICE_BIN="$build_root/release/src/daemon/sluice" \
    LBSTAT_BIN="$build_root/release/tools/lbstat/lbstat" \
    "$python" -m pytest -v -m long -k kernel "$tree/tests/e2e"
}

suite_clang_tidy() {
  configure clang >/dev/null || return 1
  count_step "clang-tidy" "$python" "$tree/tools/run_clang_tidy.py" "$build_root/clang"
}

suite_bench() {
  count_step "bench self-test" "$tree/bench/run" --self-test --build "$build_root/release"
}

# suite_long: what takes longer than a test run should: more data, more reloads, longer fuzzing, the
# static analyzer.
suite_long() {
  count_step "release build" build release || return 1
  run_e2e release 1 5 "heavy or long"
  count_step "asan build" build asan && run_e2e asan 4 2 heavy
  run_long_in_kernel
  build_fuzzers && run_fuzzers 300
  count_step "clang-tidy with the static analyzer" \
    "$python" "$tree/tools/run_clang_tidy.py" "$build_root/clang" --analyze
}
