"""What charging costs: tariffs in the shape of OCPI, priced exactly, with the reason of every line."""
