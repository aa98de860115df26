"""Views answered by SQL++, where a cluster has none.

A map function that :mod:`django_cbtools.view_shapes` can read is compiled to a statement; keys are
put into the order of views here, and reduced here.
"""
