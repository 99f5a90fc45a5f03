"""Counts checks, runs commands, and keeps the end of what they said, which is shown under a check that fails."""

import collections
import http.client
import os
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Lines that are shown under a check that fails.
SHOWN_LINES = 30

said = collections.deque(maxlen=SHOWN_LINES)
# The containers are on this machine: a proxy for other machines has no part in it.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """Why a check failed."""


# The exceptions that make a check fail: its own Failure, a failed command or connection, an answer of an unexpected shape.
FAULTS = (
    Failure, OSError, subprocess.SubprocessError, http.client.HTTPException, LookupError, TypeError, ValueError,
)


class Checks:
    """Runs checks one by one; each prints a line."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def run(self, what, check, *arguments):
        """Counts whether `check` returns, and shows what was said if it raises one of FAULTS."""
        started = time.monotonic()
        said.clear()
        try:
            check(*arguments)
        except FAULTS as error:
            note(error if isinstance(error, Failure) else f"{type(error).__name__}: {error}")
            self.failed += 1
            print(f"FAILED  {what}", *said, sep="\n        ", flush=True)
            return
        self.passed += 1
        print(f"ok      {what} ({time.monotonic() - started:.0f} s)", flush=True)


def note(text):
    """Keeps what is shown if the check fails."""
    said.extend(str(text).splitlines())


def require(condition, why):
    if not condition:
        raise Failure(why)


def within(seconds, check, *arguments):
    """Tries `check` until it returns; raises its last fault once `seconds` are over."""
    end = time.monotonic() + seconds
    while True:
        try:
            return check(*arguments)
        except FAULTS:
            if time.monotonic() >= end:
                raise
        time.sleep(0.5)


def output(*command, given=b"", environment=None, folder=None, may_fail=False):
    """The bytes that a command writes to standard output; a Failure if its exit code is not 0, unless it `may_fail`."""
    command = [str(part) for part in command]
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, input=given, capture_output=True, env=environment, cwd=folder)
    is_failure = done.returncode and not may_fail
    if is_failure:
        note(done.stdout.decode(errors="replace"))
    note(done.stderr.decode(errors="replace"))
    if is_failure:
        raise Failure(f"{' '.join(command)}: exit code {done.returncode}")
    return done.stdout


def run(*command, **options):
    """The text that a command writes to standard output, which is noted; otherwise as `output`."""
    text = output(*command, **options).decode(errors="replace")
    note(text)
    return text


def get(url, timeout=5):
    """The text that a URL answers with; an OSError if it answers with another status than 200 or not within `timeout` seconds."""
    with direct.open(url, timeout=timeout) as answer:
        return answer.read().decode()
