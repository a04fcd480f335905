"""`evpay demo`: a session from plug to refund, told step by step from what is in the store."""
