from __future__ import annotations

import pytest

from reelgate.sandbox.fault_rule import UnknownFaultError, find_directives, parse_rule


@pytest.mark.parametrize(
    "text",
    [
        "429 retry-after=2 times=3",
        "status-503 accepted=0",
        "asset-cut-off",
        "fail after=0.5",
        "ends as='' reason='so it is'",
    ],
)
def test_a_directive_reads_back_as_written(text: str) -> None:
    rule = parse_rule(text)
    assert parse_rule(str(rule)) == rule


def test_a_prompt_without_directives_has_none() -> None:
    assert find_directives("a [cat] in [ [ brackets") == ()
    with pytest.raises(UnknownFaultError, match="unknown fault"):
        find_directives("a [[cat]]")
