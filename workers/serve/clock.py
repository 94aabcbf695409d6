"""How far this machine's clock is from control's; a node that is 2 s away must not date anybody's usage."""

import time

MAX_SKEW_S = 2.0


class Clock:
    def __init__(self) -> None:
        self.skew_s = 0.0

    def compare(self, server_time_us: int, asked_s: float, answered_s: float) -> None:
        """Take control's time, given when the question left and the answer came (time.time())."""
        if not server_time_us:
            return
        server_s = server_time_us / 1_000_000
        # Control looked at its clock somewhere between: inside that span the clocks agree as far as anyone can tell.
        if server_s < asked_s:
            self.skew_s = asked_s - server_s
        elif server_s > answered_s:
            self.skew_s = answered_s - server_s
        else:
            self.skew_s = 0.0

    @property
    def is_wrong(self) -> bool:
        return abs(self.skew_s) > MAX_SKEW_S

    def now_us(self) -> int:
        return time.time_ns() // 1000
