"""A program that asks a cluster before and after it forks: all of its processes do, and all end.

Usage: python -m tests.cluster.forks HOSTS. It prints a line for each process that has had rows.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading

from tests.cluster import site
from tests.programs import fork

site.configure(sys.argv[1])

from django.test import override_settings  # noqa: E402

from django_cbtools import cluster  # noqa: E402
from django_cbtools.exceptions import SyncGatewayUnavailable  # noqa: E402


def use_cluster(who: str) -> None:
    assert site.ask() == site.ROWS
    print(who, flush=True)


if __name__ == "__main__":
    with override_settings(
        COUCHBASE_HOSTS="127.0.0.1:1", COUCHBASE_OPTIONS={"bootstrap_timeout": 0.1}
    ):
        try:
            site.ask()
        except SyncGatewayUnavailable as error:
            failed = [error]  # with all that its traceback holds
        fork(use_cluster)
    failed.clear()
    site.prepare()
    use_cluster("parent")
    fork(use_cluster, "child", "grandchild")
    fork(use_cluster)
    done = threading.Event()

    def ask_on(number: int) -> None:
        while not done.is_set():
            assert site.ask(number) == site.ROWS

    threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    fork(use_cluster, "child of a parent that is asking")
    done.set()
    for thread in threads:
        thread.join()
    worker = multiprocessing.get_context("fork").Process(target=use_cluster, args=("worker",))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    use_cluster("parent again")
    # The first child that has the SDK all to itself.
    cluster.close()
    fork(use_cluster, "last child", "last grandchild")
