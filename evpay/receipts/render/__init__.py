"""How a receipt is shown: text, HTML, JSON."""
