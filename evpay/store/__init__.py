"""The store: one schema, one writing method, migrations."""
