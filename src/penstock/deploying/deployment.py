"""All stacks of an environment: what would change, and then that it does."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from penstock.deploying import stacks as stacks_
from penstock.deploying.assembly import Stack
from penstock.deploying.changes import Change, additions, differences, removals
from penstock.deploying.links import Links, exports, imports, in_order
from penstock.deploying.stacks import ChangeSet, Deployed, Tell
from penstock.deploying.target import Target

__all__ = ["Plan", "abandon", "carry_out", "make_plans", "outputs"]


class Plan(Struct, frozen=True, kw_only=True):
    """What is to become of a stack.

    Attributes:
        name: The stack's.
        stack: As it should be; None if it is not wanted any longer.
        before: As it is; None if it is not there.
        change_set: What is executed; None where it cannot be worked out yet.
        changes: What that does.
    """

    name: str
    stack: Stack | None
    before: Deployed | None
    change_set: ChangeSet | None = None
    changes: list[Change]

    @property
    def action(self) -> str:
        """In a word; "" if nothing is to be done."""
        if self.stack is None:
            return "delete"
        if self.before is None or self.before.is_stillborn:
            return "create"
        # Outputs are no resource's change, and one all the same.
        return "update" if self.changes or self.change_set else ""


def make_plans(
    target: Target, stacks: Sequence[Stack], deployed: Mapping[str, Deployed]
) -> list[Plan]:
    """Say what has to be done so that exactly `stacks` are deployed, in its order.

    Args:
        target: Where.
        stacks: As they should be; their files are published.
        deployed: What is there, settled.
    """
    found = {
        name: stacks_.template_of(target, name)
        for name, stack in deployed.items()
        if not stack.is_stillborn
    }
    there = frozenset[str]().union(*map(exports, found.values()))
    plans = {
        stack.name: _plan(
            target, stack, deployed.get(stack.name), found.get(stack.name), there
        )
        for stack in stacks
    }
    for name in deployed.keys() - plans.keys():
        plans[name] = _removal(target, deployed[name])
    links = {
        name: _links(found.get(name, {}), plan.stack.template if plan.stack else {})
        for name, plan in plans.items()
    }
    return [plans[name] for name in in_order(links)]


def carry_out(target: Target, plans: Iterable[Plan], tell: Tell) -> None:
    """Do what is planned, stack by stack.

    Raises:
        ConfigError: A stack failed; those before it are as planned.
        UnavailableError: AWS does not answer; the same may work later.
    """
    for plan in plans:
        if not plan.action:
            continue
        tell(f"{plan.name}: {plan.action}")
        if plan.before and (plan.stack is None or plan.before.is_stillborn):
            stacks_.delete(target, plan.before, tell)
        if plan.stack is None:
            continue
        change_set = plan.change_set or stacks_.make_change_set(
            target, plan.stack, is_new=plan.action == "create"
        )
        if change_set:
            stacks_.execute(target, change_set, tell)


def abandon(target: Target, plans: Iterable[Plan]) -> None:
    """Forget what was planned."""
    for plan in plans:
        if plan.change_set:
            stacks_.discard(target, plan.change_set)


def outputs(deployed: Mapping[str, Deployed]) -> dict[str, str]:
    """Return what the stacks say of themselves, without what only stacks need."""
    return {
        key: value
        for stack in deployed.values()
        for key, value in stack.outputs.items()
        if not key.startswith("ExportsOutput")
    }


def _plan(
    target: Target,
    stack: Stack,
    before: Deployed | None,
    template: Mapping[str, Any] | None,
    there: frozenset[str],
) -> Plan:
    def plan(changes: list[Change], change_set: ChangeSet | None = None) -> Plan:
        return Plan(
            name=stack.name,
            stack=stack,
            before=before,
            changes=changes,
            change_set=change_set,
        )

    if before is None or template is None:
        return plan(additions(stack.template))
    if template == stack.template and before.tags == stack.tags:
        return plan([])
    if imports(stack.template) - there:
        # A change set would ask for what a stack before it does not export yet.
        return plan(differences(template, stack.template))
    change_set = stacks_.make_change_set(target, stack, is_new=False)
    return plan(change_set.changes if change_set else [], change_set)


def _removal(target: Target, before: Deployed) -> Plan:
    gone = removals(stacks_.resources(target, before.id_))
    return Plan(name=before.name, stack=None, before=before, changes=gone)


def _links(before: Mapping[str, Any], after: Mapping[str, Any]) -> Links:
    return Links(
        exports_before=exports(before),
        imports_before=imports(before),
        exports_after=exports(after),
        imports_after=imports(after),
    )
