"""The Kubernetes manifests: against the API's schemas, the restricted Pod Security Standard, and the program itself."""

import subprocess

import kubernetes_validate
import yaml
from checks import ROOT, Failure, require, run

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("simulated", "production", "currencies")
WORKLOADS = ("Deployment", "StatefulSet")


def check(checks, binary):
    for overlay in OVERLAYS:
        objects = []
        if not checks.run(f"kustomize builds the overlay {overlay}", build, overlay, objects):
            continue
        checks.run(f"each object of {overlay} is as the API's schemas want it", fits_schemas, objects)
        checks.run(f"each pod of {overlay} keeps to the restricted standard", is_restricted, objects)
        checks.run(f"each pod of {overlay} has probes, limits and a network policy", is_looked_after, objects)
        checks.run(f"each pod of {overlay} can ask for names, of NodeLocal's cache too", asks_for_names, objects)
        checks.run(f"the gateways of {overlay} take all clients of one ingress", stands_behind_an_ingress, objects, binary)
        checks.run(f"one historian of {overlay} writes the history, for the gateways alone", has_one_historian, objects)
        checks.run(f"the gateways of {overlay} only read exchange rates, from a volume", reads_rates, objects, overlay)
        checks.run(f"ports and selectors of {overlay} meet", meets, objects)
        checks.run(f"the program takes the settings of {overlay}", takes_settings, objects, binary)


def build(overlay, objects):
    """Adds what kustomize makes to `objects`."""
    objects += yaml.safe_load_all(run("kubectl", "kustomize", FOLDER / "overlays" / overlay))


def fits_schemas(objects):
    version = kubernetes_validate.latest_version()
    for one in objects:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise Failure(f"{name(one)}: {'.'.join(map(str, error.path))}: {error.message}") from error


def name(one):
    return f"{one['kind']} {one['metadata']['name']}"


def pods(objects):
    """Name, labels and spec of each workload's pod."""
    for one in objects:
        if one["kind"] in WORKLOADS:
            template = one["spec"]["template"]
            yield name(one), template["metadata"]["labels"], template["spec"]


def is_restricted(objects):
    for pod, _, spec in pods(objects):
        whole = spec["securityContext"]
        require(whole.get("runAsNonRoot") is True and whole.get("runAsUser", 0) > 0, f"{pod} may run as root")
        require(whole["seccompProfile"]["type"] == "RuntimeDefault", f"{pod} has no seccomp profile")
        require(spec.get("automountServiceAccountToken") is False, f"{pod} holds a token of the API")
        require(not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), f"{pod} shares with its host")
        for volume in spec.get("volumes", []):
            require(set(volume) - {"name"} <= {"secret", "configMap", "emptyDir", "persistentVolumeClaim"},
                    f"{pod} has a volume of another kind: {volume}")
        for container in spec["containers"]:
            own = container["securityContext"]
            require(own["capabilities"] == {"drop": ["ALL"]}, f"{pod} keeps capabilities")
            require(own["allowPrivilegeEscalation"] is False, f"{pod} may gain privileges")
            require(own["readOnlyRootFilesystem"] is True, f"{pod} may write to its root")
    spaces = [one for one in objects if one["kind"] == "Namespace"]
    labels = [space["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") for space in spaces]
    require(labels == ["restricted"], f"the namespace enforces {labels}")


