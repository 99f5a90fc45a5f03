"""The systemd units: their exposure as systemd reckons it, and their behaviour on a machine of its own."""

import re
import shutil
import subprocess
from pathlib import Path

from checks import ROOT, require, run

FOLDER = ROOT / "deploy/systemd"
MOST_EXPOSED = 2.0
MACHINE_SECONDS = 300


def check(checks, binary, cache, folder):
    for unit in sorted(FOLDER.glob("*.service")):
        checks.run(f"{unit.name} is exposed by less than {MOST_EXPOSED}", is_hardly_exposed, unit)
    machine = Path(folder) / "machine"
    if checks.run("a machine with systemd is there", prepare, binary, Path(cache), machine):
        boot(checks, machine)


def is_hardly_exposed(unit):
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    exposure = float(re.search(r"Overall exposure level for .*: ([0-9.]+)", said)[1])
    require(exposure < MOST_EXPOSED, f"{exposure}:\n{said}")


def prepare(binary, cache, machine):
    """Debian with systemd, from the last run or made anew; in /check all that the check inside needs."""
    saved = cache / "bookworm-systemd.tar"
    if not saved.exists():
        made = machine.with_name("debootstrap")
        run("debootstrap", "--variant=minbase", "--include=systemd-sysv,libnss-systemd", "bookworm", made)
        cache.mkdir(parents=True, exist_ok=True)
        left_out = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man")
        run("tar", "-C", made, *(f"--exclude=./{path}/*" for path in left_out), "-cf",
            machine.with_name("machine.tar"), ".")
        shutil.move(machine.with_name("machine.tar"), saved)
    machine.mkdir()
    run("tar", "-C", machine, "-xf", saved)
    source = machine / "check/source"
    (source / "target/release").mkdir(parents=True)
    run("strip", "--strip-debug", "-o", source / "target/release/satscope", binary)
    shutil.copytree(FOLDER, source / "deploy/systemd")
    shutil.copy(Path(__file__).with_name("units.sh"), machine / "check/units.sh")
    (machine / "check/install").write_text(install_steps())
    (machine / "etc/systemd/system/check.service").write_text(
        "[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/bin/bash /check/units.sh\n"
    )
    wanted = machine / "etc/systemd/system/multi-user.target.wants/check.service"
    wanted.symlink_to("/etc/systemd/system/check.service")


def install_steps():
    """The commands that docs/operations.md gives, word for word."""
    text = (ROOT / "docs/operations.md").read_text()
    found = re.search(r"^<!-- tested: systemd -->\n+```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    require(found, "docs/operations.md has no steps for systemd")
    return found[1]


def boot(checks, machine):
    command = ["systemd-nspawn", "--quiet", f"--directory={machine}", "--boot", "--private-network", "--register=no",
               "--keep-unit", "--console=pipe"]
    with open(machine.with_name("machine.log"), "wb") as console:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        try:
            process.wait(MACHINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    result = machine / "check/result"
    lines = result.read_text().splitlines() if result.exists() else []
    console = machine.with_name("machine.log").read_text(errors="replace")[-2000:]
    checks.run("the machine came up", require, lines, console)
    # What stands under a failure, up to the next check, is its log.
    for block in re.split(r"^(?=ok |FAILED )", "\n".join(lines), flags=re.MULTILINE):
        if block:
            word, _, what = block.partition(" ")
            what, _, log = what.partition("\n")
            checks.run(what, require, word == "ok", log)
    checks.run("all of it was checked", require, len(lines) and "stop in order" in lines[-1], console)
