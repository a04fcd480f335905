"""The pytest fixture of `simulate()`, found by pytest wherever evpay is installed."""
