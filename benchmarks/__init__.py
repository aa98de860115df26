"""Benchmarks: ratios in one run, since machines differ. ``make bench`` runs them."""
