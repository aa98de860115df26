"""An app whose receiver notes what it is told in a file: HANDLED in the environment."""

import os

from django.apps import AppConfig


def note(instance, seq, **kwargs):
    # One write is whole, or not there, whoever is killed.
    with open(os.environ["HANDLED"], "ab", buffering=0) as file:
        file.write(f"{instance.uid} {instance.rev} {seq}\n".encode())


class FollowingConfig(AppConfig):
    name = "tests.following"

    def ready(self):
        from django_cbtools.signals import cb_changed

        if "HANDLED" in os.environ:
            cb_changed.connect(note)
