"""The machine's own part: the packages that are needed, a Docker engine on a private socket, and taking all of it down again."""

import os
import shutil
import subprocess
import sys

from checks import FAULTS, Failure, note, output, run, said, within

# The commands that are needed, and the packages that bring each.
PACKAGES = {
    "dockerd": ["docker.io", "iptables"],
    "debootstrap": ["debootstrap"],
    "curl": ["curl"],
}


def install(compose):
    """Installs the packages whose commands are missing; `compose` is the command that runs docker-compose.yml."""
    packages = [*PACKAGES.items(), (compose, ["docker-compose"])]
    missing = [name for command, names in packages if not shutil.which(command) for name in names]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing,
            environment={"DEBIAN_FRONTEND": "noninteractive"})


class Engine:
    """A Docker engine without firewall rules, so that it runs inside a container or a small VM too."""

    def __init__(self, work):
        self.work = work
        self.process = None

    def start(self):
        """Starts the engine and waits for its answer, 60 s at most."""
        # The package's own client, whatever else stands before it in PATH.
        own = self.work / "bin"
        own.mkdir()
        (own / "docker").symlink_to("/usr/bin/docker")
        os.environ["PATH"] = f"{own}:{os.environ['PATH']}"
        command = [
            "dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--host-gateway-ip=127.0.0.1",
            "--storage-driver=overlay2", f"--data-root={self.work}/data", f"--exec-root={self.work}/exec",
            f"--pidfile={self.work}/docker.pid", "-H", os.environ["DOCKER_HOST"],
        ]
        with open(self.work / "dockerd.log", "wb") as log:
            # The engine runs in a session of its own, because Ctrl-C must leave it up until its
            # containers are removed.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            within(60, run, "docker", "version")
        except FAULTS as error:
            said.clear()
            note((self.work / "dockerd.log").read_text(errors="replace"))
            lines = "\n".join(said)
            raise Failure(f"the Docker engine does not answer within 60 s:\n{lines}") from error

    def import_base(self, cache):
        """Gives the engine, which has nothing at first, the base image: of the last run, a registry, or Debian's packages."""
        image, saved = "debian:bookworm-slim", cache / "bookworm-slim.tar"
        if not saved.exists() and not is_pulled(image, 30):
            print(f"no registry: making {image} with debootstrap", flush=True)
            base, made = self.work / "base", self.work / "base.tar"
            run("debootstrap", "--variant=minbase", "bookworm", base)
            cache.mkdir(parents=True, exist_ok=True)
            left_out = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
            run("tar", "-C", base, *(f"--exclude=./{path}/*" for path in left_out), "-cf", made, ".")
            shutil.move(made, saved)
        if saved.exists():
            run("docker", "import", saved, image)

    def clean_up(self):
        """Removes the containers, ends the engine, and deletes the working folder with all that is mounted below it."""
        if self.process and self.process.poll() is None:
            containers = quietly("docker", "ps", "--all", "--quiet").split()
            if containers:
                quietly("docker", "rm", "--force", "--volumes", *containers)
            quietly("docker", "network", "prune", "--force")
            self.process.terminate()
            self.process.wait()
        mounts = quietly("findmnt", "--raw", "--noheadings", "--output", "TARGET").splitlines()
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self.work}/")), reverse=True):
            quietly("umount", mount)
        quietly("rm", "--recursive", "--force", "--one-file-system", self.work)


def is_pulled(image, seconds):
    """Whether a registry gives an image within `seconds`."""
    try:
        run("timeout", seconds, "docker", "pull", "--quiet", image)
    except Failure:
        return False
    return True


def quietly(*command):
    """What a command of the clean-up writes; one that fails is reported, and the clean-up goes on."""
    said.clear()
    try:
        return output(*command).decode(errors="replace")
    except (Failure, OSError) as error:
        print(*said, f"compose-check: {error}", sep="\n", file=sys.stderr)
        return ""
