"""What an earlier process could not tell the database is told at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.videos import Videos
from reelgate.domain.price import Money, Unit
from reelgate.domain.video import Failure, State
from reelgate.jobs.receipts import Receipts, redeem
from reelgate.providers.base import Submission
from tests.db.factories import NOW, a_video

CANCELLED = Failure("cancelled", "Somebody did.")
WHY = Failure("submission_unknown", "Nobody knows.")


@pytest.mark.parametrize("cost", [5, 2**63], ids=["as it should be", "that no database holds"])
async def test_a_receipt_moves_its_video_on_and_one_of_no_use_is_told(
    database_url: str, tmp_path: Path, cost: int
) -> None:
    database = open_database(database_url)
    await migrate(database)
    videos, receipts = Videos(database, Changes()), Receipts(tmp_path / "receipts")
    sent, lost, gone = [
        await videos.move(
            (await Admission(database).admit(a_video(), AdmissionOptions(now=NOW)))[0],
            State.SUBMITTING,
            attempts=1,
        )
        for _ in range(3)
    ]
    for video in (sent, lost, gone):
        receipts.keep(video, Submission(f"at-{video.id}", "batch", Money(cost, Unit.USD)), NOW)
    await videos.move(lost, State.FAILED, failure=WHY)
    await videos.move(gone, State.FAILED, failure=CANCELLED)
    (tmp_path / "receipts" / "torn.json").write_text("{")
    with structlog.testing.capture_logs() as log:
        await redeem(receipts, videos)
    found = await videos.find(sent.id)
    assert found is not None
    assert (found.state, found.provider_id) == (State.RENDERING, f"at-{sent.id}")
    assert found.timeline.submitted_at == NOW
    found = await videos.find(lost.id)
    assert found is not None
    assert (found.state, found.provider_id) == (State.RENDERING, f"at-{lost.id}")
    assert (found.failure, found.corrects and found.corrects.code) == (None, WHY.code)
    [told] = [line for line in log if line["event"] == "receipt_of_no_use"]
    assert (told["video"], told["provider_id"]) == (gone.id, f"at-{gone.id}")
    assert [path.name for path in (tmp_path / "receipts").iterdir()] == ["torn.json"]
    await database.close()


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path / "data" / "receipts")
    with structlog.testing.capture_logs() as log:
        receipts.keep(a_video(), Submission("its-id"), NOW)
    assert [(line["event"], line["provider_id"]) for line in log] == [
        ("receipt_not_kept", "its-id")
    ]
    assert list(receipts.kept()) == []
    assert not (tmp_path / "data").exists()
