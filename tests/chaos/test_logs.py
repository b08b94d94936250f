"""What the chaos run reads out of the gateways' logs."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.logs import Claim, read_logs

AT = "2026-11-22T10:00:00Z"
AT_S = 1_795_341_600.0


def test_claims_ends_and_full_disks_are_read_from_the_logs(tmp_path: Path) -> None:
    full = "The finished video could not be stored: no space left on device."
    entries = [
        {"event": "claimed", "video": "video_1", "timestamp": AT},
        {"event": "fetch_failed", "video": "video_1", "error": full, "timestamp": AT},
        {"event": "fetch_failed", "video": "video_1", "error": "it broke off", "timestamp": AT},
        {"event": "video_completed", "video": "video_1", "timestamp": AT},
        {"event": "anything", "timestamp": AT},
    ]
    lines = ["Reelgate listens", *(json.dumps(entry) for entry in entries)]
    (tmp_path / "gateway-0.log").write_text("\n".join(lines))
    logged = read_logs(tmp_path)
    assert logged.claims == [Claim(AT_S, "gateway-0", "video_1")]
    assert logged.ends == {"video_1": AT_S}
    assert logged.full_disks == 1
