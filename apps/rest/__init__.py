"""What every REST endpoint obeys: authentication, problem details, paging, idempotency, ETags."""
