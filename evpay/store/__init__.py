"""The store: one schema, one writing method, migrations. Loaded when a store is opened, with SQLAlchemy."""

from evpay.store.commit import (
    AlreadyThere,
    Commit,
    CommitRefused,
    ConstraintBroken,
    Delete,
    GuardMissed,
    Insert,
    Numbered,
    Sealed,
    SingleFlight,
    Update,
    Write,
)
from evpay.store.database import Store, migrate, mode

__all__ = [
    "AlreadyThere",
    "Commit",
    "CommitRefused",
    "ConstraintBroken",
    "Delete",
    "GuardMissed",
    "Insert",
    "Numbered",
    "Sealed",
    "SingleFlight",
    "Store",
    "Update",
    "Write",
    "migrate",
    "mode",
]
