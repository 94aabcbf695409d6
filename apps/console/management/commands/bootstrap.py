"""`manage.py bootstrap`: an organisation, its owner, credit and an API key, as one JSON object for scripts."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from apps.console.first_account import first_account
from contracts.problems import Problem


class Command(BaseCommand):
    help = "Make (or find) an organisation and its owner; print {organisation, slug, user, email, password, api_key}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", required=True, help="name of the organisation")
        parser.add_argument("--email", required=True, help="the owner's e-mail address")
        parser.add_argument("--password", default="", help="default: a generated one, printed once")
        parser.add_argument("--credit-micros", type=int, default=settings.WELCOME_CREDIT_MICROS, help="granted once")
        parser.add_argument("--operator", action="store_true", help="may also use the operators' console")
        parser.add_argument("--no-key", action="store_true", help="do not make a new API key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["email"])
            account = first_account(
                options["org"],
                options["email"],
                password=options["password"],
                credit_micros=options["credit_micros"],
                with_key=not options["no_key"],
                is_operator=options["operator"],
            )
        except (ValidationError, Problem) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(asdict(account)))
