"""What hosts and provider authors test with: simulation, faults, strategies."""
