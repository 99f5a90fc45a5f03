"""The containers of docker-compose.yml: which are started, and how compose and Docker are asked about them."""

import json
import os

import asks
from checks import ROOT, output, require, run, within


class Project:
    """docker-compose.yml under a name of its own. Grafana is left out, because Debian has no package of it."""

    def __init__(self, work):
        self.name = f"satscope-check-{os.getpid()}"
        self.command = (os.environ.get("COMPOSE") or "docker-compose").split()
        # Services that start one after the other, and services that no other waits for.
        self.services = ["simulator", "ingest", "analyzer", "gateway", "balancer"]
        self.others = ["historian", "prometheus"]
        self.gateways = 3
        self.work = work
        self.settings = work / "no.env"
        self.settings.touch()

    def compose(self, *arguments, environment=None, limit=()):
        """What compose says; `limit` is a command that runs compose."""
        options = ("--env-file", self.settings, "--project-name", self.name)
        return run(*limit, *self.command, *options, *arguments, environment=environment)

    def up(self, environment=None):
        self.compose("up", "--detach", "--no-build", "--scale", f"gateway={self.gateways}", *self.services, *self.others,
                     environment=environment, limit=("timeout", "180"))

    def down(self, *options):
        """Removes the project's containers; a Failure if the engine has any left."""
        self.compose("down", *options)
        left = run("docker", "ps", "--all", "--quiet")
        require(not left, f"containers are left: {left}")

    def containers(self, service):
        """The containers of a service, the newest first; a Failure if there is none."""
        filters = (f"project={self.name}", f"service={service}", "oneoff=False")
        named = [f"--filter=label=com.docker.compose.{label}" for label in filters]
        found = run("docker", "ps", "--all", "--quiet", *named).split()
        require(found, f"there is no container of {service}")
        return found

    def container(self, service):
        """The first container of a service."""
        return self.containers(service)[-1]

    def all_containers(self):
        return [container for service in self.services + self.others for container in self.containers(service)]

    def each(self, check):
        """Runs a check of each container."""
        for container in self.all_containers():
            check(container)

    def run_other_node(self):
        """Starts a stand-in that ingest takes for a real node, with a price of its own, behind user and password."""
        login = self.work / "login"
        login.mkdir()
        (login / "password").write_text(os.urandom(16).hex())
        login.chmod(0o755)
        (login / "password").chmod(0o444)
        settings = {
            "SATSCOPE_STANDIN_RPC_USER": "someone",
            "SATSCOPE_STANDIN_RPC_PASSWORD_FILE": "/run/login/password",
            "SATSCOPE_PRICE": "60000",
            "SATSCOPE_VOLATILITY": "0",
        }
        given = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
        self.compose("run", "--detach", "--no-deps", "--name", self.other_node, "--volume", f"{login}:/run/login:ro",
                     "--entrypoint", "satscope", *given, "simulator", "simulate")

    @property
    def other_node(self):
        return f"{self.name}-node"

    def up_on_other_node(self):
        self.write_rates("EUR,0.92\n")
        self.up({
            "SATSCOPE_FX_FILE": "/run/rates/fx.csv",
            "FX_FOLDER": str(self.rates),
            "SATSCOPE_ZMQ_ENDPOINT": f"tcp://{self.other_node}:28332",
            "SATSCOPE_RPC_URL": f"http://{self.other_node}:8332",
            "SATSCOPE_RPC_USER": "someone",
            "SATSCOPE_RPC_PASSWORD_FILE": "/run/node/password",
            "NODE_LOGIN": str(self.work / "login"),
        })

    @property
    def rates(self):
        return self.work / "rates"

    def write_rates(self, text):
        """Puts a file of exchange rates in the place of the one before, as docs/operations.md says."""
        self.rates.mkdir(exist_ok=True)
        self.rates.chmod(0o755)
        new = self.rates / "fx.new"
        new.write_text(text)
        new.chmod(0o444)
        new.rename(self.rates / "fx.csv")

    def exchanges_rates(self):
        """The gateway has the currency of the file, and soon that of a file that takes its place."""
        within(30, asks.has_currencies, ["EUR"])
        self.write_rates("GBP,0.79\n")
        within(30, asks.has_currencies, ["GBP"])

    def up_with_node(self):
        """Starts what deploy/compose/node.env brings, which moves no port."""
        self.settings = ROOT / "deploy/compose/node.env"
        self.services = ["simulator", "bitcoin", "ingest", "analyzer", "gateway", "balancer"]
        self.others = ["historian"]
        self.gateways = 1
        self.up()


def inspected(*containers):
    """What Docker knows of containers, one dictionary each; too long to be noted."""
    return json.loads(output("docker", "inspect", *containers))
