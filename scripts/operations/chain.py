"""The whole chain on loopback, a process a part, with callers; and a Prometheus that scrapes it by the real rules."""

import base64
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import yaml

from checks import ROOT, Failure, get, require, until

PARTS = ("ingest", "analyzer", "historian", "gateway")
# Days of the past that the historian reads: a period of 2,016 blocks takes 14.
HISTORY_DAYS = 40
# A second between scrapes, so that rates are there soon.
SCRAPE_SECONDS = 1


def free_ports(names):
    """A port for each name, all different, and below those that outgoing connections take before they are listened on."""
    ports = filter(is_free, random.sample(range(20_000, 32_000), 12_000))
    return dict(zip(names, ports))


def is_free(port):
    with socket.socket() as held:
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Chain:
    """Starts all; `with` ends all."""

    def __init__(self, binary, folder, rate=20):
        self.binary, self.folder, self.rate = binary, Path(folder), rate
        self.processes, self.callers = {}, []
        names = ("zmq", "rpc", "prometheus", "gateway", "grpc_ingest", "grpc_analyzer", "grpc_historian")
        self.ports = free_ports((*names, *(f"metrics_{part}" for part in PARTS)))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for caller in self.callers:
            caller.close()
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self):
        ports, cookie = self.ports, self.folder / "cookie"

        def at(name):
            return f"127.0.0.1:{ports[name]}"

        self.part("simulate", STANDIN_ZMQ_LISTEN=f"tcp://{at('zmq')}", STANDIN_RPC_LISTEN=at("rpc"),
                  STANDIN_RPC_COOKIE_FILE=cookie, RATE=self.rate, HISTORY_DAYS=HISTORY_DAYS)
        until(60, "the simulator's cookie", cookie.exists)
        self.part("ingest", ZMQ_ENDPOINT=f"tcp://{at('zmq')}", RPC_URL=f"http://{at('rpc')}", RPC_COOKIE_FILE=cookie,
                  NODE_IS_STANDIN="true", STATE_DIR=self.folder / "state", INGEST_LISTEN=at("grpc_ingest"),
                  METRICS_LISTEN=at("metrics_ingest"))
        self.part("analyzer", INGEST_URL=f"http://{at('grpc_ingest')}", ANALYZER_LISTEN=at("grpc_analyzer"),
                  METRICS_LISTEN=at("metrics_analyzer"))
        self.part("historian", RPC_URL=f"http://{at('rpc')}", RPC_COOKIE_FILE=cookie, NODE_IS_STANDIN="true",
                  ANALYZER_URL=f"http://{at('grpc_analyzer')}", HISTORIAN_LISTEN=at("grpc_historian"),
                  STATE_DIR=self.folder / "history", METRICS_LISTEN=at("metrics_historian"))
        rates = self.folder / "fx.csv"
        rates.write_text("EUR,0.92\n")
        self.part("gateway", ANALYZER_URL=f"http://{at('grpc_analyzer')}", HISTORIAN_URL=f"http://{at('grpc_historian')}",
                  GATEWAY_LISTEN=at("gateway"), METRICS_LISTEN=at("metrics_gateway"), FX_FILE=rates)
        self.prometheus()
        until(90, "a price", lambda: json.loads(get(self.url("gateway", "/api/v1/price")))["price"])

    def part(self, command, **settings):
        own = {name: value for name, value in os.environ.items() if not name.startswith("SATSCOPE_")}
        own |= {f"SATSCOPE_{key}": str(value) for key, value in settings.items()}
        self.spawn(command, [self.binary, command], own)

    def spawn(self, name, command, environment=None):
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def prometheus(self):
        """With the configuration of docker-compose.yml, but for where the targets are and how often they are asked."""
        config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": "2s"}
        config["rule_files"] = [str(ROOT / "deploy/prometheus/alerts.yml")]
        for job in config["scrape_configs"]:
            part = job["job_name"].removeprefix("satscope-")
            require(part in PARTS, f"prometheus.yml has a job for {part}, which is no part")
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [{"targets": [f"127.0.0.1:{self.ports[f'metrics_{part}']}"]}]
        place = self.folder / "prometheus.yml"
        place.write_text(yaml.safe_dump(config))
        self.spawn("prometheus", [
            "prometheus", f"--config.file={place}", f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
        ])
        until(60, "Prometheus", lambda: get(self.url("prometheus", "/-/ready")))

    def url(self, name, path):
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def metrics(self, part):
        return get(self.url(f"metrics_{part}", "/metrics"))

    def query(self, expression):
        """The series that Prometheus answers with."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            answer = json.loads(get(self.url("prometheus", path)))
        except OSError as error:
            raise Failure(f"{expression}: {error}") from error
        return answer["data"]["result"]

    def rules(self):
        groups = json.loads(get(self.url("prometheus", "/api/v1/rules")))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def watch(self, clients):
        """WebSocket clients that stay."""
        self.callers = [Watcher(self.ports["gateway"]) for _ in range(clients)]

    def ask(self):
        """What programs do now and then: REST, and a question of each gRPC service."""
        for path in ("/api/v1/price", "/api/v1/points", "/", "/api/v1/history?range=1h&step=1m", "/api/v1/history/coverage"):
            get(self.url("gateway", path))
        for port, method in ((self.ports["grpc_analyzer"], "satscope.v1.PriceService/GetPrice"),
                             (self.ports["grpc_historian"], "satscope.v1.HistoryService/GetCoverage"),
                             (self.ports["grpc_ingest"], "grpc.health.v1.Health/Check")):
            self.ask_grpc(port, method)

    def ask_grpc(self, port, method):
        subprocess.run(
            ["curl", "--silent", "--fail", "--max-time", "5", "--http2-prior-knowledge", "--data-binary", "@-",
             "--header", "content-type: application/grpc", "--header", "te: trailers", "--output", "/dev/null",
             f"http://127.0.0.1:{port}/{method}"],
            input=b"\0\0\0\0\0", check=True, timeout=20,
        )


class Watcher:
    """A WebSocket client that reads all, and says only that it is alive."""

    PONG = b"\x8a\x80\0\0\0\0"
    PONG_SECONDS = 10

    def __init__(self, port):
        self.bytes = 0
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws/mempool HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        status = self.socket.recv(12)
        require(status.endswith(b"101"), f"the handshake was answered with {status!r}")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        said = time.monotonic()
        try:
            while received := self.socket.recv(65536):
                self.bytes += len(received)
                # A pong needs no ping before it (RFC 6455, 5.5.3), and the gateway closes a client
                # that it does not hear from.
                if time.monotonic() - said > self.PONG_SECONDS:
                    self.socket.sendall(self.PONG)
                    said = time.monotonic()
        except OSError:
            return

    def close(self):
        self.socket.close()
