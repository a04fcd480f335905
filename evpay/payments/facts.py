"""The five running totals of a payment, from which its status is derived."""

from dataclasses import dataclass

from pydantic import NonNegativeInt

__all__ = ["MoneyFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFacts:
    """A currency and five totals in its ISO 4217 minor units, net of reversals."""

    currency: str
    authorized: NonNegativeInt = 0
    captured: NonNegativeInt = 0
    released: NonNegativeInt = 0
    refunded: NonNegativeInt = 0
    charged_back: NonNegativeInt = 0

    @property
    def open_hold(self) -> int:
        """What is authorized and neither captured nor released."""
        return max(self.authorized - self.captured - self.released, 0)

    @property
    def refundable(self) -> int:
        """What is captured and neither refunded nor charged back."""
        return self.captured - self.refunded - self.charged_back

    def __add__(self, other: "MoneyFacts") -> "MoneyFacts":
        """Return the totals of both, as for the attempts of one intent."""
        return MoneyFacts(
            currency=self.currency,
            authorized=self.authorized + other.authorized,
            captured=self.captured + other.captured,
            released=self.released + other.released,
            refunded=self.refunded + other.refunded,
            charged_back=self.charged_back + other.charged_back,
        )
