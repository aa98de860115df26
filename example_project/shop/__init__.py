"""Customers, products and orders as documents, driven by JSON: see docs/shop.rst."""