def is_looked_after(objects):
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    closed = [one for one in policies if one["podSelector"] == {} and "ingress" not in one and "egress" not in one]
    require(len(closed) == 1 and set(closed[0]["policyTypes"]) == {"Ingress", "Egress"}, "not all is closed at first")
    for pod, labels, spec in pods(objects):
        own = [one for one in policies if one["podSelector"].get("matchLabels", {}).items() & labels.items()]
        require(own, f"{pod} has no network policy of its own")
        for container in spec["containers"]:
            for probe in ("readinessProbe", "livenessProbe"):
                require(probe in container, f"{pod} has no {probe}")
            require("memory" in container["resources"]["limits"], f"{pod} has no limit on memory")
    budgets = [one for one in objects if one["kind"] == "PodDisruptionBudget"]
    gateway = next(labels for pod, labels, _ in pods(objects) if pod == "Deployment gateway")
    selected = [one for one in budgets if one["spec"]["selector"]["matchLabels"].items() <= gateway.items()]
    require(selected, "the gateways have no disruption budget")
    require(all(one["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow" for one in budgets),
            "a gateway that is not ready can keep a machine from being emptied")
    for pod in ("ingest", "analyzer", "historian"):
        container = next(spec for title, _, spec in pods(objects) if title.endswith(f" {pod}"))["containers"][0]
        require("grpc" in container["readinessProbe"], f"{pod} is not asked over gRPC")


def asks_for_names(objects):
    """The cluster's own name service is allowed, and NodeLocal's cache, which no selector finds."""
    names = next(one["spec"] for one in objects if name(one) == "NetworkPolicy names")
    require(names["podSelector"] == {}, "not each pod may ask for names")
    rule, = names["egress"]
    ports = {(port["protocol"], port["port"]) for port in rule["ports"]}
    require(ports == {("UDP", 53), ("TCP", 53)}, f"names are asked for at {ports}")
    require({"ipBlock": {"cidr": "169.254.20.10/32"}} in rule["to"], "NodeLocal's cache is cut off")
    spaces = [to["namespaceSelector"]["matchLabels"] for to in rule["to"] if "namespaceSelector" in to]
    require(spaces == [{"kubernetes.io/metadata.name": "kube-system"}], f"names are asked for in {spaces}")


def stands_behind_an_ingress(objects, binary):
    """All clients may come at one address, and readiness is asked of /readyz."""
    spec = next(spec for pod, _, spec in pods(objects) if pod == "Deployment gateway")
    container, = spec["containers"]
    settings = {entry["name"]: entry["value"] for entry in container["env"]}
    listed = run(binary, "config", "gateway", env=settings).splitlines()
    value = {line.split()[0]: line.split()[1] for line in listed}
    require(int(value["gateway_max_connections_per_address"]) >= int(value["gateway_max_connections"]),
            "clients that an ingress sees at one address are refused before the gateway is full")
    require(container["readinessProbe"]["httpGet"]["path"] == "/readyz", "the gateway is not asked whether it can serve")


def has_one_historian(objects):
    """One, the old one ended before the new one starts; its gRPC is for the gateways, its volume for itself."""
    one = next(one for one in objects if name(one) == "Deployment historian")
    require(one["spec"]["replicas"] == 1 and one["spec"]["strategy"] == {"type": "Recreate"}, "two may write one file")
    policy = next(one["spec"] for one in objects if name(one) == "NetworkPolicy historian")
    rule, = policy["ingress"]
    callers = [caller["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for caller in rule["from"]]
    require(callers == ["satscope-gateway"], f"{callers} may ask the historian")
    users = [pod for pod, _, spec in pods(objects) for volume in spec.get("volumes", [])
             if volume.get("persistentVolumeClaim", {}).get("claimName") == "history"]
    require(users == ["Deployment historian"], f"{users} have the history's volume")


def reads_rates(objects, overlay):
    """Where `fx_file` is set, it lies in a volume that is read-only and mounted whole, so that a new ConfigMap reaches the pod."""
    spec = next(spec for pod, _, spec in pods(objects) if pod == "Deployment gateway")
    container, = spec["containers"]
    file = {entry["name"]: entry["value"] for entry in container["env"]}.get("SATSCOPE_FX_FILE")
    require((file is not None) == (overlay == "currencies"), f"fx_file is {file}")
    if file:
        mount, = (mount for mount in container["volumeMounts"] if mount["mountPath"] == file.rpartition("/")[0])
        require(mount.get("readOnly") is True and "subPath" not in mount, f"the rates are mounted as {mount}")
        volume, = (volume for volume in spec["volumes"] if volume["name"] == mount["name"])
        require(volume["configMap"].get("optional") is True, "a gateway without rates would not start")


def meets(objects):
    """Each Service selects one workload, and leads to a port that it has; each probe likewise."""
    for one in (one for one in objects if one["kind"] == "Service"):
        selected = [spec for _, labels, spec in pods(objects) if one["spec"]["selector"].items() <= labels.items()]
        require(len(selected) == 1, f"{name(one)} selects {len(selected)} workloads")
        ports = {port["name"] for container in selected[0]["containers"] for port in container["ports"]}
        for port in one["spec"]["ports"]:
            require(port["targetPort"] in ports, f"{name(one)} leads to {port['targetPort']}, not one of {ports}")
    for pod, _, spec in pods(objects):
        for container in spec["containers"]:
            ports = {port[key] for port in container["ports"] for key in ("name", "containerPort")}
            for kind in ("readinessProbe", "livenessProbe"):
                probe = container[kind]
                port = next(probe[way]["port"] for way in ("grpc", "httpGet", "tcpSocket") if way in probe)
                require(port in ports, f"{pod}: its {kind} asks {port}, not one of {ports}")


def takes_settings(objects, binary):
    """Runs `satscope config PART` with exactly what the pod would get."""
    maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
    for pod, _, spec in pods(objects):
        for container in spec["containers"]:
            settings = {entry["name"]: entry["value"] for entry in container.get("env", [])}
            for source in container.get("envFrom", []):
                settings |= maps[source["configMapRef"]["name"]]
            # The password is there only in the cluster.
            done = subprocess.run([binary, "config", *container["args"]], env=settings, text=True,
                                  capture_output=True, timeout=30)
            require(done.returncode == 0, f"{pod}: {done.stderr}")
