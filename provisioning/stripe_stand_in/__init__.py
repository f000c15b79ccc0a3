"""A stand-in for Stripe: the part of its HTTP API that this product uses, for demonstrations and tests.

It is spoken to by Stripe's own library, so the product has one code path. What it does not do: anything with real
money, disputes, payouts, subscriptions, invoices, Connect, API versions other than the newest.
"""
