"""agentack, as published, checks the approvals in the twin's evidence.

    python agentack_traces.py PROGRAM ROOM

It reads traces that `subtwin audit export --as agentack` made of a story in which people say yes, no
and something else, approvers agree and refuse, things change in between and the twin is killed. Then
each fault that it knows is put into a good trace, and it must name that fault.
"""

import copy
import json
import pathlib
import subprocess
import sys
import threading

from agentack.engine import evaluate_events
from agentack.parser import read_jsonl_with_digest
from agentack.policy import Policy

from stage import DANA, DOUG, PAULA, Checks, Stage

PROGRAM, ROOM = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
POLICY = pathlib.Path(__file__).parent / "agentack.toml"
SARAH, JOSE, ZOE = (f"{name}@contoso.com" for name in ("sarah.lin", "jose.nunez", "zoe.mueller"))


def story():
    """Two runs of a twin with every end a request can have; gives where the traces are."""
    stage = Stage(PROGRAM, ROOM)
    try:
        # The plan is shown again below an answer, and the yes is to the second showing.
        stage.ask(DOUG, f"give {SARAH} a Microsoft 365 E3 licence", "Reply yes")
        stage.ask(DOUG, "who is Owen Price?", "Reply yes")
        stage.ask(DOUG, "yes", "Done.")
        stage.ask(DOUG, f"what would happen if I signed out {SARAH}?", "I am not doing it")
        stage.ask(DOUG, "give Ruth Okafor an Office 365 E3 licence", "Reply yes")
        stage.ask(DOUG, "no", "Nothing was changed")
        stage.ask(DANA, f"add {SARAH} and {ZOE} to Project Phoenix", "2 changes")
        stage.ask(DANA, "yes", "Done, all of it")
        # Approvers: one agrees, one refuses.
        approved(stage, JOSE, "yes", "shown once")
        approved(stage, ZOE, "no", "An approver said no")
        # It is not so any more when the yes comes.
        stage.ask(DOUG, f"change {SARAH}'s job title to Account Director", "Reply yes")
        sarah = stage.people[SARAH]["id"]
        stage.administrator()("PATCH", f"/users/{sarah}", {"jobTitle": "Key Account Manager"})
        stage.ask(DOUG, "yes", "Something has changed")
        stage.ask(DOUG, "sign out Ruth Okafor everywhere", "Reply yes")
        stage.ask(DOUG, "yes, but only Owen Price", "Then I leave that")
        if "Reply yes" in stage.heard(DOUG)[-1][1]:
            stage.ask(DOUG, "no", "Nothing was changed")
        stage.ask(DANA, "sign out Helen Fischer everywhere", "Reply yes")
        stage.kill()
        stage.start()
        stage.hears(DANA, 0, "I was restarted")
        stage.ask(DANA, "sign out Helen Fischer everywhere", "Reply yes")
        stage.ask(DANA, "yes", "Done.")
        # Never shown.
        stage.ask(SARAH, "give me an Office 365 E3 licence", "helpdesk")
        stage.stop()
        return exported(next(stage.room.glob("**/evidence")))
    finally:
        stage.close()


def approved(stage, person, answer, ends):
    before = stage.heard(DOUG)[-1][0]
    stage.ask(DOUG, f"reset the password of {person}", "Reply yes")
    asked = (stage.heard(PAULA) or [(0, "")])[-1][0]
    stage.ask(DOUG, "yes", "somebody else")
    stage.hears(PAULA, asked, "Your yes is needed, too", person)
    stage.say(PAULA, answer)
    stage.hears(DOUG, before, ends)


def exported(evidence):
    run("audit", "verify", "--dir", evidence)
    out = evidence.parent / "traces"
    run("audit", "export", "--dir", evidence, "--as", "agentack", "--out", out)
    return sorted(out.iterdir())


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"subtwin {words}: {done.stdout}{done.stderr}"
    return done.stdout


def demo(into):
    """The demo's own story: every tool there is."""
    into.append(run("demo", "--script", "--keep", ROOM / "demo"))
    into.append(exported(next((ROOM / "demo").glob("**/evidence"))))


def check(trace):
    """The command, as an auditor would give it."""
    command = [sys.executable, "-m", "agentack", "check", trace, "--policy", POLICY]
    # Not here, where a file might have the name of a module.
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOM)


def passes(traces):
    events = 0
    for trace in traces:
        done = check(trace)
        assert done.returncode == 0, f"{trace.name}: {done.stdout}{done.stderr}"
        events += len(trace.read_text().splitlines())
    return f"{len(traces)} traces, {events} events"


def at(trace, kind, tool=None, nth=0):
    """Where the events of a kind stand; of those about a tool only, if one is named."""
    found = [
        index
        for index, event in enumerate(trace)
        if event["type"] == kind and (tool is None or event["action"]["tool"] == tool)
    ]
    return found[nth]


def done(trace):
    return at(trace, "action_executed", "directory")


def of(trace, kind, approval):
    same = (i for i, e in enumerate(trace) if (e["type"], e.get("approval_id")) == (kind, approval))
    return next(same)


def a_change_without_a_yes(trace):
    trace[done(trace)].pop("approval_id")


