"""agentbarrier, as published, holds the twin to its eleven guarantees.

    python agentbarrier_suite.py PROGRAM ROOM

Its harmless effect stands where a real one would begin: on the wire between the twin and Graph. What
it lets pass goes on to the directory; what it stops never gets there. Its decisions are what people
write in the chat. Then adapters that cheat are run: the suite must notice each of them.
"""

import asyncio
import pathlib
import re
import select
import socket
import sys
from datetime import datetime, timezone

from agentbarrier.adapter import AgentAdapter, RunHandle, validate_actions
from agentbarrier.errors import AmbiguousEffectError
from agentbarrier.models import (
    AuditEvent,
    AuditReceipt,
    Capability,
    ReconciliationEvidence,
    ReconciliationStatus,
    RunOutcome,
    RunStatus,
    action_digest,
)
from agentbarrier.runner import RunnerOptions, SuiteRunner

from consent import Consent
from stage import DANA, DOUG, Checks, Stage, Wire

PROGRAM, ROOM = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
# What the suite's fixed arguments mean here: for each of its actions, whom its recipients are.
PEOPLE = [
    {"original@example.com": "Sarah Lin", "reviewed@example.com": "Grace Tan"},
    {"original@example.com": "Nadia Rahman", "reviewed@example.com": "Helen Fischer"},
]
PRODUCTS = {
    3: ("Microsoft 365 E3", "05e9a617-0261-4cee-bb44-138d3ef5d965"),
    7: ("Office 365 E3", "6fd2c87f-b296-42f0-b197-1e91e994b900"),
}
HOW, TOOL = "decided, replayed, cut off and cancelled by agentbarrier", "m365.license.assign"
NOT_DONE = ("not done", "i cannot say", "nothing was changed")


def request(number, action):
    """An action of the suite, as somebody would ask for it."""
    person = PEOPLE[number][action.arguments["recipient"]]
    return f"give {person} a {PRODUCTS[action.arguments['amount']][0]} licence"


class World:
    """One run's tenant, twin and wire. A replay finds the same one."""

    def __init__(self, loop, run_id, effect, actions, consent):
        self.loop, self.run_id, self.effect, self.actions = loop, run_id, effect, actions
        self.consent, self.taken = consent, set()
        self.ambiguous = self.inflight = None
        self.wire = Wire()
        self.stage = Stage(PROGRAM, ROOM, wire=self.wire)
        self.names = {one["id"]: one["displayName"] for one in self.stage.people.values()}
        self.wire.boundary = self.boundary

    def observed(self, user, sku):
        """The suite's action that this change is."""
        name = self.names.get(user, user)
        amount = next((amount for amount, (_, id) in PRODUCTS.items() if id == sku), sku)
        for action, people in zip(self.actions, PEOPLE):
            for recipient, person in people.items():
                if person == name:
                    return action.with_arguments({"recipient": recipient, "amount": amount})
        return self.actions[0].with_arguments({"recipient": name, "amount": amount})

    def boundary(self, method, path, body, forward, connection):
        """The effect begins: is it on record, and does the suite let it pass?"""
        intent, part = self.stage.intent_for(method, path, body, self.taken)
        self.taken.add(part)
        self.consent.effect(HOW, TOOL, intent, self.stage.yeses)
        change = re.fullmatch(r"/v1\.0/users/([^/]+)/assignLicense", path)
        given = (body or {}).get("addLicenses") or [{"skuId": "nothing"}]
        action = self.observed(change[1] if change else path, given[0]["skuId"])
        asked = asyncio.run_coroutine_threadsafe(self.effect(action), self.loop)
        self.inflight = asked
        while not asked.done():
            gone, _, _ = select.select([connection], [], [], 0.05)
            if gone and not connection.recv(1, socket.MSG_PEEK):
                asked.cancel()
                return None
        try:
            asked.result()
        except AmbiguousEffectError as lost:
            if lost.commit_observed:
                forward()
            self.stage.kill()
            self.ambiguous = lost
            return None
        except BaseException:
            return None
        return forward()


class Adapter(AgentAdapter):
    name = "subtwin"
    capabilities = frozenset(Capability)

    def __init__(self, conduct, consent):
        self.conduct, self.consent, self.worlds = conduct, consent, {}

    async def begin(self, *, run_id, actions, effect, timeout_seconds=None):
        actions = validate_actions(actions)
        world = self.worlds.get(run_id)
        if world is None or world.effect is not effect:
            await self.leave(run_id)
            loop = asyncio.get_running_loop()
            world = await asyncio.to_thread(World, loop, run_id, effect, actions, self.consent)
            self.worlds[run_id] = world
        run = self.conduct(self, world, actions, timeout_seconds)
        run.task = asyncio.create_task(run.drive())
        return run

    async def leave(self, run_id):
        world = self.worlds.pop(run_id, None)
        if world:
            self.consent.tried(HOW, TOOL, world.stage.inputs)
            await asyncio.to_thread(world.stage.close)


