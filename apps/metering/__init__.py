"""5 Meter: leases out, usage events in, each billed answer exactly once."""
