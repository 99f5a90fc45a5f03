"""Counts checks, waits for conditions, and runs commands: what every module here needs."""

import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Failure(Exception):
    """Why a check failed."""


class Checks:
    """Runs checks one by one; each prints a line."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def run(self, what, check, *arguments):
        """True when `check` returned; its Failure is shown and counted."""
        started = time.monotonic()
        try:
            check(*arguments)
        except (Failure, OSError, subprocess.SubprocessError) as error:
            self.failed += 1
            print(f"FAILED  {what}", *str(error).splitlines(), sep="\n        ", flush=True)
            return False
        self.passed += 1
        print(f"ok      {what} ({time.monotonic() - started:.0f} s)", flush=True)
        return True


def require(condition, why):
    if not condition:
        raise Failure(why)


def within(seconds, what, condition):
    """The first true value of `condition`, which may fail until then."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except OSError as error:
            last = error
        time.sleep(0.2)
    raise Failure(f"{what}: not within {seconds} s; {last or ''}")


def get(url, timeout=5):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def run(*command, given=None, **options):
    """What a command says; a Failure with all of it when it ends badly."""
    done = subprocess.run(
        [str(part) for part in command], input=given, text=True, capture_output=True, timeout=300, **options
    )
    require(done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
