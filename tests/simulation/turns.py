"""Pieces of code that take turns, at any call of a store, with trouble on the way.

Every call of a port is a place where a piece may be left and another goes on, or where
it ends.  Greenlets do that, so that the code under test is the code that runs.
"""

from greenlet import GreenletExit, getcurrent, greenlet

from penstock.errors import UnavailableError


class Run:
    """A piece of code on its way, from one call of a port to another.

    Attributes:
        waited_for: Who waits for it; None where nobody does, or any more: a zombie.
        commits: How many states it has committed.
        calls: How many calls of ports it may make before somebody else's turn.
    """

    def __init__(self, code, waited_for=None):
        self.waited_for = waited_for
        self.commits = self.calls = 0
        self.result = None
        self._greenlet = greenlet(code)

    @property
    def over(self):
        return self._greenlet.dead

    def go_on(self, calls):
        self.calls = calls
        result = self._greenlet.switch()
        if self.over:
            self.result = result

    def end(self):
        """Stop it where it is, as a process is stopped."""
        self._greenlet.throw(GreenletExit)


class Turns:
    """Lets runs take turns, with trouble while `rough`.

    Attributes:
        rough: Whether anything goes wrong.
        runs: What is under way, zombies included.
    """

    def __init__(self, chance, happened):
        self._chance, self._happened = chance, happened
        self._main = getcurrent()
        self._current = None
        self._trouble = chance.choice([0, 0.02, 0.1])
        self._pace = chance.choice([(0, 1, 3, 1000), (0, 1, 2, 4)])
        self.rough = True
        self.runs = []

    def fault(self, operation, key, done):
        """The stores' fault: whose turn it is, and whether the call fails."""
        run = self._current
        if run is None:
            return
        run.commits += operation == "commit" and done
        if not run.calls:
            self._main.switch()
        run.calls -= 1
        if self.rough and self._chance.random() < self._trouble:
            self._happened["answers lost" if done else "refused by a store"] += 1
            raise UnavailableError(f"{operation} {key}: as the simulation has it")

    def start(self, code):
        """Begin a run that nobody waits for."""
        self.runs.append(Run(code))

    def go_on(self, now_us):
        """Let one of the runs make a few calls, or end it."""
        if not self.runs:
            return
        run = self.choice(self.runs)
        if run.waited_for is None:
            run = self.choice(self.runs)  # zombies take their time
        if self.rough and self._chance.random() < (0.2 if run.commits else 0.04):
            self.interrupt(run, now_us)
            return
        self._current = run
        run.go_on(self.choice(self._pace))
        self._current = None
        if run.over:
            self.runs.remove(run)
            self.answer(run, now_us)

    def interrupt(self, run, now_us):
        """Have something happen to a run."""
        raise NotImplementedError

    def answer(self, run, now_us):
        """Take what a run returned."""
        raise NotImplementedError

    def choice(self, items):
        """As `Random.choice`, in a fifth of the time."""
        return items[int(self._chance.random() * len(items))]
