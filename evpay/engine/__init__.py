"""The only code that sequences side effects."""
