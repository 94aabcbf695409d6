"""Tells customers' own servers what happened: events, signed deliveries, a log, redelivery."""
