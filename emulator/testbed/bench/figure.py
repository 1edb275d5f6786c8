"""One measured figure, as the bench prints it and writes it to JSON."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`better` is "higher" or "lower"; `how` says in a sentence what was run; `goal` has the value's unit."""

    name: str
    value: float
    unit: str
    goal: float
    better: str
    how: str

    @property
    def met(self) -> bool:
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
