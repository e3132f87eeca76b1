# What tools/demo does its steps with. Sourced by bash after lib.sh, never run.
# shellcheck shell=bash disable=SC2154  # tree, build_root and python are lib.sh's

work=$(mktemp -d)
config=$work/sluice.yaml socket=$work/admin.sock
sluice=$build_root/release/src/daemon/sluice
lbstat=$build_root/release/tools/lbstat/lbstat
lies=0 sluice_pid='' subscriber_pid='' load_pid=''
declare -A port pid   # of the servers, by name

clean_up() {
  local one
  for one in $sluice_pid $subscriber_pid $load_pid "${pid[@]}"; do kill "$one" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

title() { printf '\n=== %s\n' "$*"; }

# claim TEXT COMMAND...: says the text, and whether it was true. What the command prints is shown.
claim() {
  local text=$1; shift
  if "$@" >"$work/said" 2>&1; then say "  true: $text"; else
    lies=$((lies + 1)); say "  FALSE: $text"
  fi
  sed 's/^/    /' "$work/said"
}

# refuse TEXT COMMAND...: a claim that the command says no.
refuse() {
  local text=$1; shift
  claim "$text" says_no "$@"
}
says_no() { ! "$@"; }

# eventually CODE COUNT: within ten seconds the code prints at least COUNT.
eventually() {
  local end=$((SECONDS + 10))
  while [ $SECONDS -lt $end ]; do
    [ "$(eval "$1")" -ge "$2" ] 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

free_port() {
  "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# launch NAME PORT COMMAND...: starts a server and waits until it accepts.
launch() {
  local name=$1 at=$2; shift 2
  "$@" >"$work/$name.log" 2>&1 &
  pid[$name]=$!
  eventually "is_open $at && echo 1" 1 || { cat "$work/$name.log"; die "$name does not start"; }
}

start_nginx() {
  local name=$1
  [ -n "${port[$name]:-}" ] || port[$name]=$(free_port)
  mkdir -p "$work/files" "$work/$name"
  [ -f "$work/files/large" ] || head -c 120000000 /dev/urandom >"$work/files/large"
  cat >"$work/$name/nginx.conf" <<END
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
daemon off; pid $work/$name/pid; error_log $work/$name/error.log; worker_processes 1;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path $work/$name/1; proxy_temp_path $work/$name/2;
  fastcgi_temp_path $work/$name/3; uwsgi_temp_path $work/$name/4; scgi_temp_path $work/$name/5;
  server {
    listen 127.0.0.1:${port[$name]};
    root $work/files;
    location = /name { return 200 "$name\n"; }
  }
}
END
  launch "$name" "${port[$name]}" \
    nginx -e "$work/$name/error.log" -p "$work/$name" -c "$work/$name/nginx.conf"
}

start_redis() {
  port[redis]=$(free_port)
  launch redis "${port[redis]}" redis-server --bind 127.0.0.1 --port "${port[redis]}" \
    --save "" --appendonly no --dir "$work"
}

stop_server() { kill "${pid[$1]}"; wait "${pid[$1]}" 2>/dev/null; unset "pid[$1]"; }

# write_config SERVER[:WEIGHT]...: the file, with these web servers.
write_config() {
  local one
  web_front=${web_front:-$(free_port)} redis_front=${redis_front:-$(free_port)}
  {
    cat <<END
admin: {socket: $socket}
log: {sessions: false}
defaults:
  health_check: {interval: 200ms, fall: 2, rise: 2}
frontends:
  - {name: web, listen: "127.0.0.1:$web_front", backend: shop}
  - {name: cache, listen: "127.0.0.1:$redis_front", backend: redis}
backends:
  - name: redis
    servers:
      - {name: redis1, address: 127.0.0.1, port: ${port[redis]}}
  - name: shop
    servers:
END
    for one in "$@"; do
      printf '      - {name: %s, address: 127.0.0.1, port: %s, weight: %s}\n' \
        "${one%:*}" "${port[${one%:*}]}" "$(cut -d: -f2 <<<"$one:1")"
    done
  } >"$config.new" && mv "$config.new" "$config"
}

start_sluice() {
  "$sluice" --config "$config" 2>"$work/sluice.log" &
  sluice_pid=$!
  eventually "is_open $web_front && echo 1" 1 ||
    { cat "$work/sluice.log"; die "sluice does not start"; }
}

lb() { "$lbstat" --socket "$socket" "$@"; }
field() { "$python" -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }
get() { curl --silent --show-error --fail --max-time 5 "http://127.0.0.1:$web_front$1"; }
redis() { redis-cli -h 127.0.0.1 -p "$redis_front" "$@"; }

pipelined_writes() {
  redis-benchmark -h 127.0.0.1 -p "$redis_front" -q -n "$1" -P 16 -t set >"$work/writes" &&
    tr '\r' '\n' <"$work/writes" | grep 'per second'
}

download() {
  curl --silent --fail "$@" --output "$work/downloaded" "http://127.0.0.1:$web_front/large"
}

all_answered() {
  local _
  for _ in $(seq "$1"); do get /name >/dev/null || return 1; done
}

# A connection that stays open: a redis subscriber, through the proxy.
open_subscriber() {
  redis SUBSCRIBE news >"$work/heard" 2>&1 &
  subscriber_pid=$!
  eventually "grep -c subscribe '$work/heard'" 1 || die "the subscriber does not hear redis"
}
subscriber_hears() {
  redis PUBLISH news "$1" >/dev/null && eventually "grep -c '$1' '$work/heard'" 1
}
close_subscriber() { kill "$subscriber_pid"; wait "$subscriber_pid" 2>/dev/null; subscriber_pid=; }

# start_load SECONDS: wrk with a connection for every request.
start_load() {
  wrk -t1 -c16 -d"$1s" -H 'Connection: close' "http://127.0.0.1:$web_front/name" \
    >"$work/wrk" 2>&1 &
  load_pid=$!
}
load_was_clean() {
  wait "$load_pid"; load_pid=
  grep -E 'requests in|Socket errors|Non-2xx' "$work/wrk"
  grep -q 'requests in' "$work/wrk" && ! grep -qE 'Socket errors|Non-2xx' "$work/wrk"
}
