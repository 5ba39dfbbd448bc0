"""A producer that puts its trades on the stream once, or thinks it has not."""

from penstock.codec import Packer
from tests.strategies import walk
from tests.worlds import BAD_LINES, TICKERS


class Producer:
    """Sends the entries of three tickers, in order per ticker, some of them twice.

    Attributes:
        trades: What there is to send, by ticker.
        bad_lines: What there is to send besides.
    """

    def __init__(self, chance, stream, happened, *, mixes_keys):
        """With `mixes_keys`, an aggregate may hold several keys of one shard."""
        self._chance, self._stream, self._happened = chance, stream, happened
        self._mixes_keys = mixes_keys
        self._aggregates = chance.random() < 0.3
        size = chance.randint(3, 16)
        self.trades = {t: walk(chance, size, t.partition(":")[2]) for t in TICKERS}
        self.bad_lines = []
        self._waiting = [(e.key, self._spoil(e.data)) for e in self._entries()]
        self._sent = []

    @property
    def done(self):
        return not self._waiting

    def send(self, now_us, *, rough):
        """Put the next entries; some are refused, some answers are lost."""
        chance = self._chance
        count = chance.randint(1, 6)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        accepted = self._refuse(taken) if rough and chance.random() < 0.2 else taken
        self._put(accepted, now_us)
        self._sent += accepted
        if rough and accepted and chance.random() < 0.15:
            self._happened["doubled by the producer"] += 1
            self._put(accepted, now_us)
        if rough and chance.random() < 0.05:
            # A producer that was restarted sends what its source still has.
            self._happened["sent again much later"] += 1
            start = chance.randrange(len(self._sent) + 1)
            self._put(self._sent[start : start + 4], now_us)

    def _entries(self):
        chance, entries = self._chance, []
        packer = Packer(chance.choice([1, 300, 900]), 0)  # one trade a record, or a few
        walks = [list(trades) for trades in self.trades.values()]
        while any(walks):
            source = chance.choice([w for w in walks if w])
            packer.add([source.pop(0)], 0)
            if chance.random() < 0.2:
                entries += packer.take(0)
        return entries + packer.flush()

    def _spoil(self, data):
        if self._chance.random() > 0.05:
            return data
        line = self._chance.choice(BAD_LINES)
        self.bad_lines.append(line)
        return line + b"\n" + data

    def _refuse(self, taken):
        # What is refused goes first next time, with all that follows of its key.
        self._happened["refused by the stream"] += 1
        keys = set(self._chance.sample(TICKERS, self._chance.randint(1, 3)))
        self._waiting[:0] = [entry for entry in taken if entry[0] in keys]
        return [entry for entry in taken if entry[0] not in keys]

    def _put(self, entries, now_us):
        while entries:
            count = 1
            if self._aggregates:
                count = self._together(entries)
                self._happened["aggregated"] += count > 1
            self._stream.put(entries[:count], now_us)
            entries = entries[count:]

    def _together(self, entries):
        # How many of the first entries may share a record.
        key = entries[0][0]
        shard = self._stream.shard_of(key)
        for count, (other, _) in enumerate(entries):
            same = self._stream.shard_of(other) is shard
            if not (same if self._mixes_keys else other == key):
                return count
        return len(entries)
