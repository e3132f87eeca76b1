# Another kernel of Debian's under qemu's software emulation, with two CPUs: the newest that
# get_kernel has unpacked into `kernels`. Its files come through virtiofs. Sourced by run, which
# sets `tree`, `work`, `kernels` and `seconds`.
# shellcheck shell=bash disable=SC2154

# share NAME FOLDER: offers the folder to the machine under that name, until the machine ends. The
# socket's path stays short: it has 108 bytes.
share() {
  local waited=0
  /usr/lib/qemu/virtiofsd -f --socket-path="$work/$1.sock" -o source="$2" -o sandbox=chroot \
    -o cache=auto >"$work/$1.log" 2>&1 &
  until [ -S "$work/$1.sock" ]; do
    waited=$((waited + 1))
    [ $waited -le 100 ] || { tail -n 5 "$work/$1.log" >"$work/console"; return 1; }
    sleep 0.1
  done
}

# run_machine WORD...: boots with these words on the kernel's command line and waits for its end.
run_machine() {
  local folder kernel
  folder=$(find "${SLUICE_BUILD_ROOT:-$tree/build}/$kernels" -mindepth 1 -maxdepth 1 2>/dev/null |
    sort -V | tail -n 1)
  kernel=$(find "${folder:-/nowhere}" -name 'vmlinuz*' -type f 2>/dev/null)
  if [ -z "$kernel" ]; then
    echo "there is no kernel in build/$kernels: run tests/kernel/get_kernel" >"$work/console"
    return 1
  fi
  share root / && share work "$work" || return 1
  # Emulated beside other work, the timer comes too late for the kernel's check of it, which panics.
  local words="rootfstype=virtiofs root=root ro quiet console=ttyS0 panic=-1 $*"
  words+=" no_timer_check sluice_modules=$folder/lib/modules \"sluice_work=-t virtiofs work\""
  timeout --kill-after=5 "$seconds" qemu-system-x86_64 \
    -M q35,memory-backend=memory -object memory-backend-memfd,id=memory,size=1536M,share=on \
    -m 1536M -smp 2 -cpu max -accel tcg,thread=multi -nodefaults -nographic -no-reboot \
    -serial stdio -kernel "$kernel" -append "$words" \
    -chardev "socket,id=root,path=$work/root.sock" \
    -device vhost-user-fs-pci,chardev=root,tag=root \
    -chardev "socket,id=work,path=$work/work.sock" \
    -device vhost-user-fs-pci,chardev=work,tag=work </dev/null >"$work/console" 2>&1
}
