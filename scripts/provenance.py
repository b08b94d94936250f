"""Writes what a release was made of, as SLSA provenance in an in-toto statement.

It is not signed: it tells what this machine did, and proves nothing to whoever does not trust it.
See https://slsa.dev/spec/v1.0/provenance and
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

ROOT = Path(__file__).resolve().parent.parent
NAME = "provenance.unsigned.json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "tag:reelgate.invalid,2026:make-release/v1"
"""What `make release` does, as SECURITY.md describes it."""
BUILDER = "tag:reelgate.invalid,2026:a-machine-that-nobody-vouches-for"
"""REELGATE_BUILDER names another one."""
PACKAGES = ("*.whl", "*.tar.gz")
GENERATOR = re.compile(r"^Generator: (\S+) (\S+)$", re.MULTILINE)


def statement(dist: Path, root: Path = ROOT) -> dict[str, Any]:
    """The statement about the packages in a folder, made from a checkout.

    Raises:
        ValueError: there are no packages, or the statement is none by in-toto's own schema.
    """
    packages = sorted(file for pattern in PACKAGES for file in dist.glob(pattern))
    # Whatever the schema does not know, or knows as something else, is an error here.
    predicate = ParseDict(predicate_of(packages, root), Provenance())
    subjects = [ResourceDescriptor(file.name, digest=sha256(file)).pb for file in packages]
    made = Statement(subjects, PREDICATE_TYPE, MessageToDict(predicate))
    made.validate()
    told: dict[str, Any] = MessageToDict(made.pb)
    return told


def predicate_of(packages: list[Path], root: Path) -> dict[str, Any]:
    """How they were made."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"command": "make release"},
            "internalParameters": {"SOURCE_DATE_EPOCH": epoch},
            "resolvedDependencies": [
                *source_of(root),
                {"name": "uv.lock", "digest": sha256(root / "uv.lock")},
                *backends_of(packages),
            ],
        },
        "runDetails": {
            "builder": {
                "id": os.environ.get("REELGATE_BUILDER") or BUILDER,
                "version": {"python": platform.python_version()},
            }
        },
    }


def source_of(root: Path) -> list[dict[str, Any]]:
    """The commit; a checkout with changes that are in none says so, and no git: nothing."""
    commit = git(root, "rev-parse", "HEAD")
    if not commit:
        return []
    changed = bool(git(root, "status", "--porcelain"))
    source = {"name": "source", "digest": {"gitCommit": commit}}
    return [source | ({"annotations": {"changedSince": True}} if changed else {})]


def git(root: Path, *arguments: str) -> str:
    """What git says; empty where it fails or is missing."""
    if (program := shutil.which("git")) is None:
        return ""
    command = [program, "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def backends_of(packages: list[Path]) -> list[dict[str, Any]]:
    """What built them, as the wheel itself says."""
    found = {
        match.groups()
        for file in packages
        if file.suffix == ".whl"
        for match in GENERATOR.finditer(metadata_of(file))
    }
    return [{"name": name, "uri": f"pkg:pypi/{name}@{version}"} for name, version in sorted(found)]


def metadata_of(wheel: Path) -> str:
    """A wheel's own `WHEEL` file."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        return archive.read(name).decode()


def sha256(file: Path) -> dict[str, str]:
    """A file's digest, as in-toto writes it."""
    return {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    text = json.dumps(statement(folder), indent=2, sort_keys=True)
    folder.joinpath(NAME).write_text(f"{text}\n", encoding="utf-8")
