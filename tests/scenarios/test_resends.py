"""A second sending that is refused says nothing of the first."""

import pytest

from evpay import Money, OperationKind, Reason
from tests.scenarios.day import a_day, charged, sandbox, started

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.INVALID_CREDENTIALS, Reason.NOT_SENT])
async def test_a_refused_resend_does_not_settle_a_refund_that_may_have_happened(reason: Reason) -> None:
    """The refund's answer was lost and its resend refused unread: asked anew under another key, it would be two."""
    processor = sandbox()
    async with a_day(processor) as sim:
        await started(sim)
        receipt = await sim.pay.finish("S-1", await charged(sim, 10_000))
        processor.drop_answer(OperationKind.REFUND)
        processor.drop_look_up(times=2)
        note = await sim.pay.refund(receipt.number, Money("2.00", "EUR"), reason="cable fault")
        assert note.settlement == "confirming"

        processor.decline_next(reason, OperationKind.REFUND)
        await sim.advance(hours=2)

        entry = processor.books.payments()[0]
        assert entry.refunded == 200
        assert (await sim.pay.payments.get("S-1")).facts.refunded == 200