class Run(RunHandle):
    """Each gated action is asked for by somebody in their own chat; what hangs on the first one is
    asked for in the same message, and so is part of the same plan."""

    def __init__(self, adapter, world, actions, timeout):
        self.adapter, self.world, self.stage = adapter, world, world.stage
        self.actions, self.timeout = actions, timeout
        self.gated = [action for action in actions if action.requires_approval]
        self.asker = {action.action_id: who for action, who in zip(self.gated, (DOUG, DANA))}
        self.decided = {action.action_id: asyncio.Event() for action in self.gated}
        self.pending, self.cancelled, self.said = asyncio.Event(), False, 0

    async def drive(self):
        try:
            return await (self.people_decide() if self.gated else self.go_ahead())
        except Exception as error:
            return RunOutcome(RunStatus.FAILED, f"{type(error).__name__}: {error}")

    async def people_decide(self):
        rest = [action for action in self.actions if not action.requires_approval]
        for action in self.gated:
            together = [action] + (rest if action is self.gated[0] else [])
            words = [request(self.actions.index(one), one) for one in together]
            await self.ask(self.asker[action.action_id], " and ".join(words), "Reply yes")
        self.pending.set()
        await asyncio.gather(*(decided.wait() for decided in self.decided.values()))
        return RunOutcome(RunStatus.COMPLETED)

    async def go_ahead(self):
        """Nobody decides for the suite: the requester's own yes follows at once."""
        for number, action in enumerate(self.actions):
            await self.ask(DOUG, request(number, action), "Reply yes")
            self.said = await asyncio.to_thread(self.stage.agree, DOUG)
            status = None
            while status is None:
                status = await self.ended()
            if status[0] is not RunStatus.COMPLETED:
                return RunOutcome(*status)
        return RunOutcome(RunStatus.COMPLETED)

    async def ended(self):
        await asyncio.sleep(0.03)
        if self.world.ambiguous:
            return RunStatus.UNKNOWN, str(self.world.ambiguous)
        if self.cancelled:
            return RunStatus.CANCELLED, None
        heard = [text for _, text in await asyncio.to_thread(self.stage.heard, DOUG, self.said)]
        if any("receipt R-" in text and text.startswith("Done") for text in heard):
            return RunStatus.COMPLETED, None
        if any(text.lower().startswith(NOT_DONE) for text in heard):
            return RunStatus.TIMED_OUT if self.timeout else RunStatus.FAILED, heard[-1]
        return None

    async def ask(self, who, text, *parts):
        return await asyncio.to_thread(self.stage.ask, who, text, *parts)

    async def agree(self, who):
        said = await asyncio.to_thread(self.stage.agree, who)
        await asyncio.to_thread(self.stage.hears, who, said, "Done", "receipt R-")

    async def wait_for_pending(self, timeout):
        await asyncio.wait_for(self.pending.wait(), timeout)
        return tuple(self.gated)

    async def approve(self, action_id, replacement=None):
        who = self.asker[action_id]
        if replacement:
            await self.instead(who, replacement)
        await self.agree(who)
        self.decided[action_id].set()

    async def instead(self, who, replacement):
        """A yes with more in it is no yes: what was shown is let go, and the rest asked anew."""
        person = PEOPLE[0][replacement.arguments["recipient"]]
        left = await self.ask(who, f"yes, but for {person}", "Then I leave that")
        answer = await asyncio.to_thread(self.stage.hears, who, left[0])
        if "Reply yes" in answer[1]:
            await self.ask(who, "no", "Nothing was changed")
        await self.ask(who, request(0, replacement), "Reply yes")

    async def reject(self, action_id, reason=None):
        await self.ask(self.asker[action_id], "no", "Nothing was changed")
        self.decided[action_id].set()

    async def cancel(self):
        if self.task.done():
            return
        self.cancelled = True
        await asyncio.to_thread(self.stage.kill)
        if self.world.inflight:
            self.world.inflight.cancel()
        await asyncio.to_thread(self.stage.start)
        await self.task

    async def wait(self, timeout):
        try:
            return await asyncio.wait_for(asyncio.shield(self.task), timeout)
        except asyncio.TimeoutError:
            return RunOutcome(RunStatus.FAILED, "not in time")

    async def replay(self):
        """The twin starts again on the same state; the same yes and the same request come again."""
        if self.stage.twin:
            await asyncio.to_thread(self.stage.kill)
        self.world.ambiguous = None
        await asyncio.to_thread(self.stage.start)
        run = type(self)(self.adapter, self.world, self.actions, None)
        run.task = asyncio.create_task(run.again())
        return run

    async def again(self):
        await self.ask(DOUG, "yes")
        answer = await self.ask(DOUG, request(0, self.actions[0]))
        if "Reply yes" in answer[1]:
            await self.agree(DOUG)
        return RunOutcome(RunStatus.COMPLETED)

    async def audit_receipts(self):
        """The twin's own evidence, and the suite's own receipts of what it looked up."""
        if self.stage.twin:
            await asyncio.to_thread(self.stage.stop)
        receipts, shown = [], {}

        def put(at, event, action=None):
            receipts.append(
                AuditReceipt(
                    len(receipts) + 1,
                    self.world.run_id,
                    event,
                    nanoseconds(at),
                    action and action.action_id,
                    action and action_digest(action),
                )
            )

        for at, event in await asyncio.to_thread(self.stage.evidence):
            kind = event["kind"]
            if kind == "twin":
                begins = event["change"]["change"] == "started"
                put(at, AuditEvent.RUN_STARTED if begins else AuditEvent.RUN_COMPLETED)
            elif kind == "proposed" and event["request"] not in shown:
                for asked in event["actions"]:
                    action = self.world.observed(asked["person"], asked["sku"])
                    shown.setdefault(event["request"], []).append(action)
                    put(at, AuditEvent.APPROVAL_REQUESTED, action)
            elif kind in ("intent", "declined"):
                decision = AuditEvent.APPROVED if kind == "intent" else AuditEvent.REJECTED
                for action in shown.get(event["request"], []):
                    put(at, decision, action)
        journal = self.world.effect.journal.receipts(run_id=self.world.run_id)
        return tuple(receipts) + journal

    async def reconcile(self, action_id, timeout):
        """The twin starts again, looks, and says what it found. The suite is asked the same."""
        world = self.world
        action = next(action for action in self.actions if action.action_id == action_id)
        digest = action_digest(action)

        def put(event):
            world.effect.journal.record_receipt(
                run_id=world.run_id, event=event, action_id=action_id, action_digest=digest
            )

        put(AuditEvent.RECONCILIATION_STARTED)
        try:
            evidence = await asyncio.wait_for(world.effect.reconcile(action), timeout)
        except asyncio.TimeoutError:
            put(AuditEvent.RECONCILIATION_TIMED_OUT)
            status = ReconciliationStatus.UNAVAILABLE
            return ReconciliationEvidence(action_id, status, digest, detail="timed out")
        world.ambiguous = None
        await asyncio.to_thread(self.stage.start)
        found = await asyncio.to_thread(self.stage.hears, DOUG, self.said, "receipt")
        # A conflict is the suite's own invention; the directory has the change.
        done = evidence.status is not ReconciliationStatus.NOT_COMMITTED
        assert found[1].startswith("Done") == done, f"the twin says {found[1]!r}"
        put(AuditEvent(f"reconciliation_{evidence.status.value}"))
        return evidence

    async def close(self):
        self.pending.set()
        await self.adapter.leave(self.world.run_id)


