"""Takes every attack text out of the installed agentdojo: one JSON object a line, source and text.

    python injections.py FILE

agentdojo is used as published: its suites say what an attacker wants, its attacks put that into
words. The texts are its authors' and are kept in FILE alone, which is made anew each time.

A source is `version/suite/injection task/attack`, with `goal` for the bare wish. A text that comes
again is left out.
"""

import json
import sys

from agentdojo.agent_pipeline import BasePipelineElement
from agentdojo.attacks.attack_registry import ATTACKS, load_attack
from agentdojo.models import MODEL_NAMES
from agentdojo.task_suite.load_suites import _SUITES, get_suites

# It waits for somebody to type.
BY_HAND = {"manual"}


class Victim(BasePipelineElement):
    """Attacks ask only for its name: they address a model by what its makers call it."""

    name = next(iter(MODEL_NAMES))

    def query(self, *_arguments, **_more):
        raise AssertionError("nobody is asked anything here")


def suites():
    """Every suite in every version that differs, with where it was found."""
    known = set()
    for version in list(_SUITES):
        for suite in get_suites(version).values():
            if (suite.name, suite.benchmark_version) not in known:
                known.add((suite.name, suite.benchmark_version))
                yield f"{version}/{suite.name}", suite


def reader(suite):
    """A user task that reads a place where an injection can stand. No text depends on which."""
    attack = load_attack("direct", suite, Victim())
    for task in suite.user_tasks.values():
        try:
            attack.get_injection_candidates(task)
        except ValueError:
            continue
        return task
    raise LookupError(f"nothing in suite {suite.name} can be attacked")


def texts():
    for place, suite in suites():
        for task in suite.injection_tasks.values():
            yield f"{place}/{task.ID}/goal", task.GOAL
        reading = reader(suite)
        for name in sorted(ATTACKS.keys() - BY_HAND):
            attack = load_attack(name, suite, Victim())
            for task in suite.injection_tasks.values():
                for text in attack.attack(reading, task).values():
                    yield f"{place}/{task.ID}/{name}", text


def main():
    (file,) = sys.argv[1:]
    seen = set()
    with open(file, "w", encoding="utf-8") as out:
        for source, text in texts():
            if text and text not in seen:
                seen.add(text)
                out.write(json.dumps({"source": source, "text": text}) + "\n")
    print(len(seen), "attack texts")


main()
