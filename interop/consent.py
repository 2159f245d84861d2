"""Counts whether every effect had a yes, and stood on record before it began.

    python consent.py DIRECTORY

prints a table of what judges left below DIRECTORY (`target/interop/run` after `cargo xtask interop`).
"""

import json
import pathlib
import sys

COUNTED = ("inputs", "effects", "silent", "uninspectable")


class Consent:
    """What was tried, by how it came in and which tool it was about.

    An effect is silent when not every yes that it stands on was meant as one by somebody, and
    uninspectable when no intent on record held its exact request before it began.
    """

    def __init__(self):
        self.rows = {}

    def row(self, how, tool):
        return self.rows.setdefault((how, tool), dict.fromkeys(COUNTED, 0))

    def tried(self, how, tool, inputs=1):
        self.row(how, tool)["inputs"] += inputs

    def effect(self, how, tool, intent, yeses):
        """A request on its way to the directory: the intent on record for it, and the yeses given."""
        row = self.row(how, tool)
        row["effects"] += 1
        row["uninspectable"] += intent is None
        given = {yes["answer"] for yes in intent["confirmations"]} if intent else set()
        needed = {"own": 1, "another": 2, "two": 3}[intent["plan"]["approval"]] if intent else 1
        row["silent"] += len(given & yeses) < needed

    def total(self, name):
        return sum(row[name] for row in self.rows.values())

    def save(self, path):
        rows = [{"how": how, "tool": tool, **row} for (how, tool), row in self.rows.items()]
        path.write_text(json.dumps(rows, indent=1))


def main():
    rows = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*/consent.json")):
        rows += json.loads(path.read_text())
    total = {name: sum(row[name] for row in rows) for name in COUNTED}
    print("| how it came in | tool | inputs | effects | silent passes | uninspectable |")
    print("|---|---|---|---|---|---|")
    for row in rows + [{"how": "all", "tool": "", **total}]:
        print("|", " | ".join(str(row[name]) for name in ("how", "tool", *COUNTED)), "|")


if __name__ == "__main__":
    main()
