"""The systemd units: their hardening, their exposure as systemd reckons it, and their behaviour on a machine of its own."""

import difflib
import re
import shutil
import subprocess
from pathlib import Path

from checks import ROOT, require, run

FOLDER = ROOT / "deploy/systemd"
MOST_EXPOSED = 2.0
MACHINE_SECONDS = 300
# The keys that a unit sets for itself. All other lines of [Service] are repeated in each, because a unit that is copied
# alone must be as hardened as the others.
OWN = {"ExecStart", "Environment", "MemoryMax", "CPUWeight", "IOWeight", "LimitNOFILE", "StateDirectory", "StateDirectoryMode"}
# The system calls that a unit may make beyond those that every unit may make.
CALLS = {
    "satscope.service": "sched_setscheduler setpriority",
    "satscope-ingest.service": "sched_setscheduler",
    "satscope-historian.service": "setpriority",
}


def check(checks, binary, cache, folder):
    checks.run("the units repeat the same hardening, line by line", repeat_the_hardening, FOLDER)
    for unit in sorted(FOLDER.glob("*.service")):
        checks.run(f"{unit.name} is exposed by less than {MOST_EXPOSED}", is_hardly_exposed, unit)
    machine = Path(folder) / "machine"
    if checks.run("a machine with systemd is there", prepare, binary, Path(cache), machine):
        boot(checks, machine)


def repeat_the_hardening(folder):
    units = sorted(folder.glob("*.service"))
    require(len(units) > 1, f"{len(units)} units in {folder}; expected one of the whole and one for each part")
    first, *others = units
    expected = repeated(first)
    require("NoNewPrivileges=yes" in expected, f"{first.name} has no line NoNewPrivileges=yes; expected the hardening in [Service]")
    for unit in others:
        lines = difflib.unified_diff(expected, repeated(unit), first.name, unit.name, lineterm="")
        differing = "\n".join(lines)
        require(not differing, f"{unit.name} does not repeat the lines of {first.name}:\n{differing}")


def repeated(unit):
    """The lines of a unit's [Service] that all units have in common, in their order."""
    _, _, service = unit.read_text().partition("[Service]\n")
    service, _, _ = service.partition("\n[")
    lines = [line for line in service.splitlines() if line and not line.startswith("#")]
    keeps_state = any(line.startswith("StateDirectory=") for line in lines)
    require(not keeps_state or "StateDirectoryMode=0700" in lines, f"{unit.name}: others may read its state folder")
    if calls := CALLS.get(unit.name):
        allowed = f"SystemCallFilter={calls}"
        require(allowed in lines, f"{unit.name} has no line {allowed}; if it needs no calls of its own, mend CALLS")
        lines.remove(allowed)
    return [line for line in lines if line.partition("=")[0] not in OWN]


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
    # The lines below a failure, up to the next check, are its log.
    for block in re.split(r"^(?=ok |FAILED )", "\n".join(lines), flags=re.MULTILINE):
        if block:
            word, _, what = block.partition(" ")
            what, _, log = what.partition("\n")
            checks.run(what, require, word == "ok", log)
    checks.run("all of it was checked", require, len(lines) and "stop in order" in lines[-1], console)
