"""A server that takes attachments of any size; a real gateway takes 20 MB."""

import runpy

from django_cbtools.embedded.documents import attachments

attachments.MAX_BYTES = 1 << 40

if __name__ == "__main__":
    runpy.run_module("tests.gateway.fuzz.server", run_name="__main__", alter_sys=True)
