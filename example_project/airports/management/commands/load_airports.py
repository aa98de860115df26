"""Save the world's airports as documents."""

import airportsdata
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from airports.models import CBAirport
from django_cbtools.models import view_rows
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayException

BATCH = 1000


class Command(BaseCommand):
    help = (
        "Saves the airports of the package airportsdata, each in the channel of its country; "
        "only those that are not there yet. Needs the views (manage.py create_cb_views)."
    )

    def add_arguments(self, parser):
        parser.add_argument("--limit", type=int, help="Save only the first ones, for tests.")

    def handle(self, *args, limit, verbosity, **options):
        records = list(airportsdata.load().values())[:limit]
        try:
            if count() < len(records):
                load(records, quiet=not verbosity)
            if verbosity:
                self.stdout.write(f"{count()} airports are there.")
        except SyncGatewayException as error:
            raise CommandError(str(error)) from error


def count():
    """How many airports there are. Asking brings the view's index up to date."""
    rows = view_rows("airports/by_country")
    return rows[0].value if rows else 0


def load(records, quiet):
    with tqdm(total=len(records), desc="Airports", disable=quiet or None) as bar:
        for start in range(0, len(records), BATCH):
            batch = [airport(record) for record in records[start : start + BATCH]]
            CBAirport.objects.bulk_create(missing(batch))
            bar.update(len(batch))


def airport(record):
    return CBAirport(uid=f"apt_{record['icao']}", channels=[record["country"]], **record)


def missing(airports):
    """Those that were not saved before, perhaps by a load that was interrupted."""
    rows = SyncGateway.all_docs([airport.uid for airport in airports])["rows"]
    return [airport for airport, row in zip(airports, rows, strict=True) if "error" in row]
