"""How a training child says that it cannot go on.

Exception
├── UserFailure   yours:*  the data, settings or budget; ends the run, never retried
└── OurFailure    ours:*   a bug or a machine; ends the attempt, pages someone
"""


class UserFailure(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class OurFailure(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
