"""What Alembic runs: the migrations, inside the transaction of the connection that it is given."""

from alembic import context

from evpay.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
