"""Mounts of evpay in web frameworks; import the one that you use: `evpay_contrib_web.starlette` or `.django`."""
