"""The recipes that need a server beside the demo: nginx, and Prometheus."""

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

# Seconds for a server to answer.
PATIENCE = 60


class Mempool(http.server.BaseHTTPRequestHandler):
    """A stand-in of a mempool instance, with one answer."""

    def do_GET(self):
        body = b"930000"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def running(*command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def ask(url):
    """The answer, once there is one."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def nginx(place):
    if shutil.which("nginx") is None:
        return "left out: no nginx"
    port = free_port()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mempool) as mempool:
        threading.Thread(target=mempool.serve_forever, daemon=True).start()
        locations = place.recipe("A mempool instance with Satscope's prices", "nginx")
        locations = locations.replace("http://localhost:8080", f"http://127.0.0.1:{mempool.server_port}")
        file = place.folder / "nginx.conf"
        file.write_text(f"daemon off; pid {place.folder}/nginx.pid; error_log {place.folder}/nginx.log; events {{}}\n"
                        f"http {{ access_log off; server {{ listen 127.0.0.1:{port};\n{locations}\n}} }}\n")
        with running("nginx", "-c", str(file), "-p", str(place.folder), "-e", f"{place.folder}/nginx.log"):
            base = f"http://127.0.0.1:{port}"
            if ask(f"{base}/api/blocks/tip/height") != 930_000 or ask(f"{base}/api/v1/prices")["EUR"] <= 0:
                raise AssertionError("the proxy mixes up its two servers")
            past = ask(f"{base}/api/v1/historical-price?currency=EUR&timestamp={int(time.time())}")
            if past["prices"][0]["USD"] <= 0:
                raise AssertionError(past)
        mempool.shutdown()
    return "read through nginx, before a stand-in of a mempool instance"


def prometheus(place):
    if shutil.which("prometheus") is None:
        return "left out: no Prometheus"
    port = free_port()
    settings = place.recipe("Prometheus", "yaml").replace("127.0.0.1:9101", place.metrics.split("/")[2])
    file = place.folder / "prometheus.yml"
    file.write_text("global: {scrape_interval: 1s}\n" + settings)
    query = "satscope_price_usd unless on () satscope_analyzer_price_stale == 1"
    with running("prometheus", f"--config.file={file}", f"--storage.tsdb.path={place.folder}/prometheus",
                 f"--web.listen-address=127.0.0.1:{port}"):
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            found = ask(url)["data"]["result"]
            if found:
                return f"asked Prometheus, and got {float(found[0]['value'][1]):.0f}"
            time.sleep(0.5)
    raise AssertionError("Prometheus has no price")
