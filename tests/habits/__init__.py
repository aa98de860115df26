"""An app as Django developers write it, with the libraries that they use."""
