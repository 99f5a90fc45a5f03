"""What is killed, stopped and started again, and what clients notice of it."""

import os
import signal

import asks
from checks import note, require, run, within
from containers import is_healthy, process_of
from project import inspected


def survive_the_loss_of_a_gateway(project):
    """With one gateway killed and kept down, each request is answered by another."""
    lost = project.container("gateway")
    run("docker", "update", "--restart", "no", lost)
    run("docker", "kill", lost)
    for _ in range(20):
        asks.price()
    asks.has_live_prices()
    run("docker", "start", lost)
    within(60, is_healthy, lost)


def come_back_when_killed(project):
    """Ingest, whose process is killed, is restarted once by Docker, and the price comes back."""
    ingest = project.container("ingest")
    os.kill(process_of(ingest), signal.SIGKILL)
    within(20, is_restarted, ingest)
    within(60, is_healthy, ingest)
    within(60, asks.has_found_the_hidden_price)


def is_restarted(container):
    (found,) = inspected(container)
    require(found["RestartCount"] == 1, f"{found['RestartCount']} restarts; expected 1")


def do_without_the_historian(project):
    """While the historian is away, the price goes on and questions about the past are answered 503."""
    lost = project.container("historian")
    run("docker", "stop", lost)
    within(20, asks.past_is, 503)
    asks.has_live_prices()
    asks.has_found_the_hidden_price()
    run("docker", "start", lost)
    within(60, is_healthy, lost)
    within(30, asks.has_a_past)


def go_on_when_killed(project):
    """A killed historian comes back with all final periods that it had. A period may have become final meanwhile."""
    lost = project.container("historian")
    before = asks.digests(lost)
    require(before, "the historian has no final period; expected one at least")
    run("docker", "kill", lost)
    run("docker", "start", lost)
    within(60, is_healthy, lost)
    within(30, asks.has_a_past)
    missing = before - asks.digests(lost)
    require(not missing, f"final periods are gone: {missing}")


def stop_in_order(project):
    """On `stop`, SIGTERM to each from the last to the first ends it with exit code 0; SIGKILL after 10 s would be 137."""
    containers = project.all_containers()
    project.compose("stop")
    codes = {container["Name"]: container["State"]["ExitCode"] for container in inspected(*containers)}
    note(codes)
    require(not any(codes.values()), "not all ended with exit code 0")


def stand_by(project, service):
    """A part that is not needed says so, and is a shell that waits."""
    container = project.container(service)
    require("not needed" in run("docker", "logs", container), f"{service} does not say that it is not needed")
    process = run("docker", "exec", container, "cat", "/proc/1/comm").strip()
    require(process == "sh", f"{service} runs {process}; expected sh")
