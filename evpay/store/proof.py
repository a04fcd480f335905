"""Did a COMMIT whose answer was lost take effect? The rows say so, or nobody does."""

from collections.abc import Iterable, Mapping

from evpay.store.commit import Commit, Delete, Insert, Numbered, Update, Write
from evpay.store.link import Link
from evpay.store.schema import metadata

__all__ = ["can_repeat", "took_effect"]


def took_effect(link: Link, commits: Iterable[Commit]) -> bool | None:
    """Say whether the transaction of these commits is in the store; None where its rows do not tell.

    The first write that tells decides for all, as they were one transaction.
    """
    for commit in commits:
        for write in commit.writes:
            if (verdict := _verdict(link, write)) is not None:
                return verdict
    return None


def can_repeat(commits: Iterable[Commit]) -> bool:
    """Say whether writing these once more changes nothing if they are there already."""
    return all(
        isinstance(write, Delete) or (isinstance(write, Insert) and write.or_ignore)
        for commit in commits
        for write in commit.writes
    )


def _verdict(link: Link, write: Write) -> bool | None:
    match write:
        case Insert(table, values, False):
            key = {column.name: values[column.name] for column in metadata.tables[table].primary_key}
            return _same(link.row(table, key, tuple(values)), values)
        case Update(table, key, values, guard) if "version" in guard and "version" in values:
            row = link.row(table, key, tuple(values))
            before = row is not None and row[list(values).index("version")] == guard["version"]
            return False if before else _same(row, values) or None
        case Insert() | Update() | Delete() | Numbered():
            return None


def _same(row: tuple[object, ...] | None, values: Mapping[str, object]) -> bool | None:
    """Absent: it did not happen. As written: it did. Otherwise somebody has been there since, and it does not tell."""
    if row is None:
        return False
    return True if tuple(row) == tuple(values.values()) else None
