"""What a scrape reads of the database."""

from __future__ import annotations

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.database import Database
from reelgate.db.gauges import Gauges
from reelgate.domain.price import Money, Unit

from .factories import NOW, a_video


async def test_a_job_of_no_told_price_takes_nothing_from_its_models_spend(
    database: Database, admission: Admission
) -> None:
    for cost in (Money(5, Unit.CREDITS), None, Money(7, Unit.CREDITS), None):
        await admission.admit(a_video(cost=cost), AdmissionOptions(NOW))
    [spent] = await Gauges(database).spent_today(0.0)
    assert spent.cost == Money(12, Unit.CREDITS)
