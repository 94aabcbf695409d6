"""Side effects leave through a table, effects that arrive are recorded in one."""
