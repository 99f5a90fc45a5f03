"""All checks of scripts/compose-check: `main.py BINARY`."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import asks
import containers
import images
import losses
from checks import FAULTS, Checks, output, said, within
from engine import Engine, install
from project import Project

PORTS = {
    "GATEWAY_PORT": "8000",
    "INGEST_PORT": "50051",
    "ANALYZER_PORT": "50052",
    "HISTORIAN_PORT": "50053",
    "PROMETHEUS_PORT": "9090",
    "GRAFANA_PORT": "3000",
}
# The checks test docker-compose.yml as it stands, without the settings of this machine.
UNSET = ("NODE_LOGIN", "FX_FOLDER", "INGEST_USER", "HISTORIAN_MEMORY", "COMPOSE_PROFILES", "REVISION")
# The exit codes of a shell that a signal ends: 128 and the signal's number.
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(binary):
    # A signal that was ignored before stays so: nohup ignores the terminal's end, and a shell Ctrl-C in the background.
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    cache = cache_folder()
    work = Path(tempfile.mkdtemp(prefix="compose-"))
    engine = Engine(work)
    try:
        set_environment(work)
        project = Project(work)
        install(project.command[0])
        engine.start()
        engine.import_base(cache)
        checks = Checks()
        if start(checks, project, Path(binary).absolute(), cache):
            check_simulated(checks, project)
            check_other_nodes(checks, project)
        print(f"{checks.passed} passed, {checks.failed} failed", flush=True)
        return 1 if checks.failed else 0
    except FAULTS as error:
        print(*said, f"compose-check: {error}", sep="\n", file=sys.stderr)
        return 1
    finally:
        # The clean-up runs to its end: a second signal must not leave an engine or a mount behind.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        engine.clean_up()


def cache_folder():
    """Where what was made and downloaded is kept for the next run."""
    named = os.environ.get("SATSCOPE_CACHE")
    return Path(named or f"{os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'}/satscope")


def set_environment(work):
    """Sets what compose, Docker and the checks read, and unsets what would make them differ from machine to machine."""
    for name in [name for name in os.environ if name.startswith("SATSCOPE_") or name in UNSET]:
        del os.environ[name]
    for name, port in PORTS.items():
        os.environ[name] = os.environ.get(name) or port
    os.environ["DOCKER_HOST"] = f"unix://{work}/docker.sock"
    os.environ["DOCKER_CONFIG"] = os.environ.get("DOCKER_CONFIG") or f"{work}/config"
    os.environ["IMAGE_TAG"] = "check"


def start(checks, project, binary, cache):
    """Builds and starts all; False if that failed, because then there is nothing to check."""
    checks.run("docker-compose.yml is valid", project.compose, "config", "--quiet")
    checks.run("the image builds from the Dockerfile", images.build, project.work, binary)
    checks.run("the images of others are there", images.import_others, project.work, cache, project)
    checks.run("all start, with three gateways", project.up)
    return checks.failed == 0


def check_simulated(checks, project):
    """What is promised of all parts on the simulator."""
    check_containers(checks, project)
    check_losses(checks, project)
    checks.run("down takes all away", project.down)
    checks.run("up again", project.up)
    checks.run("the price is back", within, 60, asks.has_found_the_hidden_price)
    checks.run("the past is back", within, 300, asks.has_a_past)
    checks.run("SIGTERM ends each with exit code 0", losses.stop_in_order, project)
    checks.run("down with its volumes", project.down, "--volumes")


def check_containers(checks, project):
    ingest, analyzer, historian = (asks.port(part) for part in ("INGEST", "ANALYZER", "HISTORIAN"))
    checks.run("each is healthy", within, 60, project.each, containers.is_healthy)
    checks.run("each started after the one before it", containers.started_in_order, project)
    checks.run("the price is within 2 % of the simulator's hidden price", within, 60, asks.has_found_the_hidden_price)
    checks.run("the page is there", asks.show_the_page)
    checks.run(f"ingest serves gRPC on {ingest}", asks.serve_grpc, ingest)
    checks.run(f"the analyzer serves gRPC on {analyzer}", asks.serve_grpc, analyzer)
    checks.run(f"the historian serves gRPC on {historian}", asks.serve_grpc, historian)
    checks.run("published on 127.0.0.1 and nowhere else", containers.publish_on_loopback_only)
    checks.run("none runs as root, with a capability, or can gain one", project.each, containers.is_unprivileged)
    checks.run("none can write to its root filesystem, not even as root", project.each, containers.cannot_write)
    checks.run("memory, processes and logs are bounded, restarts are on", project.each, containers.is_bounded)
    checks.run("gateways and balancer may open a file for each connection", containers.may_open_many_files, project)
    checks.run("Prometheus has found every part and each gateway", within, 60, asks.answers, "count(up == 1)",
               project.gateways + 3)
    checks.run("the balancer shares out the requests among the gateways", asks.share_out_requests, project.gateways)
    checks.run("a WebSocket through the balancer gets the price live", asks.has_live_prices)
    checks.run("the alerts are loaded and quiet", within, 60, asks.has_quiet_alerts)


def check_losses(checks, project):
    checks.run("a gateway that is killed is not missed", losses.survive_the_loss_of_a_gateway, project)
    checks.run("a killed ingest comes back by itself", losses.come_back_when_killed, project)
    checks.run("the gateways tell of the simulator's past", within, 300, asks.has_a_past)
    checks.run("the historian gives way to the others, and holds less than its limit", containers.give_way, project)
    checks.run("without the historian the price goes on, and the past is 503", losses.do_without_the_historian, project)
    checks.run("a killed historian goes on where it was", losses.go_on_when_killed, project)


def check_other_nodes(checks, project):
    """What is promised with a node that is not the simulator: one elsewhere, and one in a container."""
    checks.run("another node starts", project.run_other_node)
    project.gateways, project.others = 1, []
    checks.run("SATSCOPE_ZMQ_ENDPOINT points ingest to it", project.up_on_other_node)
    checks.run("the price is that node's", within, 60, asks.has_found, 60_000)
    checks.run("the gateway reads the folder's exchange rates, and new ones", project.exchanges_rates)
    checks.run("the gateway cannot write the folder", containers.cannot_write_rates, project)
    checks.run("the simulator stands by meanwhile", losses.stand_by, project, "simulator")
    checks.run("SIGTERM ends each with exit code 0 there too", losses.stop_in_order, project)
    output("docker", "rm", "--force", project.other_node, may_fail=True)
    checks.run("down again", project.down, "--volumes")
    checks.run("an image takes the place of Bitcoin Core's", images.import_bitcoin, project)
    checks.run("deploy/compose/node.env brings a node in a container", project.up_with_node)
    checks.run("the price is that of the node in the container", within, 60, asks.has_found, 70_000)
    checks.run("the historian reads that node too, by its cookie", within, 60, asks.reads_the_node, project)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
