"""`manage.py check_parity --version ver_…`: does the exported file answer the same in ONNX Runtime for Node?"""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.registry.models import ModelVersion
from apps.registry.services.check_in_node import check_in_node
from contracts.problems import Problem


class Command(BaseCommand):
    help = "Run the stored test vectors of one version (or of all) through Node; exits with 1 when one disagrees."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        # Django's own --version prints Django's; here it names what is checked.
        parser.add_argument("--version", dest="version_id", metavar="ver_…", help="id of the version; left out: all")

    def handle(self, **options: Any) -> None:
        versions = ModelVersion.objects.select_related("model").order_by("created_at")
        if options["version_id"]:
            versions = versions.filter(pk=options["version_id"])
            if not versions:
                raise CommandError(f"There is no version {options['version_id']!r}.")
        else:
            versions = versions.filter(files__has_key="vectors.json")
        wrong = 0
        for version in versions:
            try:
                found = check_in_node(version)
            except Problem as problem:
                raise CommandError(str(problem)) from problem
            wrong += not found.passed
            self.stdout.write(
                f"{version.id} {'PASS' if found.passed else 'FAIL'}: {found.runtime}, {found.rows} rows, largest "
                f"difference {found.max_abs_difference:.3g}, {found.label_flips} label flips, "
                f"{found.bit_equal_rows} rows equal to the last bit"
            )
        if wrong:
            sys.exit(1)
