"""REST of the organisation itself: its members, invitations and audit log (the rules live below, in `accounts`)."""
