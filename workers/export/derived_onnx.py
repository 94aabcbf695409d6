"""Number columns that the graph makes by itself: a number per word, and the calendar of a moment in seconds.

The calendar is whole-number arithmetic (days since 1 March of year 0, eras of 400 years), so it is exact and the same
in every runtime; workers/train/derived.py does the same sums in numpy.
"""

import numpy as np
from onnx import TensorProto

from workers.export.graph import Graph
from workers.export.parts import DATE_LEAST_S, DATE_MOST_S, DateParts, WordValue

DAY_S = 86_400
ERA_DAYS, ERA_YEARS = 146_097, 400
TO_MARCH_0 = 719_468  # days from 0000-03-01 to 1970-01-01


def add_word_value(graph: Graph, texts: str, made: WordValue) -> str:
    """[N, 1] text → [N, 1] float32."""
    return graph.add(
        "LabelEncoder",
        texts,
        domain="ai.onnx.ml",
        keys_strings=made.words or [""],
        values_floats=[float(one) for one in made.values] if made.words else [made.default],
        default_float=made.default,
    )


class _Whole:
    """Whole-number arithmetic on int64 tensors."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def number(self, value: int) -> str:
        return self._graph.constant(np.array(value, dtype=np.int64))

    def do(self, operator: str, left: str, right: int | str) -> str:
        return self._graph.add(operator, left, self.number(right) if isinstance(right, int) else right)

    def all_of(self, *steps: tuple[str, int], of: str) -> str:
        for operator, value in steps:
            of = self.do(operator, of, value)
        return of


def add_date_parts(graph: Graph, seconds: str, made: DateParts) -> list[str]:
    """[N, 1] float64 seconds since 1970 → one [N, 1] float32 per part, NaN where the moment is missing."""
    is_late_enough = graph.add("GreaterOrEqual", seconds, graph.constant(np.float64(DATE_LEAST_S)))
    is_known = graph.add(
        "And", is_late_enough, graph.add("LessOrEqual", seconds, graph.constant(np.float64(DATE_MOST_S)))
    )
    safe = graph.add("Where", is_known, seconds, graph.constant(np.float64(0)))
    day_number = graph.add("Floor", graph.add("Div", safe, graph.constant(np.float64(DAY_S))))
    rest_s = graph.add("Sub", safe, graph.add("Mul", day_number, graph.constant(np.float64(DAY_S))))
    hour = graph.add("Floor", graph.add("Div", rest_s, graph.constant(np.float64(3600))))
    days = graph.add("Cast", day_number, to=TensorProto.INT64)
    whole = _Whole(graph)
    shifted = whole.do("Add", days, TO_MARCH_0)  # never negative from year 1 on, so Div rounds down
    era = whole.do("Div", shifted, ERA_DAYS)
    of_era = whole.do("Sub", shifted, whole.do("Mul", era, ERA_DAYS))
    leaps = whole.do("Sub", of_era, whole.do("Div", of_era, 1460))
    leaps = whole.do("Add", leaps, whole.do("Div", of_era, 36_524))
    leaps = whole.do("Sub", leaps, whole.do("Div", of_era, 146_096))
    year_of_era = whole.do("Div", leaps, 365)
    before = whole.do("Add", whole.do("Mul", year_of_era, 365), whole.do("Div", year_of_era, 4))
    before = whole.do("Sub", before, whole.do("Div", year_of_era, 100))
    of_year = whole.do("Sub", of_era, before)  # 0 is 1 March
    month_from_march = whole.all_of(("Mul", 5), ("Add", 2), ("Div", 153), of=of_year)
    day = whole.do("Sub", of_year, whole.all_of(("Mul", 153), ("Add", 2), ("Div", 5), of=month_from_march))
    is_next_year = graph.add("Greater", month_from_march, whole.number(9))
    month = whole.do("Add", month_from_march, graph.add("Where", is_next_year, whole.number(-9), whole.number(3)))
    year = whole.do("Add", year_of_era, whole.do("Mul", era, ERA_YEARS))
    year = whole.do("Add", year, graph.add("Cast", is_next_year, to=TensorProto.INT64))
    weekday = whole.all_of(("Add", 2), ("Mod", 7), of=shifted)  # 0 is Monday
    exact_days = graph.add("Div", safe, graph.constant(np.float64(DAY_S)))
    missing = graph.constant(np.float32(np.nan))
    return [
        graph.add("Where", is_known, graph.add("Cast", one, to=TensorProto.FLOAT), missing)
        for one in (exact_days, year, month, whole.do("Add", day, 1), weekday, hour)
    ]
