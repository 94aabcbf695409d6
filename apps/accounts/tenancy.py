"""Tenant isolation by construction: rows are reached through their organisation, `Run.objects.of(organisation)`."""

from typing import Self, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    """For models that have an `organisation` foreign key."""

    def of(self, organisation: models.Model) -> Self:
        return self.filter(organisation=organisation)
