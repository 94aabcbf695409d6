"""Who stands behind a request: a person, or the person who made the key."""

from apps.accounts.models import ApiKey, User


def person_behind(actor: User | ApiKey | None) -> User | None:
    """For `created_by` columns."""
    return actor.created_by if isinstance(actor, ApiKey) else actor
