"""What happened at the connector: sessions, readings, sites."""
