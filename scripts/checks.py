"""Counts checks, waits for conditions, runs commands, and keeps the end of what they said, which is shown under a check that fails.

The folders of checks have links to this file, because Python looks for modules beside the script that it runs.
"""

import collections
import http.client
import os
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Lines that are shown under a check that fails.
SHOWN_LINES = 30

said = collections.deque(maxlen=SHOWN_LINES)
# All that is asked is on this machine: a proxy for other machines has no part in it.
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
        """True if `check` returns. If it raises one of FAULTS, that is counted and shown, below what was said."""
        started = time.monotonic()
        said.clear()
        try:
            check(*arguments)
        except FAULTS as error:
            reason = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
            self.failed += 1
            print(f"FAILED  {what}", *said, *reason.splitlines(), sep="\n        ", flush=True)
            return False
        self.passed += 1
        print(f"ok      {what} ({time.monotonic() - started:.0f} s)", flush=True)
        return True


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


def until(seconds, what, condition):
    """The first true value of `condition`, which may raise one of FAULTS before; a Failure once `seconds` are over."""
    def holds():
        value = condition()
        require(value, "it is not so yet")
        return value

    try:
        return within(seconds, holds)
    except FAULTS as error:
        raise Failure(f"{what}: not within {seconds} s; {error}") from error


def output(*command, given=b"", environment=None, env=None, folder=None, may_fail=False):
    """The bytes that a command writes to standard output; a Failure if its exit code is not 0, unless it `may_fail`.

    It has the variables of `environment` beside those of this process, or those of `env` alone.
    """
    command = [str(part) for part in command]
    given = given.encode() if isinstance(given, str) else given
    env = {**os.environ, **(environment or {})} if env is None else env
    done = subprocess.run(command, input=given, capture_output=True, env=env, cwd=folder)
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