def a_change_without_the_first_of_two_yeses(trace):
    trace[at(trace, "action_executed", "approval")].pop("approval_id")


def a_change_after_a_no(trace):
    trace[of(trace, "approval_decision", trace[done(trace)]["approval_id"])]["decision"] = "deny"


def a_change_by_another_plan(trace):
    trace[done(trace)]["action"]["parameters"]["planDigest"] = "0" * 64


def another_plan_shown_than_carried_out(trace):
    shown = of(trace, "approval_requested", trace[done(trace)]["approval_id"])
    trace[shown]["action"]["resource"] = "user/somebody-else"


def a_change_made_twice(trace):
    trace.insert(done(trace) + 1, copy.deepcopy(trace[done(trace)]))


def one_yes_for_two_requests(trace):
    second = copy.deepcopy(trace[done(trace)])
    second["action_id"] = trace[at(trace, "action_blocked")]["action_id"]
    second.pop("intent_id")
    trace.insert(at(trace, "action_blocked"), second)


def a_change_made_too_late(trace):
    trace[done(trace)]["timestamp"] = "2099-01-01T00:00:00Z"


def a_change_before_its_yes(trace):
    one = done(trace)
    other = of(trace, "approval_decision", trace[one]["approval_id"])
    trace[one], trace[other] = trace[other], trace[one]


def a_change_after_it_was_blocked(trace):
    event = trace[done(trace)]
    kept = ("schema_version", "session_id", "timestamp", "action_id", "approval_id", "intent_id")
    blocked = {name: event[name] for name in kept} | {"type": "action_blocked"}
    trace.insert(done(trace), blocked)


def another_way_to_the_same_after_a_no(trace):
    denied = next(
        event for event in trace if event["type"] == "approval_decision" and event["decision"] == "deny"
    )
    proposed = copy.deepcopy(trace[at(trace, "action_proposed", "directory")])
    executed = copy.deepcopy(trace[done(trace)])
    for event in (proposed, executed):
        event.update(action_id="another way", intent_id=denied["intent_id"])
    executed.pop("approval_id")
    end = at(trace, "interrupt")
    trace[end:end] = [proposed, executed]


def a_change_after_the_stop(trace):
    event = trace.pop(done(trace))
    trace.insert(at(trace, "interrupt") + 1, event)


def a_trace_without_an_end(trace):
    trace.pop(at(trace, "session_end"))


def a_request_that_vanishes(trace):
    trace.pop(at(trace, "action_blocked"))


def a_yes_to_what_was_never_shown(trace):
    trace.pop(of(trace, "approval_requested", trace[done(trace)]["approval_id"]))


FAULTS = [
    (a_change_without_a_yes, "ACK001"),
    (a_change_without_the_first_of_two_yeses, "ACK001"),
    (a_change_after_a_no, "ACK002"),
    (a_change_by_another_plan, "ACK003"),
    (another_plan_shown_than_carried_out, "ACK003"),
    (one_yes_for_two_requests, "ACK003"),
    (a_change_made_twice, "ACK004"),
    (a_change_made_too_late, "ACK005"),
    (a_change_before_its_yes, "ACK006"),
    (a_change_after_it_was_blocked, "ACK006"),
    (another_way_to_the_same_after_a_no, "ACK007"),
    (a_change_after_the_stop, "ACK008"),
    (a_trace_without_an_end, "ACK009"),
    (a_request_that_vanishes, "ACK009"),
    (a_yes_to_what_was_never_shown, "ACK009"),
]


def catches(trace, fault, rule):
    """The same trace with one fault in it."""
    broken = [json.loads(line) for line in trace.read_text().splitlines()]
    fault(broken)
    path = ROOM / f"{fault.__name__}.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in broken))
    events, _ = read_jsonl_with_digest(path)
    report = evaluate_events(events, policy=Policy.from_toml(POLICY))
    wanted = "INCOMPLETE" if rule == "ACK009" else "FAIL"
    assert report.status == wanted, f"{report.status}, {report.rule_counts}"
    assert rule in report.rule_counts, report.rule_counts


def main():
    checks, played = Checks(), []
    other = threading.Thread(target=demo, args=[played])
    other.start()
    traces = []

    def the_story():
        traces.extend(story())
        assert len(traces) == 2, traces
        return passes(traces)

    def the_demo():
        other.join()
        assert len(played) == 2, "the demo failed"
        events = [json.loads(line) for trace in played[1] for line in trace.read_text().splitlines()]
        executed = [event["action"] for event in events if event["type"] == "action_executed"]
        tools = {t for a in executed if a["tool"] == "directory" for t in a["operation"].split("+")}
        assert len(tools) == 11, f"not every tool that changes something: {sorted(tools)}"
        return f"{passes(played[1])}, {len(tools)} tools"

    checks.run("a story with every end a request can have passes", the_story)
    checks.run("the demo, with every tool that changes something, passes", the_demo)
    for fault, rule in FAULTS if traces else []:
        name = fault.__name__.replace("_", " ")
        checks.run(f"{name} is {rule}", lambda: catches(traces[0], fault, rule))
    sys.exit(checks.failed)


main()
