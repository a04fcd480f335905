"""The checks, by what they are about; `evpay.testing.conformance.catalogue` lists them all."""
