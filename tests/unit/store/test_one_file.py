"""What is left on disk when a store is closed."""

import pytest

from evpay.env import RealEnv
from evpay.store import Store
from tests.unit.store.rules import ROWS

pytestmark = pytest.mark.anyio


async def test_closed_store_is_one_file(tmp_path):
    """A copy of the file is a copy of the store."""
    path = tmp_path / "evpay.db"
    store = Store(f"sqlite:///{path}", env=RealEnv())
    await store.open(live=False)
    await store.commit(ROWS)
    await store.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM session").scalar())

    await store.aclose()

    assert [found.name for found in tmp_path.iterdir()] == ["evpay.db"]
