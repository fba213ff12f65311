"""Run the public HAPI verifier over every mount of the sample node; `make verify-hapi` calls it.

The verifier (github.com/hapi-server/verifier-nodejs) is no package: VERIFIER_DIR is a clone of it,
with the JSON schemas in `data-specification-schema/` and its node modules installed. It ends with 0
and no report when it gives up, so an end without a report counts as failed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hapi.version import MOUNTS
from tests.benchmarks.node import served

_PATIENCE = ["--metatimeout", "10000", "--datatimeout", "30000"]


def verify(folder: Path, url: str) -> dict[str, list[dict[str, Any]]]:
    """Give the report of the verifier on one mount; raises RuntimeError where there is none."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:  # it ends before a pipe is empty
        subprocess.run(
            ["node", "verify.js", "--url", url, "--output", "json", *_PATIENCE],
            cwd=folder, stdout=out, check=False, timeout=3600,
        )  # fmt: skip
        out.seek(0)
        text = out.read()
    start = text.find("{")
    if start < 0:
        raise RuntimeError(f"no report on {url}: {text[-500:]}")
    report: dict[str, list[dict[str, Any]]] = json.loads(text[start:])
    return report


def main(folder: Path) -> int:
    """Verify every mount and print what is found; gives the number of errors and warnings."""
    found = 0
    with tempfile.TemporaryDirectory() as scratch, served(Path(scratch)) as node:
        for mount in MOUNTS:
            report = verify(folder, f"{node.url}{mount.path}")
            passes, warns, fails = (report[key] for key in ("passes", "warns", "fails"))
            print(
                f"{mount.path:11} {len(fails)} errors, {len(warns)} warnings, {len(passes)} passes"
            )
            for finding in (*fails, *warns):
                text = re.sub(r"<[^>]+>", "", f"{finding['description']} | {finding['got']}")
                print(f"    {finding['url']}\n        {text[:400]}")
            found += len(fails) + len(warns) + (0 if passes else 1)
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
