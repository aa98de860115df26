"""Views that SQL++ answers, for clusters without views.

A map function that :mod:`django_cbtools.view_shapes` can read is compiled to a statement. The rows
are sorted in the order of views here, and reduced here.
"""
