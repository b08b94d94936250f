"""Prints the faults, the outcomes and the broken promises of a run."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from chaos.audit import Findings
from chaos.callers import CallerRequest
from chaos.faults import Fault
from chaos.receiver import Behaviour, Delivery
from chaos.rows import Row

EXAMPLES = 5


def print_faults(
    did: Mapping[Fault, int], possible: set[Fault], took_s: float, settled_s: float
) -> None:
    """Every kind, those that could not be done here as well."""
    print(f"\ndone to the cluster in {took_s:.0f} s, which came to rest {settled_s:.0f} s later:")
    for fault in sorted(Fault, key=lambda fault: -did.get(fault, 0)):
        reason = "" if fault in possible else "  NOT POSSIBLE HERE"
        print(f"  {did.get(fault, 0):5d}  {fault.value}{reason}")


def print_outcomes(requests: Sequence[CallerRequest]) -> None:
    """What the callers were told."""
    print("\nwhat the callers were told:")
    for outcome, count in Counter(request.outcome for request in requests).most_common():
        print(f"  {count:5d}  {outcome}")


def print_providers(rows: Sequence[Row]) -> None:
    """Who made the videos, and how often a virtual model went on to another target."""
    print("\nwho was asked last:")
    for provider, count in Counter(row.provider for row in rows).most_common():
        print(f"  {count:5d}  {provider}")
    handed_on = [row.passed_over for row in rows if row.passed_over]
    print(f"  {len(handed_on)} videos passed {sum(handed_on)} targets over")


def print_webhooks(did: Mapping[Behaviour, int], deliveries: Sequence[Delivery]) -> None:
    """What the endpoint did, and what it heard."""
    different = len({(one.path, one.id) for one in deliveries})
    print("\nwhat the webhooks' endpoint did:")
    for behaviour, count in sorted(did.items(), key=lambda entry: -entry[1]):
        print(f"  {count:5d}  {behaviour.value}")
    print(f"  {different:5d}  messages noted in the end, {len(deliveries) - different} repetitions")


def print_takeovers(waits_s: Sequence[float]) -> None:
    """How long the jobs of stopped gateways waited; the waits in ascending order."""
    if not waits_s:
        return
    last_s = waits_s[min(len(waits_s) - 1, int(len(waits_s) * 0.99))]
    print(
        f"\ntakeover of {len(waits_s)} jobs after a kill: "
        f"median {statistics.median(waits_s):.1f} s, p99 {last_s:.1f} s, "
        f"longest {waits_s[-1]:.1f} s"
    )


def print_findings(findings: Findings) -> None:
    """Every promise, and how often it was broken."""
    print("\naudit:")
    for promise, broken in findings.all().items():
        print(f"  {len(broken):5d}  {promise}")
        for example in broken[:EXAMPLES]:
            print(f"         {example}")
    print(f"\n{'ALL PROMISES KEPT' if not findings.count else 'PROMISES BROKEN'}")