class Hasty(Run):
    """Says yes before it was decided."""

    async def people_decide(self):
        async def yes():
            await self.pending.wait()
            await self.agree(DOUG)

        hasty = asyncio.create_task(yes())
        outcome = await super().people_decide()
        await hasty
        return outcome


class Deaf(Run):
    """Says yes where it was told no."""

    async def reject(self, action_id, reason=None):
        await self.agree(self.asker[action_id])
        self.decided[action_id].set()


class Careless(Run):
    """Says yes to what was asked for first, not to what was decided."""

    async def instead(self, who, replacement):
        pass


def nanoseconds(at):
    whole, _, fraction = at.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def suite(conduct, consent, *scenarios):
    options = RunnerOptions(
        settle_seconds=0.5,
        operation_timeout_seconds=90,
        tool_timeout_seconds=2,
        scenarios=scenarios or None,
    )
    return SuiteRunner(options).verify_sync(Adapter(conduct, consent)).results


def main():
    checks, consent = Checks(), Consent()

    def kept(result):
        assert result.status.value == "passed", f"{result.status.value}: {result.detail}"

    for result in suite(Run, consent):
        checks.run(result.name, lambda: kept(result))

    def consented():
        consent.save(ROOM / "consent.json")
        figures = consent.total("silent"), consent.total("uninspectable")
        assert figures == (0, 0), consent.rows
        tried, effects = consent.total("inputs"), consent.total("effects")
        return f"{tried} messages, {effects} effects: 0 silent, 0 uninspectable"

    checks.run("no effect without a yes, none that was not on record before", consented)
    for conduct, scenario, code in [
        (Hasty, "approval_hold", "AB002"),
        (Deaf, "rejection", "AB004"),
        (Careless, "argument_binding", "AB005"),
    ]:

        def noticed():
            (result,) = suite(conduct, Consent(), scenario)
            found = result.finding and result.finding.code
            assert found == code, f"{found}: {result.detail}"

        checks.run(f"{conduct.__doc__.rstrip('.').lower()}: {code}", noticed)
    sys.exit(checks.failed)


main()
