"""What was measured, against its limit."""

import json
import statistics
from dataclasses import dataclass, field

MIB = 1 << 20


def percentile(values, percent):
    """The smallest value that at least so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]


@dataclass
class Row:
    """One line of the table. Samples of one repetition stand at the same place in both lists."""

    figure: int
    name: str
    unit: str
    ours: list
    reference: list = field(default_factory=list)
    factor_max: float | None = None  # ours / reference
    speedup_min: float | None = None  # reference / ours
    ours_max: float | None = None
    skipped: str = ""
    note: str = ""

    def ratios(self):
        pairs = list(zip(self.ours, self.reference))
        if self.speedup_min is not None:
            return [theirs / mine for mine, theirs in pairs]
        return [mine / theirs for mine, theirs in pairs]

    def passed(self):
        if self.skipped:
            return None
        if self.factor_max is not None:
            return statistics.median(self.ratios()) <= self.factor_max
        if self.speedup_min is not None:
            return statistics.median(self.ratios()) >= self.speedup_min
        return max(self.ours) <= self.ours_max

    def limit(self):
        if self.factor_max is not None:
            return f"<= {self.factor_max:.2f} x"
        if self.speedup_min is not None:
            return f">= {self.speedup_min:.1f} x faster"
        return f"<= {show(self.ours_max, self.unit)}"

    def verdict(self):
        return {None: "skipped", True: "pass", False: "missed"}[self.passed()]

    def as_json(self):
        return {
            "figure": self.figure,
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "reference": self.reference,
            "ratios": self.ratios(),
            "limit": self.limit(),
            "verdict": self.verdict(),
            "skipped": self.skipped,
            "note": self.note,
        }


def show(value, unit):
    if unit == "bytes":
        return f"{value / MIB:.1f} MiB"
    if unit == "ms":
        return f"{value:.2f} ms"
    if unit in ("s", "x"):
        return f"{value:.2f} {unit}"
    return f"{value:g}"


def spread(values, unit):
    """min / median / max, or the one value."""
    if not values:
        return "-"
    if len(set(values)) == 1:
        return show(values[0], unit)
    numbers = [show(value, unit).split()[0] for value in (min(values), statistics.median(values), max(values))]
    word = show(values[0], unit).partition(" ")[2]
    return " / ".join(numbers) + (f" {word}" if word else "")


def print_row(row):
    print(f"  {row.name}")
    if row.skipped:
        print(f"      skipped: {row.skipped}")
    else:
        print(f"      opendepot {spread(row.ours, row.unit)}", end="")
        if row.reference:
            print(f", reference {spread(row.reference, row.unit)}, ratio {spread(row.ratios(), 'x')}", end="")
        print(f", limit {row.limit()}: {row.verdict()}")
    if row.note:
        print(f"      {row.note}")


def print_table(rows):
    head = ("", "figure", "opendepot", "reference", "ratio", "limit", "")
    lines = [head]
    for row in rows:
        ratio = f"{statistics.median(row.ratios()):.2f}" if row.reference else "-"
        lines.append(
            (
                str(row.figure),
                row.name,
                spread(row.ours, row.unit),
                spread(row.reference, row.unit),
                ratio,
                row.limit(),
                row.verdict(),
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def write_json(path, rows, machine):
    path.write_text(json.dumps({"machine": machine, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
