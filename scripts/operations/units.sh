#!/bin/bash
# Runs inside a machine of its own with systemd, as /check/units.sh: installs Satscope as docs/operations.md says and
# checks what the units promise. A line for each check goes to /check/result; the machine goes off at the end.
exec >/check/log 2>&1
cd /check/source || exit 1

# check WHAT COMMAND...: one line for the result.
check() {
    local what=$1
    shift
    if "$@"; then echo "ok $what"; else
        echo "FAILED $what"
        journalctl --no-pager --lines 20
    fi >>/check/result
}

within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

property() {
    systemctl show "$1" --property "$2" --value
}

# is UNIT PROPERTY VALUE
is() {
    [[ $(property "$1" "$2") == "$3" ]]
}

is_ready() {
    is "$1" ActiveState active && is "$1" StatusText ready
}

# drop_in UNIT NAME: adds the lines on standard input to the [Service] of the unit.
drop_in() {
    mkdir -p "/etc/systemd/system/$1.service.d"
    { echo "[Service]" && cat; } >"/etc/systemd/system/$1.service.d/$2.conf"
    systemctl daemon-reload
}

has_price() {
    exec 3<>/dev/tcp/127.0.0.1/8000 || return 1
    printf 'GET /api/v1/price HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    grep --quiet '"price":[1-9]' <&3
}

# has_rate CURRENCY: whether the gateway uses a rate of this currency from fx_file.
has_rate() {
    exec 3<>/dev/tcp/127.0.0.1/8000 || return 1
    printf 'GET /api/v1/exchange-rates HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    grep --quiet "\"$1\"" <&3
}

# reads_new_rates: a file that takes the place of the one before is read without a restart.
reads_new_rates() {
    echo GBP,0.79 >/etc/satscope/fx.new && chmod 644 /etc/satscope/fx.new && mv /etc/satscope/fx.new /etc/satscope/fx.csv &&
        within 30 has_rate GBP
}

# is_confined UNIT: whether the kernel reports no root, no capabilities, no new privileges and a filter of system calls.
is_confined() {
    local status
    status=$(cat "/proc/$(property "$1" MainPID)/status")
    ! grep -q $'^Uid:.*\t0\t' <<<"$status" && grep -q $'^CapBnd:\t0000000000000000' <<<"$status" &&
        grep -q $'^NoNewPrivs:\t1' <<<"$status" && grep -q $'^Seccomp:\t2' <<<"$status"
}

keeps_its_state() {
    [[ -s /var/lib/satscope/journal && $(stat --format %a /var/lib/private/satscope) == 700 ]]
}

# keeps_a_history UNIT FOLDER: the historian of the unit reads blocks into a file there, and its threads that compute have the
# lowest priority.
keeps_a_history() {
    local file=$2/history-main-simulated.sqlite
    within 60 test -s "$file" && [[ $(stat --format %a "$file") == 600 ]] || return 1
    # proc(5): after the name in parentheses, the nice value is the 17th field.
    cat "/proc/$(property "$1" MainPID)"/task/*/stat | sed -n 's/^[0-9]* (historian [0-9]*) //p' | cut -d' ' -f17 | tee /dev/stderr |
        grep --quiet --line-regexp 19
}

# comes_back_when_hung: the watchdog ends a process that does nothing any more, and systemd starts it again.
comes_back_when_hung() {
    local hung
    echo WatchdogSec=2 | drop_in satscope watchdog
    systemctl restart satscope && within 30 is_ready satscope || return 1
    hung=$(property satscope MainPID)
    kill -STOP "$hung"
    within 30 is satscope NRestarts 1 && within 30 is_ready satscope && [[ $(property satscope MainPID) != "$hung" ]] &&
        journalctl --no-pager --unit satscope | grep --quiet 'Watchdog timeout'
}

says_what_it_waits_for() {
    systemctl stop node
    within 30 is satscope StatusText "waiting for the node's ZMQ" && is satscope ActiveState active || return 1
    systemctl start node && within 60 is_ready satscope
}

starts_in_parts() {
    local part
    systemctl start satscope-ingest satscope-analyzer satscope-historian satscope-gateway || return 1
    for part in ingest analyzer historian gateway; do within 60 is_ready "satscope-$part" || return 1; done
    within 60 has_price && is satscope ActiveState inactive
}

stays_down_with_a_bad_setting() {
    echo Environment=SATSCOPE_GATEWAY_PING_SECONDS=never | drop_in satscope-gateway bad
    systemctl restart satscope-gateway
    within 20 is satscope-gateway ActiveState failed && is satscope-gateway ExecMainStatus 78 &&
        is satscope-gateway NRestarts 0
}

stops_in_order() {
    systemctl stop satscope-historian satscope-analyzer satscope-ingest && is satscope-ingest Result success &&
        is satscope-analyzer Result success && is satscope-ingest ExecMainStatus 0 &&
        is satscope-historian Result success && is satscope-historian ExecMainStatus 0
}

# A stand-in for the node, which asks for user and password.
mkdir -p /etc/satscope
echo correct-horse >/etc/satscope/rpc-password
chmod 600 /etc/satscope/rpc-password
cat >/etc/systemd/system/node.service <<'UNIT'
[Service]
ExecStart=/usr/local/bin/satscope simulate --history 3600
Environment=SATSCOPE_STANDIN_RPC_USER=satscope SATSCOPE_STANDIN_RPC_PASSWORD_FILE=/etc/satscope/rpc-password
UNIT
# The settings are those for a real node, plus `node_is_standin`, because a stand-in has its own time.
printf 'rpc_url = "http://127.0.0.1:8332"\nrpc_user = "satscope"\nnode_is_standin = true\nfx_file = "/etc/satscope/fx.csv"\n' \
    >/etc/satscope/satscope.toml
echo EUR,0.92 >/etc/satscope/fx.csv
chmod 644 /etc/satscope/fx.csv

check "the steps of docs/operations.md install it" bash -e /check/install
check "a stand-in node starts" systemctl start node
check "the service becomes ready, and says so to systemd" within 60 is_ready satscope
check "there is a price" within 30 has_price
check "it reads the exchange rates in /etc/satscope" within 30 has_rate EUR
check "and new ones that take their place" reads_new_rates
check "the kernel confines it: no root, no capability, no privilege to gain, filtered calls" is_confined satscope
check "its state is in /var/lib/satscope, for itself alone" keeps_its_state
check "the past is kept in /var/lib/satscope, by threads that come last" keeps_a_history satscope /var/lib/satscope
check "systemd is told what it waits for, and then that it is ready" says_what_it_waits_for
check "a hung process is ended by the watchdog and comes back" comes_back_when_hung
check "the parts start in its place, each a unit" starts_in_parts
check "each part is confined" is_confined satscope-ingest
check "the historian is confined likewise" is_confined satscope-historian
check "it keeps the past in a folder of its own" keeps_a_history satscope-historian /var/lib/satscope-historian
check "with a bad setting a part stays down" stays_down_with_a_bad_setting
check "the parts stop in order" stops_in_order
systemctl poweroff
