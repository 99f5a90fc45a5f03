"""All checks of scripts/operations-check: `main.py BINARY CACHE`."""

import sys
import tempfile
from pathlib import Path

import kubernetes
import monitoring
import units
from chain import Chain
from checks import FAULTS, Checks, Failure


def main(binary, cache):
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="satscope-operations-") as folder:
        monitoring.check_files(checks)
        kubernetes.check(checks, binary)
        chain = Path(folder) / "chain"
        chain.mkdir()
        try:
            with Chain(binary, chain) as running:
                monitoring.check_live(checks, running)
        except FAULTS as error:
            checks.run("the chain runs", fail, error, chain)
        units.check(checks, binary, cache, folder)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def fail(error, folder):
    logs = [f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in sorted(folder.glob("*.log"))]
    raise Failure("\n".join([str(error), *logs]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
