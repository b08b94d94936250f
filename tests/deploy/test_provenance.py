"""The provenance of a release names the bytes of its packages, and what they were made of."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement_pb2 import Statement

from scripts import provenance

WHEEL, SOURCE = "reelgate-1.0-py3-none-any.whl", "reelgate-1.0.tar.gz"


def git(root: Path, *arguments: str) -> str:
    command = [
        "git",
        "-C",
        str(root),
        "-c",
        "user.name=n",
        "-c",
        "user.email=e@example",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a commit, and packages beside it."""
    root, dist = tmp_path / "checkout", tmp_path / "dist"
    root.mkdir()
    dist.mkdir()
    root.joinpath("uv.lock").write_text("version = 1\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "first")
    with zipfile.ZipFile(dist / WHEEL, "w") as wheel:
        wheel.writestr("reelgate-1.0.dist-info/WHEEL", "Generator: hatchling 1.2.3\nTag: py3\n")
    dist.joinpath(SOURCE).write_bytes(b"source")
    return root


def written(checkout: Path) -> dict[str, Any]:
    told = provenance.statement(checkout.parent / "dist", checkout)
    # As others read it, who take nothing that the schemas do not have.
    Parse(json.dumps(told), Statement())
    Parse(json.dumps(told["predicate"]), Provenance())
    return told


def test_the_packages_are_named_with_their_digests(checkout: Path) -> None:
    told = written(checkout)
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    dist = checkout.parent / "dist"
    assert {each["name"]: each["digest"]["sha256"] for each in told["subject"]} == {
        name: hashlib.sha256(dist.joinpath(name).read_bytes()).hexdigest()
        for name in (WHEEL, SOURCE)
    }


def test_what_they_were_made_of_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    predicate = written(checkout)["predicate"]
    build = predicate["buildDefinition"]
    lock = hashlib.sha256(checkout.joinpath("uv.lock").read_bytes()).hexdigest()
    assert build["resolvedDependencies"] == [
        {"name": "source", "digest": {"gitCommit": git(checkout, "rev-parse", "HEAD")}},
        {"name": "uv.lock", "digest": {"sha256": lock}},
        {"name": "hatchling", "uri": "pkg:pypi/hatchling@1.2.3"},
    ]
    assert build["externalParameters"] == {"command": "make release"}
    assert build["internalParameters"] == {"SOURCE_DATE_EPOCH": "1700000000"}
    assert predicate["runDetails"]["builder"]["id"] == provenance.BUILDER
    monkeypatch.setenv("REELGATE_BUILDER", "https://ci.example/")
    assert written(checkout)["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/"


def test_a_checkout_with_changes_is_not_told_as_its_commit(checkout: Path) -> None:
    checkout.joinpath("more.py").write_text("")
    source, *_ = written(checkout)["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["annotations"] == {"changedSince": True}


def test_there_is_none_of_nothing(tmp_path: Path) -> None:
    tmp_path.joinpath("uv.lock").write_text("")
    with pytest.raises(ValueError, match="subject"):
        provenance.statement(tmp_path, tmp_path)
