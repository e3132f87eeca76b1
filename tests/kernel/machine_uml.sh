# The user-mode kernel: an ordinary process (package user-mode-linux) with one CPU and no clock of
# its own worth trusting. Sourced by run, which sets `work` and `seconds`.
# shellcheck shell=bash disable=SC2154

# run_machine WORD...: boots with these words on the kernel's command line and waits for its end.
# Words with `=` that the kernel does not know become the environment of init.
run_machine() {
  HOME=$work TMPDIR=${TMPDIR:-/tmp} timeout --kill-after=5 "$seconds" \
    linux.uml mem=1G rootfstype=hostfs rootflags=/ ro quiet con=null con0=fd:0,fd:1 \
    "\"sluice_work=-t hostfs -o $work none\"" sluice_modules=/usr/lib/uml/modules "$@" \
    </dev/null >"$work/console" 2>&1
}
