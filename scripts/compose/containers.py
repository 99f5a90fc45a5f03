"""What each container is and may do: its health, its order, its rights and its limits."""

import os
from pathlib import Path

from checks import Failure, note, require, run
from project import inspected

# Memory in bytes that a container may have: 512, 320 and 256 MB.
MEMORY = (536870912, 335544320, 268435456)
LEAST_FILES = 16384


def is_healthy(container):
    (found,) = inspected(container)
    health = found["State"]["Health"]["Status"]
    note(f"{found['Name']} {health}")
    require(health == "healthy", f"{found['Name']} is {health}; expected healthy")


def started_in_order(project):
    """Each of the services that wait for one another started after the one before it."""
    found = inspected(*(project.container(service) for service in project.services))
    # Without the Z, texts are in the order of time: `.12` comes before `.123`, but `.12Z` would
    # come after `.123Z`.
    moments = [container["State"]["StartedAt"].removesuffix("Z") for container in found]
    for moment, container in zip(moments, found):
        note(f"{moment} {container['Name']}")
    require(moments == sorted(moments), "they did not start in this order")


def publish_on_loopback_only():
    """The published ports of all containers are those of the settings, on 127.0.0.1."""
    names = ("GATEWAY_PORT", "INGEST_PORT", "ANALYZER_PORT", "HISTORIAN_PORT", "PROMETHEUS_PORT")
    expected = sorted(f"127.0.0.1:{os.environ[name]}" for name in names)
    published = sorted(
        f"{outside['HostIp']}:{outside['HostPort']}"
        for container in inspected(*run("docker", "ps", "--quiet").split())
        for outsides in container["NetworkSettings"]["Ports"].values()
        for outside in outsides or ()
    )
    require(published == expected, f"published: {published}; expected {expected}")


def is_unprivileged(container):
    """The kernel itself says of the container's first process that it is no root and can become none."""
    lines = run("docker", "exec", container, "cat", "/proc/1/status").splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    names = ("Uid", "CapEff", "CapBnd", "NoNewPrivs")
    note(f"{container}: {' '.join(f'{name}: {status[name]}' for name in names)}")
    none = ["0" * 16]
    require("0" not in status["Uid"], f"{container} runs as root")
    require(status["CapEff"] == none and status["CapBnd"] == none, f"{container} has a capability")
    require(status["NoNewPrivs"] == ["1"], f"{container} can gain privileges")


def cannot_write(container):
    """The container's root filesystem is read-only, for root too."""
    run("docker", "exec", container, "grep", " / overlay ro,", "/proc/mounts")
    try:
        run("docker", "exec", "--user", "0", container, "touch", "/usr/local/bin/satscope", "/etc/new")
    except Failure:
        return
    raise Failure(f"root can write in {container}")


def cannot_write_rates(project):
    """The folder of exchange rates is mounted read-only, for root too."""
    try:
        run("docker", "exec", "--user", "0", project.container("gateway"), "touch", "/run/rates/fx.csv")
    except Failure:
        return
    raise Failure("root can write the exchange rates in a gateway's container")


def is_bounded(container):
    (found,) = inspected(container)
    host = found["HostConfig"]
    bounds = (host["Memory"], host["PidsLimit"], host["RestartPolicy"]["Name"], host["LogConfig"]["Config"])
    note(f"{container}: {bounds}")
    logs = {"max-file": "3", "max-size": "10m"}
    require(bounds[0] in MEMORY and bounds[1:] == (128, "unless-stopped", logs), f"{container} is bounded otherwise")


def may_open_many_files(project):
    """One of the gateways and the balancer may open a file for each connection, whatever the soft limit of Docker is."""
    for service in ("gateway", "balancer"):
        (limit,) = (line for line in limits_of(project.container(service)) if line.startswith("Max open files"))
        note(limit)
        soft = limit.split()[3]
        require(soft == "unlimited" or int(soft) >= LEAST_FILES, f"{service} may open {soft} files; expected {LEAST_FILES}")


def limits_of(container):
    return Path(f"/proc/{process_of(container)}/limits").read_text().splitlines()


def process_of(container):
    """The process id, on this machine, of a container's first process."""
    (found,) = inspected(container)
    return found["State"]["Pid"]


def give_way(project):
    """The historian has a small share of the CPU, and has kept within its memory; cgroup v1 or v2."""
    container = project.container("historian")
    (found,) = inspected(container)
    shares, state = found["HostConfig"]["CpuShares"], found["State"]
    require(shares == 128, f"the historian has {shares} shares of the CPU; expected 128")
    run("docker", "exec", container, "bash", "-c", "grep -E '^Vm(RSS|HWM)' /proc/1/status; cat /sys/fs/cgroup/memory.peak; true")
    ended = (state["OOMKilled"], found["RestartCount"])
    require(ended == (False, 0), f"killed for its memory, restarts: {ended}; expected none")
