"""`python -m evpay_contrib_emulators`: the same as `evpay-emulators`."""

from evpay_contrib_emulators.cli import main

main()
