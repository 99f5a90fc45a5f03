"""The images that the containers are made of: Satscope's own, and those of others, which are made where there is no registry."""

import os
import shutil
from pathlib import Path

from checks import ROOT, Failure, note, output, require, run
from engine import is_pulled

# Debian's packages in place of the images of nginx and Prometheus: the same programs, other versions.
PACKAGES = ("nginx", "prometheus", "libssl3")
OTHERS = """\
FROM debian:bookworm-slim
COPY usr/bin/prometheus usr/bin/promtool usr/sbin/nginx /usr/bin/
COPY usr/lib/x86_64-linux-gnu/ /usr/lib/x86_64-linux-gnu/
RUN ldconfig && nginx -v && prometheus --version && install -d -o 65534 -g 65534 /prometheus && install -d -m 1777 /var/log/nginx
"""


def own():
    """The name of the image that is tested."""
    return f"satscope:{os.environ['IMAGE_TAG']}"


def build(work, binary):
    """Builds the image around a binary that is there already, and compares its label with the binary's version."""
    version = run(binary, "--version").split()[1]
    stripped = work / "binary/satscope"
    stripped.parent.mkdir()
    try:
        run("strip", "--strip-debug", "-o", stripped, binary)
    except (Failure, OSError):
        shutil.copy(binary, stripped)
    packed = work / "binary.tar"
    run("tar", "-C", stripped.parent, "-cf", packed, stripped.name)
    run("docker", "import", packed, "satscope-binary")
    build_image(ROOT, own(), BINARY="satscope-binary", VERSION=version, REVISION=revision())
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    labelled = run("docker", "image", "inspect", "--format", label, own()).strip()
    require(labelled == version, f"the image's version is {labelled}; expected {version}")


def revision():
    """The commit that is checked out; nothing if this is no repository."""
    try:
        return output("git", "rev-parse", "HEAD").decode().strip()
    except (Failure, OSError):
        return ""


def import_others(work, cache, project):
    """Gives the engine the images of nginx and Prometheus that docker-compose.yml names."""
    nginx, prometheus = image_of(project, "balancer"), image_of(project, "prometheus")
    if is_pulled(nginx, 60) and is_pulled(prometheus, 120):
        return
    note(f"no registry: making {nginx} and {prometheus} from Debian's packages")
    debs, folder = cache / "debs", work / "others"
    debs.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    for package in PACKAGES:
        run("dpkg", "-x", downloaded(package, debs), folder)
    (folder / "Dockerfile").write_text(OTHERS)
    build_image(folder, nginx)
    run("docker", "tag", nginx, prometheus)


def downloaded(package, debs):
    """The file of a package, from the last run or downloaded anew."""
    def found():
        return max(debs.glob(f"{package}_*.deb"), default=None)

    def download():
        run("apt-get", "download", "-qq", package, folder=debs)

    if not found():
        try:
            download()
        except Failure:
            run("apt-get", "update", "-qq")
            download()
    require(found(), f"apt-get download {package} left no file in {debs}")
    return found()


def import_bitcoin(project):
    """Gives the engine an image in place of Bitcoin Core's."""
    image = image_of(project, "bitcoin", environment={"COMPOSE_PROFILES": "node"})
    build_image(Path(__file__).with_name("node"), image, SATSCOPE=own())


def image_of(project, service, environment=None):
    """The image that docker-compose.yml names for a service."""
    image, is_service = None, False
    for line in project.compose("config", environment=environment).splitlines():
        if line.startswith("  ") and line[2:3].isalpha():
            is_service = line == f"  {service}:"
        elif is_service and line.startswith("    image: "):
            image = line.removeprefix("    image: ")
    require(image, f"docker-compose.yml names no image for {service}")
    return image


def build_image(folder, tag, **arguments):
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    run("docker", "build", "--network=host", "--tag", tag, *given, folder, environment={"DOCKER_BUILDKIT": "1"})
