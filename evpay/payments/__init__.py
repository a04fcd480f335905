"""What money does: intents, operations, outcomes, reasons, and the pure rules between them."""
